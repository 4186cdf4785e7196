//! The control plane of the listeners' tests, whose store can be stopped.

use crate::control_plane::{ControlPlane, OwnAuthority};
use crate::files::PlaneFiles;
use crate::first_start::first_start;
use crate::installation::Installation;
use crate::lanes::Lanes;
use crate::listener::PlaneListener;
use crate::origin::Origin;
use crate::surfaces::On;
use bonafide_core::placement::{HOSTS, Host};
use bonafide_files::{Chosen, Root};
use bonafide_http::{Log, Service, Waits, clock};
use bonafide_store::audit::AuditRecord;
use bonafide_store::engine::{Changes, Commit, Cursor, Engine, HighWater, Revision, Snapshot, Verdict};
use bonafide_store::{EngineError, Locked, MemoryEngine, Trouble};
use bonafide_types::{HostId, TenantId};
use bonafide_wire::{Answer, Peer, Request};
use bytes::Bytes;
use http::{HeaderMap, Method};
use serde_json::Value;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::watch;

/// A control plane on a store that can be stopped.
pub(super) struct Cloud {
    pub(super) plane: Arc<ControlPlane>,
    pub(super) lanes: Arc<Lanes>,
    pub(super) stopped: Arc<AtomicBool>,
    /// Of the operator.
    pub(super) secret: (TenantId, String),
    pub(super) host: HostId,
    pub(super) installation: Installation,
    pub(super) folder: tempfile::TempDir,
}

impl Cloud {
    pub(super) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let files = PlaneFiles::create(&Root::create(&folder.path().join("data"), Chosen::Named).unwrap()).unwrap();
        let stopped = Arc::new(AtomicBool::new(false));
        let store = Locked::new(Stoppable { engine: MemoryEngine::new(), stopped: Arc::clone(&stopped) });
        let origin = Origin::new(&[], "127.0.0.1:8443".parse().unwrap()).unwrap();
        let (plane, _) = ControlPlane::open(&files, store, &origin, OwnAuthority::Kept, Log::off()).unwrap();
        let plane = Arc::new(plane);
        let installation = first_start(&plane, &files, None, true).unwrap();
        let row = Host::new("local", clock::now());
        plane.store.write(|tx| tx.put(&HOSTS, &installation.local_host, &row)).unwrap();
        plane.catch_up().unwrap();
        let secret = std::fs::read_to_string(files.operator_secret()).unwrap();
        let form = format!(
            "grant_type=client_credentials&client_id={}&client_secret={secret}&resource=https://management.azure.com/",
            installation.operator_client
        );
        let lanes = Arc::new(Lanes::narrow());
        Self {
            plane,
            lanes,
            stopped,
            secret: (installation.tenant, form),
            host: installation.local_host,
            installation,
            folder,
        }
    }

    pub(super) fn public(&self) -> PlaneListener {
        self.listener(On::Public)
    }

    pub(super) fn hosts(&self) -> PlaneListener {
        self.listener(On::Hosts)
    }

    fn listener(&self, on: On) -> PlaneListener {
        let (_, revisions) = watch::channel(0);
        PlaneListener { on, plane: Arc::clone(&self.plane), lanes: Arc::clone(&self.lanes), revisions }
    }

    pub(super) fn stop_store(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }

    /// Login's answer to the operator.
    pub(super) async fn sign_in(&self) -> Answer {
        let (tenant, form) = &self.secret;
        let path = format!("/{tenant}/oauth2/token");
        self.public().answered(Request { body: Bytes::from(form.clone()), ..request(Method::POST, &path) }).await
    }

    pub(super) async fn get(&self, path: &str) -> (u16, Value) {
        let Answer { reply, .. } = self.public().answered(request(Method::GET, path)).await;
        (reply.status.as_u16(), serde_json::from_slice(&reply.body).unwrap())
    }
}

impl PlaneListener {
    /// Its answer to a request that came now.
    pub(super) async fn answered(&self, mut request: Request) -> Answer {
        self.answer(&mut request, clock::now(), &Waits::uncounted()).await
    }
}

/// A request of anybody.
pub(super) fn request(method: Method, path: &str) -> Request {
    Request {
        method,
        path: path.to_owned(),
        query: String::new(),
        version: http::Version::HTTP_11,
        headers: HeaderMap::new(),
        body: Bytes::new(),
        peer: Peer::Anonymous((Ipv4Addr::LOCALHOST, 1).into()),
    }
}

/// An engine that fails while it is stopped.
struct Stoppable {
    engine: MemoryEngine,
    pub(super) stopped: Arc<AtomicBool>,
}

impl Stoppable {
    fn running(&self) -> Result<&MemoryEngine, EngineError> {
        match self.stopped.load(Ordering::Relaxed) {
            true => Err(EngineError::Io("the test says so".to_owned())),
            false => Ok(&self.engine),
        }
    }
}

impl Engine for Stoppable {
    fn snapshot(&self) -> Result<Box<dyn Snapshot + '_>, EngineError> {
        self.running()?.snapshot()
    }

    fn commit(&self, batch: &[Commit]) -> Result<Vec<Verdict>, EngineError> {
        self.running()?.commit(batch)
    }

    fn changes(&self, after: Cursor, prefixes: &[Vec<u8>], limit: usize) -> Result<Changes, EngineError> {
        self.running()?.changes(after, prefixes, limit)
    }

    fn compact(&self, through: Revision) -> Result<(), EngineError> {
        self.running()?.compact(through)
    }

    fn scrub(&self) -> Result<(), EngineError> {
        self.engine.scrub()
    }

    fn check_room_to_scrub(&self) -> Result<(), EngineError> {
        self.engine.check_room_to_scrub()
    }

    fn audit(&self, after: u64, limit: usize) -> Result<Vec<AuditRecord>, EngineError> {
        self.running()?.audit(after, limit)
    }

    fn high_water(&self) -> Result<HighWater, EngineError> {
        self.running()?.high_water()
    }

    fn fails_over(&self) -> bool {
        self.engine.fails_over()
    }

    fn upkeep(&self) {}

    fn troubles(&self) -> Vec<Trouble> {
        let stopped = self.stopped.load(Ordering::Relaxed);
        stopped.then(|| Trouble::WritesStopped("the test says so".to_owned())).into_iter().collect()
    }
}
