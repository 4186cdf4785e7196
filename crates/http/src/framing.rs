//! The one reading of a request's bytes. hyper takes some heads that others read otherwise (a line that ends without a
//! carriage return, a length beside chunks, two lengths that agree), and whoever stands in between may be one of those
//! others. Here the bytes are followed before hyper has them; who sends what has two readings is not heard further.
//! Source: RFC 9112 sections 2.2, 5.2, 6.1, 6.3 and 7.1.

use bonafide_types::limits::HEAD_BYTES_MAX;
use memchr::memchr;

/// Digits of a length that is read; a longer one is larger than any body that is taken.
const DIGITS_MAX: usize = 15;
/// Longest line between chunks that is looked at, in bytes. Source: ours; clients send a size and nothing else.
const CHUNK_LINE_BYTES_MAX: usize = 1024;

/// The message can be read in two ways, or in none.
struct Ambiguous;

/// Some bytes are not to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fault {
    /// The number of those that come before the message that is at fault.
    pub(super) good: usize,
    /// True when its head was read before, so that its surface answers.
    pub(super) in_body: bool,
}

/// The place in the requests of one connection.
#[derive(Default)]
pub(super) struct Framing {
    state: State,
    /// The beginning of a line whose end has not come.
    line: Vec<u8>,
    /// Of the head that is being read.
    head: Head,
    head_bytes: usize,
}

#[derive(Default, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Before a request line. Empty lines may precede it.
    #[default]
    Start,
    /// In the fields of a head.
    Fields,
    /// In a body, or a chunk, of which this many bytes are to come.
    Bytes { left: u64, is_chunk: bool },
    /// Before the size of a chunk.
    Size,
    /// In the fields after the last chunk.
    Trailers,
}

/// The lengths that a head has told.
#[derive(Default, Clone, Copy)]
struct Head {
    length: Option<u64>,
    is_chunked: bool,
}

impl Framing {
    /// Follows some more bytes.
    pub(super) fn follow(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        let mut fault = Fault { good: 0, in_body: !matches!(self.state, State::Start | State::Fields) };
        let mut at = 0;
        while at < bytes.len() {
            if let State::Bytes { left, is_chunk } = self.state {
                let taken = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len() - at);
                at += taken;
                self.state = match (left - taken as u64, is_chunk) {
                    (0, true) => State::Size,
                    (0, false) => State::Start,
                    (left, _) => State::Bytes { left, is_chunk },
                };
                continue;
            }
            if self.state == State::Start && self.line.is_empty() {
                fault = Fault { good: at, in_body: false };
            }
            let rest = &bytes[at..];
            let taken = memchr(b'\n', rest).map_or(rest.len(), |end| end + 1);
            at += taken;
            self.part(&rest[..taken]).map_err(|Ambiguous| fault)?;
        }
        Ok(())
    }

    /// Bytes of the head that is being read, or of the line between chunks.
    pub(super) fn head_bytes(&self) -> usize {
        self.head_bytes
    }

    /// A line, or a part of one at whose end is the line's if it has come.
    fn part(&mut self, part: &[u8]) -> Result<(), Ambiguous> {
        self.head_bytes += part.len();
        if !part.ends_with(b"\n") {
            // hyper refuses a head that is larger, and then reads no more.
            if self.line.len() + part.len() <= HEAD_BYTES_MAX {
                self.line.extend_from_slice(part);
            }
            return Ok(());
        }
        if self.line.is_empty() {
            return self.line(part);
        }
        let mut line = std::mem::take(&mut self.line);
        line.extend_from_slice(part);
        self.line(&line)
    }

    fn line(&mut self, line: &[u8]) -> Result<(), Ambiguous> {
        let line = line.strip_suffix(b"\r\n").ok_or(Ambiguous)?;
        self.state = match (self.state, line.is_empty()) {
            (State::Start, true) => State::Start,
            (State::Start, false) => {
                self.head = Head::default();
                State::Fields
            }
            (State::Fields, true) => self.body()?,
            (State::Fields, false) => {
                self.head.field(line)?;
                State::Fields
            }
            (State::Size, _) => chunk(line)?,
            (State::Trailers, true) => State::Start,
            (State::Trailers, false) => State::Trailers,
            (State::Bytes { .. }, _) => return Err(Ambiguous),
        };
        if !matches!(self.state, State::Fields | State::Trailers) {
            self.head_bytes = 0;
        }
        Ok(())
    }

    /// The state after a head.
    fn body(&self) -> Result<State, Ambiguous> {
        match (self.head.length, self.head.is_chunked) {
            (Some(_), true) => Err(Ambiguous),
            (None, true) => Ok(State::Size),
            (None | Some(0), false) => Ok(State::Start),
            (Some(left), false) => Ok(State::Bytes { left, is_chunk: false }),
        }
    }
}

