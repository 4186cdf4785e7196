//! 1,000 against 100,000 identities, created through the resource manager, on SQLite: what a token, a
//! GET, a page of a list and a PUT take, both directories open at once and asked in turns; how long
//! the view takes to load and what it holds in memory, each in a process of its own. Each identity
//! has one credential. (The view does not hold role assignments: they are read from the store.)

use crate::child::{command, resident_kib};
use crate::cloud::Cloud;
use crate::host::{Host, invite};
use crate::plane::{Plane, engine, kek, management_request, token_request, world};
use crate::report::Row;
use crate::stats::{median, time};
use crate::{Bench, Failure};
use bonafide_core::directory::{PRINCIPALS, PrincipalKind, add_certificate};
use bonafide_core::placement::HOSTS;
use bonafide_core::view::Views;
use bonafide_crypto::Certificate;
use bonafide_plane::unlock;
use bonafide_store::{Locked, Read, StoreError};
use bonafide_types::{HostId, ObjectId};
use bonafide_wire::{Peer, Request};
use http::{HeaderValue, Method};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

const WRITERS: usize = 16;
const IN_GROUP: usize = 1_000;
/// Credentials in one transaction.
const CREDENTIALS_AT_ONCE: usize = 1_000;
const VERSION: &str = "2018-11-30";
const BODY: &str = r#"{"location":"westeurope"}"#;
const RATIO_MAX: f64 = 1.2;

pub(super) fn measure(bench: &Bench) -> Result<Vec<Row>, Failure> {
    let (few, many) = bench.amount((1_000, 100_000), (1_000, 4_000));
    let folder = bench.folder("scale")?;
    let small = Directory::create(bench, folder.join("small"), few)?;
    let large = Directory::create(bench, folder.join("large"), many)?;
    let mut rows = compare(bench, &small, &large)?;
    rows.push(Row::plain(
        "user-assigned identities created through the resource manager, 16 writers, durable",
        format!("{:.0} per second ({few}), {:.0} per second ({many})", small.per_second, large.per_second),
    ));
    let (one, other) = (small.close(), large.close());
    rows.extend(views(&one, few, &other, many)?);
    Ok(rows)
}

/// A directory with so many identities, open.
struct Directory {
    data: PathBuf,
    plane: Plane,
    authorization: HeaderValue,
    count: usize,
    host: Host,
    peer: Peer,
    per_second: f64,
}

impl Directory {
    fn create(bench: &Bench, data: PathBuf, count: usize) -> Result<Self, Failure> {
        Cloud::start(bench, &data, None)?.process.stop()?;
        let plane = Plane::open(&data)?;
        let authorization = plane.authorization()?;
        let per_second = fill(&plane, &authorization, count)?;
        let invitation = invite(&plane)?;
        let (host, certificate) = Host::new(&plane, &invitation)?;
        let certificate = Certificate::from_der(&certificate)?;
        let world = world();
        plane.store.write(|tx| {
            let row = bonafide_core::placement::Host::new("bench", world.now);
            tx.put(&HOSTS, &invitation.host, &row)?;
            add_certificate(tx, &world, invitation.principal, &certificate, Some(invitation.host)).map(drop)
        })?;
        credentials(&plane, &certificate, invitation.host)?;
        plane.catch_up()?;
        Ok(Self { data, plane, authorization, count, host, peer: Peer::Host(invitation.host), per_second })
    }

    fn close(self) -> PathBuf {
        self.data
    }

    fn request(&self, method: Method, path: String, body: &'static str) -> Request {
        management_request(method, &self.authorization, path, VERSION, body)
    }

    fn identity(&self, at: usize) -> String {
        identity(&self.plane, at)
    }

    /// Microseconds that one request of a kind takes; `at` numbers the requests.
    fn take(&self, kind: Kind, at: usize) -> Result<f64, Failure> {
        let request = match kind {
            Kind::Token => {
                let (path, audience) = self.plane.token_endpoint();
                token_request(&path, self.host.form(&audience)?, self.peer)
            }
            Kind::Get => self.request(Method::GET, self.identity(at * 7_919 % self.count), ""),
            Kind::List => {
                let types = "providers/Microsoft.ManagedIdentity/userAssignedIdentities";
                self.request(Method::GET, format!("/subscriptions/{}/{types}", self.plane.info.subscription_id), "")
            }
            Kind::Put => self.request(Method::PUT, format!("{}-new-{at}", self.identity(0)), BODY),
        };
        // Nothing follows the store here, and a view that is too old answers nothing.
        self.plane.catch_up()?;
        let started = Instant::now();
        let status = match kind {
            Kind::Token => self.plane.sign_in(&request)?.status,
            Kind::Get | Kind::List | Kind::Put => self.plane.manage(&request).status,
        };
        let took = started.elapsed();
        if status.is_success() {
            Ok(took.as_secs_f64() * 1e6)
        } else {
            Err(format!("{} was answered with {status}", request.path).into())
        }
    }
}

#[derive(Clone, Copy)]
enum Kind {
    Token,
    Get,
    List,
    Put,
}

fn group(plane: &Plane, number: usize) -> String {
    format!("/subscriptions/{}/resourceGroups/scale-{number}", plane.info.subscription_id)
}

fn identity(plane: &Plane, at: usize) -> String {
    let group = group(plane, at / IN_GROUP);
    format!("{group}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/identity-{at}")
}

