//! One structured log line for each request and each connection that is refused, and one for each
//! [`Event`]. None holds a query, a header, a body, a token, a key or a secret: only what is named here
//! and in `event.rs`.

use super::head::first;
use super::sink::Sink;
use crate::clock;
use crate::event::{Event, Said, WHY_BYTES_MAX, shown};
use bonafide_types::Timestamp;
use bonafide_wire::{Answer, Field, Peer, Record, Reply};
use http::{HeaderName, StatusCode};
use std::fmt::Display;
use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

/// Longest path that is logged, in bytes.
const PATH_BYTES_MAX: usize = 512;

/// The outputs of request lines.
#[derive(Default)]
pub struct Log {
    all: Option<Arc<Sink>>,
    /// Events, and requests that failed by no fault of theirs. A place of its own: lines of requests that succeed would
    /// soon displace them. So would those of requests that met an outage, which anybody can send: of these there is a
    /// line a minute.
    failures: OnceLock<Arc<Sink>>,
    said: Mutex<Said>,
    /// True while only the failures are written, to their own place.
    is_quiet: AtomicBool,
}

impl Log {
    /// Writes to `output` from a thread of its own.
    pub fn to(output: impl Write + Send + 'static) -> std::io::Result<Arc<Self>> {
        Ok(Arc::new(Self { all: Some(Sink::to(output)?), ..Self::default() }))
    }

    /// Writes nothing, but for failures once there is a place for them.
    pub fn off() -> Arc<Self> {
        Arc::default()
    }

    /// From now on, writes failures to `output` too, from a thread of its own. The first place counts.
    pub fn keep_failures(&self, output: impl Write + Send + 'static) -> std::io::Result<()> {
        let sink = Sink::to(output)?;
        self.failures.get_or_init(|| sink);
        Ok(())
    }

    /// Stops to write to the first output from now on, or goes on with it.
    pub fn quieten(&self, is_quiet: bool) {
        self.is_quiet.store(is_quiet, Ordering::Relaxed);
    }

    fn all(&self) -> Option<&Arc<Sink>> {
        self.all.as_ref().filter(|_| !self.is_quiet.load(Ordering::Relaxed))
    }

    /// Returns when everything so far is written, or cannot be in time: for the end of a process.
    pub fn flush(&self) {
        for sink in self.all.iter().chain(self.failures.get()) {
            sink.flush();
        }
    }

    /// Logs one request.
    pub(super) fn write(&self, entry: &Entry<'_>, answer: &Answer) {
        let Answer { reply, record } = answer;
        if record.is_quiet() {
            return;
        }
        if let Some((name, why)) = record.event() {
            self.event(&Event::named(name).with_record(record), &why);
        }
        if let Some(sink) = self.all() {
            sink.put(|out| entry.append(reply, record, 0, out));
        }
        let Some((sink, repeated)) = self.failures.get().zip(self.kept(entry.surface, reply)) else { return };
        sink.put(|out| entry.append(reply, record, repeated, out));
    }

    /// If an answer is logged with the failures, the number of answers with its reason that were left out before it.
    fn kept(&self, surface: &'static str, reply: &Reply) -> Option<u64> {
        match reply.status {
            StatusCode::INTERNAL_SERVER_ERROR => Some(0),
            status if status.is_server_error() => {
                let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
                said.of_surface(surface, reply.why.as_deref().unwrap_or_default(), Instant::now())
            }
            _ => None,
        }
    }

    /// Logs something that failed, unless the same was logged a moment ago.
    pub fn event(&self, event: &Event, why: &dyn Display) {
        let now = clock::now().unix_micros();
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(line) = said.line(event, &why.to_string(), Instant::now(), now) else { return };
        for sink in self.all().into_iter().chain(self.failures.get()) {
            sink.put(|out| {
                out.extend_from_slice(&line);
                out.push(b'\n');
            });
        }
    }
}

/// The members that all requests of a connection share, made once: where it arrived and from whom.
pub(super) fn connection_members(surface: &str, peer: Peer) -> String {
    match peer {
        Peer::Anonymous(remote) => format!("\"surface\":\"{surface}\",\"peer\":\"{remote}\""),
        Peer::Certified(host, _) | Peer::Host(host) => format!("\"surface\":\"{surface}\",\"peer\":\"host {host}\""),
    }
}