impl Head {
    fn field(&mut self, line: &[u8]) -> Result<(), Ambiguous> {
        if matches!(line.first(), Some(b' ' | b'\t')) {
            // The continuation of the field before (obs-fold).
            return Err(Ambiguous);
        }
        // Most fields are neither.
        if !matches!(line.first(), Some(b'c' | b'C' | b't' | b'T')) {
            return Ok(());
        }
        let colon = line.iter().position(|byte| *byte == b':').ok_or(Ambiguous)?;
        let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
        // A space between name and colon: hyper refuses that of every field; of these nobody else may have read it.
        match name.trim_ascii_end() {
            found if found.eq_ignore_ascii_case(b"content-length") => {
                let length = number(value, 10).filter(|_| self.length.is_none() && found.len() == name.len());
                self.length = Some(length.ok_or(Ambiguous)?);
            }
            found if found.eq_ignore_ascii_case(b"transfer-encoding") => {
                if self.is_chunked || found.len() < name.len() || !value.eq_ignore_ascii_case(b"chunked") {
                    return Err(Ambiguous);
                }
                self.is_chunked = true;
            }
            _ => {}
        }
        Ok(())
    }
}

/// The state after the size of a chunk.
fn chunk(line: &[u8]) -> Result<State, Ambiguous> {
    if line.len() > CHUNK_LINE_BYTES_MAX {
        return Err(Ambiguous);
    }
    let digits = line.iter().position(|byte| !byte.is_ascii_hexdigit()).unwrap_or(line.len());
    if !matches!(line.get(digits), None | Some(b';')) {
        return Err(Ambiguous);
    }
    match number(&line[..digits], 16).ok_or(Ambiguous)? {
        0 => Ok(State::Trailers),
        // The line end behind the chunk is its last two bytes: hyper refuses it if it is anything else.
        size => Ok(State::Bytes { left: size + 2, is_chunk: true }),
    }
}

/// Digits, and nothing else.
fn number(digits: &[u8], radix: u32) -> Option<u64> {
    let is_digit = |byte: &u8| char::from(*byte).is_digit(radix);
    let is_number = !digits.is_empty() && digits.len() <= DIGITS_MAX && digits.iter().all(is_digit);
    is_number.then(|| u64::from_str_radix(std::str::from_utf8(digits).ok()?, radix).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The result of following the pieces of a text one after the other.
    fn follow(text: &str, size: usize) -> Result<(), Fault> {
        let mut framing = Framing::default();
        text.as_bytes().chunks(size).try_for_each(|piece| framing.follow(piece))
    }

    #[test]
    fn np_03_the_message_at_fault_is_told_from_those_before_it() {
        let good = "POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\n\n\n\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n";
        let mut framing = Framing::default();
        let fault = |good, in_body| Err(Fault { good, in_body });
        assert_eq!(framing.follow(format!("{good}GET / HTTP/1.1\n\n").as_bytes()), fault(good.len(), false));
        let mut framing = Framing::default();
        assert_eq!(framing.follow(format!("{good}GET / HT").as_bytes()), Ok(()));
        assert_eq!(framing.follow(b"TP/1.1\n"), fault(0, false));
        let mut framing = Framing::default();
        assert_eq!(framing.follow(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"), Ok(()));
        assert_eq!(framing.follow(b"1\r\nx\r\nx\r\n"), fault(0, true));
    }

    #[test]
    fn np_03_bodies_are_passed_over_however_they_are_told() {
        let chunked = "POST / HTTP/1.1\r\nTransfer-Encoding: CHUNKED\r\n\r\n";
        for (body, is_good) in [
            ("5\r\n\n\n\n\n\n\r\n0\r\n\r\n", true),
            ("a;b=c\r\n0123456789\r\n00\r\nX: y\r\n\r\n", true),
            ("5 \r\n", false),
            ("5\n", false),
            ("\r\n", false),
            ("-1\r\n", false),
            ("0x1\r\n", false),
            ("ffffffffffffffffffff\r\n", false),
            ("1;\n\r\n", false),
            ("0\r\nX: y\n\r\n", false),
        ] {
            let text = format!("{chunked}{body}");
            for size in [1, 3, text.len()] {
                assert_eq!(follow(&format!("{text}GET / HTTP/1.1\r\n\r\n"), size).is_ok(), is_good, "{body:?}");
            }
        }
    }

    #[test]
    fn np_06_any_bytes_are_followed_with_little_memory() {
        let mut framing = Framing::default();
        for _ in 0..1_000 {
            assert_eq!(framing.follow(&[b'x'; 1_024]), Ok(()));
        }
        assert!(framing.line.len() <= HEAD_BYTES_MAX);
    }
}