/// Identities after which the view is brought up to date, as the control plane does all the time.
const FOLLOWED_EACH: usize = 1_000;

/// Creates groups and identities; identities per second.
fn fill(plane: &Plane, authorization: &HeaderValue, count: usize) -> Result<f64, Failure> {
    let put = |path: String, version: &str| {
        let reply = plane.manage(&management_request(Method::PUT, authorization, path, version, BODY));
        match reply.status.is_success() {
            true => Ok(()),
            false => Err(String::from_utf8_lossy(&reply.body).into_owned()),
        }
    };
    for number in 0..count.div_ceil(IN_GROUP) {
        put(group(plane, number), "2021-04-01")?;
    }
    let next = AtomicUsize::new(0);
    let started = Instant::now();
    std::thread::scope(|scope| {
        let work = || -> Result<(), String> {
            loop {
                let at = next.fetch_add(1, Ordering::Relaxed);
                if at >= count {
                    return Ok(());
                }
                if at.is_multiple_of(FOLLOWED_EACH) {
                    plane.catch_up().map_err(|error| error.to_string())?;
                }
                put(identity(plane, at), VERSION)?;
            }
        };
        let writers: Vec<_> = (0..WRITERS).map(|_| scope.spawn(work)).collect();
        writers.into_iter().try_for_each(|writer| writer.join().map_err(|_| "a writer panicked".to_owned())?)
    })?;
    Ok(count as f64 / started.elapsed().as_secs_f64())
}

/// Gives every user-assigned identity a credential, as its host's agent would.
fn credentials(plane: &Plane, certificate: &Certificate, host: HostId) -> Result<(), Failure> {
    let mut after: Option<ObjectId> = None;
    loop {
        let rows = plane.store.read(|tx| tx.page(&PRINCIPALS, &(), after.as_ref(), CREDENTIALS_AT_ONCE));
        let rows = rows.map_err(|error: StoreError| error)?;
        let Some((last, _)) = rows.last() else { return Ok(()) };
        after = Some(*last);
        let world = world();
        plane.store.write(|tx| {
            let managed = rows.iter().filter(|(_, row)| matches!(row.kind, PrincipalKind::UserAssigned { .. }));
            for (principal, _) in managed {
                add_certificate(tx, &world, *principal, certificate, Some(host))?;
            }
            Ok::<_, StoreError>(())
        })?;
    }
}

fn compare(bench: &Bench, small: &Directory, large: &Directory) -> Result<Vec<Row>, Failure> {
    let kinds = [
        ("token issue", Kind::Token, bench.amount(400, 40)),
        ("GET", Kind::Get, bench.amount(2_000, 100)),
        ("one page of a list", Kind::List, bench.amount(30, 4)),
        ("PUT", Kind::Put, bench.amount(400, 40)),
    ];
    let mut rows = Vec::new();
    for (name, kind, count) in kinds {
        let (mut few, mut many) = (Vec::new(), Vec::new());
        for at in 0..count {
            few.push(small.take(kind, at)?);
            many.push(large.take(kind, at)?);
        }
        let (few, many) = (median(&few), median(&many));
        let ratio = many / few;
        rows.push(Row::judged(
            &format!("{name} with {} identities ÷ with {}", large.count, small.count),
            "≤ 1.2",
            format!("{ratio:.2} (median of {count}: {} against {})", time(many), time(few)),
            ratio <= RATIO_MAX,
        ));
    }
    Ok(rows)
}

fn views(small: &Path, few: usize, large: &Path, many: usize) -> Result<Vec<Row>, Failure> {
    let (one, other) = (view(small)?, view(large)?);
    let bytes = (other.kib.saturating_sub(one.kib)) as f64 * 1024.0 / (many - few) as f64;
    let seconds_of_a_million = other.seconds * 1e6 / many as f64;
    Ok(vec![
        Row::judged(
            "view loaded from the store",
            "≤ 10 s for a million",
            format!(
                "{:.2} s for {many}, {:.3} s for {few}; at that rate {seconds_of_a_million:.1} s for a million",
                other.seconds, one.seconds
            ),
            seconds_of_a_million <= 10.0,
        ),
        Row::judged(
            "memory of the view for each identity with one credential (resident)",
            "≤ 500 bytes",
            format!("{bytes:.0} bytes"),
            bytes <= 500.0,
        ),
    ])
}

struct LoadedView {
    seconds: f64,
    kib: u64,
}

/// Loads the view in a process of its own.
fn view(data: &Path) -> Result<LoadedView, Failure> {
    let output = command(std::env::current_exe()?, None).arg("view").arg(data).output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let mut fields = text.split_ascii_whitespace();
    let mut next = || fields.next().ok_or_else(|| String::from_utf8_lossy(&output.stderr).into_owned());
    Ok(LoadedView { seconds: next()?.parse()?, kib: next()?.parse()? })
}

/// Loads a directory's view, and prints how many seconds it took and how many KiB it holds.
pub(crate) fn print_view(data: &Path) -> Result<(), Failure> {
    let kek = kek(data)?;
    let store = unlock(Locked::new(engine(data)?), &kek)?;
    let resident = || resident_kib(&std::fs::read_to_string("/proc/self/status")?);
    let before = resident()?;
    let started = Instant::now();
    let views = Views::load(&store, kek)?;
    let took = started.elapsed();
    println!("{} {}", took.as_secs_f64(), resident()?.saturating_sub(before));
    drop(views);
    Ok(())
}