/// The fields of a request's log line. Of a connection that is refused, neither method nor path is known.
pub(super) struct Entry<'a> {
    pub(super) at: Timestamp,
    pub(super) surface: &'static str,
    /// See [`connection_members`].
    pub(super) connection: &'a str,
    pub(super) method: &'a str,
    pub(super) path: &'a str,
    pub(super) took: Duration,
}

impl Entry<'_> {
    /// Writes the line. It is on the path of every cached token, hence no formatting machinery.
    fn append(&self, reply: &Reply, record: &Record, repeated: u64, out: &mut Vec<u8>) {
        let mut digits = itoa::Buffer::new();
        let mut number = |out: &mut Vec<u8>, number: u64| out.extend_from_slice(digits.format(number).as_bytes());
        let text = |out: &mut Vec<u8>, text: &str| out.extend_from_slice(text.as_bytes());
        text(out, "{\"timeMicros\":");
        number(out, self.at.unix_micros());
        text(out, ",");
        text(out, self.connection);
        text(out, ",\"method\":\"");
        text(out, self.method);
        text(out, "\",\"path\":");
        json_string(out, &self.path[..self.path.floor_char_boundary(PATH_BYTES_MAX)]);
        text(out, ",\"status\":");
        number(out, u64::from(reply.status.as_u16()));
        text(out, ",\"bytes\":");
        number(out, reply.body.len() as u64);
        text(out, ",\"micros\":");
        number(out, micros(self.took));
        if let Some(request) = first(&reply.headers, &REQUEST_ID).and_then(|id| id.to_str().ok()) {
            text(out, ",\"request\":");
            json_string(out, request);
        }
        for (name, value) in record.fields() {
            text(out, ",\"");
            text(out, name);
            text(out, "\":");
            match value {
                Field::Number(value) => number(out, *value),
                Field::Text(value) => json_string(out, value),
            }
        }
        if let Some(why) = &reply.why {
            text(out, ",\"why\":");
            json_string(out, &why[..why.floor_char_boundary(WHY_BYTES_MAX)]);
        }
        if repeated > 0 {
            text(out, ",\"repeated\":");
            number(out, repeated);
        }
        text(out, "}\n");
    }
}

static REQUEST_ID: HeaderName = HeaderName::from_static("x-ms-request-id");

/// Whole microseconds, in the width that is printed fastest.
fn micros(duration: Duration) -> u64 {
    duration.as_secs() * 1_000_000 + u64::from(duration.subsec_micros())
}

/// A JSON string. Nearly every path needs no escape.
fn json_string(out: &mut Vec<u8>, text: &str) {
    let is_plain = |byte: &u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\');
    // Without a way out of the loop, so that it can look at many bytes at once.
    if text.as_bytes().iter().fold(true, |plain, byte| plain & is_plain(byte)) {
        out.push(b'"');
        out.extend_from_slice(text.as_bytes());
        out.push(b'"');
    } else {
        // Writing to a vector cannot fail, and a string always has a JSON form.
        let _ = serde_json::to_writer(out, &shown(text, text.len()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sink::BUFFER_BYTES;
    use std::sync::mpsc::{Sender, channel};

    struct Output(Sender<Vec<u8>>);

    impl Write for Output {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.send(bytes.to_vec()).map(|()| bytes.len()).map_err(std::io::Error::other)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn every_line_is_written_once_and_in_order_however_often_the_buffers_turn() {
        const LINES: u64 = 3_000;
        let (sender, written) = channel();
        let log = Log::to(Output(sender)).unwrap();
        let reply = Answer::from(Reply::empty(StatusCode::OK));
        for number in 0..LINES {
            let at = Timestamp::from_unix_micros(number);
            let (connection, path) = ("\"surface\":\"test\"", "/metadata/identity/oauth2/token");
            let took = Duration::from_micros(1_000_001);
            let entry = Entry { at, surface: "test", connection, method: "GET", path, took };
            log.write(&entry, &reply);
        }
        let mut text = String::new();
        while text.lines().count() < LINES as usize {
            text += std::str::from_utf8(&written.recv_timeout(Duration::from_secs(10)).unwrap()).unwrap();
        }
        for (number, line) in text.lines().enumerate() {
            let line: serde_json::Value = serde_json::from_str(line).unwrap();
            assert_eq!((line["timeMicros"].as_u64(), line["micros"].as_u64()), (Some(number as u64), Some(1_000_001)));
        }
        assert!(text.len() > 3 * BUFFER_BYTES, "the buffers took turns");
    }

    #[test]
    fn failures_have_a_place_of_their_own_also_where_nothing_else_is_written() {
        let (sender, written) = channel();
        let log = Log::off();
        log.keep_failures(Output(sender)).unwrap();
        let entry = |path| Entry {
            at: Timestamp::from_unix_micros(1),
            surface: "test",
            connection: "\"surface\":\"test\"",
            method: "GET",
            path,
            took: Duration::ZERO,
        };
        for (path, status) in [("/good", 200), ("/refused", 400), ("/failed", 500), ("/failed", 500), ("/busy", 503)] {
            log.write(&entry(path), &Reply::empty(StatusCode::from_u16(status).unwrap()).into());
        }
        log.write(
            &entry("/quiet"),
            &Answer { reply: Reply::empty(StatusCode::SERVICE_UNAVAILABLE), record: Record::quiet() },
        );
        log.event(&Event::named("followFailed"), &"no disk");
        log.flush();
        let text = String::from_utf8(written.try_iter().flatten().collect()).unwrap();
        let lines: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines.len(), 4, "{text}");
        for (line, path) in lines.iter().zip(["/failed", "/failed", "/busy"]) {
            assert_eq!(line["path"], path);
        }
        assert_eq!(lines[3]["event"], "followFailed");
    }

    #[test]
    fn a_flood_of_503_leaves_the_place_of_failures_to_the_others() {
        let ((sender, written), (all_sender, all)) = (channel(), channel());
        let log = Log::to(Output(all_sender)).unwrap();
        log.keep_failures(Output(sender)).unwrap();
        let busy = Answer::from(Reply::empty(StatusCode::SERVICE_UNAVAILABLE));
        let stopped = Answer::from(Reply::empty(StatusCode::SERVICE_UNAVAILABLE)).because(&"the store is down");
        for _ in 0..500 {
            for (surface, answer) in [("public", &busy), ("public", &stopped), ("hosts", &busy)] {
                let connection = format!("\"surface\":\"{surface}\"");
                let at = Timestamp::from_unix_micros(1);
                let entry =
                    Entry { at, surface, connection: &connection, method: "GET", path: "/", took: Duration::ZERO };
                log.write(&entry, answer);
            }
        }
        log.flush();
        let text = String::from_utf8(written.try_iter().flatten().collect()).unwrap();
        let lines: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let kept: Vec<_> = lines.iter().map(|line| (line["surface"].as_str().unwrap(), line["why"].as_str())).collect();
        assert_eq!(kept, [("public", None), ("public", Some("the store is down")), ("hosts", None)]);
        // With a log of requests, each request has its line.
        let all: Vec<u8> = all.try_iter().flatten().collect();
        assert_eq!(all.iter().filter(|byte| **byte == b'\n').count(), 1_500);
    }

    #[test]
    fn a_line_tells_how_many_of_its_reason_were_left_out() {
        let (at, connection) = (Timestamp::from_unix_micros(1), "\"surface\":\"test\"");
        let entry = Entry { at, surface: "test", connection, method: "GET", path: "/", took: Duration::ZERO };
        for (repeated, told) in [(0, serde_json::Value::Null), (300, 300.into())] {
            let mut line = Vec::new();
            entry.append(&Reply::empty(StatusCode::SERVICE_UNAVAILABLE), &Record::default(), repeated, &mut line);
            assert_eq!(serde_json::from_slice::<serde_json::Value>(&line).unwrap()["repeated"], told);
        }
    }

    #[test]
    fn a_flush_returns_when_the_last_lines_are_written() {
        let (sender, written) = channel();
        let log = Log::to(Output(sender)).unwrap();
        let entry = Entry {
            at: Timestamp::from_unix_micros(1),
            surface: "test",
            connection: "\"surface\":\"test\"",
            method: "GET",
            path: "/last",
            took: Duration::ZERO,
        };
        log.write(&entry, &Reply::empty(StatusCode::OK).into());
        log.flush();
        let lines: Vec<u8> = written.try_iter().flatten().collect();
        assert!(String::from_utf8(lines).unwrap().contains("/last"));
    }
}
