//! Many resources in a group, and many identities on a workload: a write does as much work as beside few. The work is what the
//! engine is asked for, never time.

use crate::cloud::{ARM, Answer, Cloud, MSI, VM};
use bonafide_store::audit::AuditRecord;
use bonafide_store::engine::{Commit, Engine, HighWater, Snapshot, Verdict, Versioned};
use bonafide_store::{Changes, Cursor, EngineError, MemoryEngine, Revision, RowKeys, Store, Trouble};
use http::Method;
use serde_json::{Map, Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Resources of one type in a group, at which Azure stops, and some more. Source: Azure's limits of resource groups (800).
const RESOURCES: usize = 850;
/// Identities of one workload. Source: ours (docs/compatibility.md, 40); Azure documents no number.
const IDENTITIES: usize = 1_000;

/// The rows that an engine was asked to read and write, and the conditions that it was to check.
#[derive(Clone, Default)]
struct Work(Arc<AtomicUsize>);

impl Work {
    fn add(&self, rows: usize) {
        self.0.fetch_add(rows, Ordering::Relaxed);
    }

    /// The work of something.
    fn of<T>(&self, done: impl FnOnce() -> T) -> usize {
        let before = self.0.load(Ordering::Relaxed);
        let _ = done();
        self.0.load(Ordering::Relaxed) - before
    }
}

/// An engine in memory that counts.
struct Counting {
    engine: MemoryEngine,
    work: Work,
}

struct CountingSnapshot<'a> {
    snapshot: Box<dyn Snapshot + 'a>,
    work: Work,
}

impl Snapshot for CountingSnapshot<'_> {
    fn cursor(&self) -> Cursor {
        self.snapshot.cursor()
    }

    fn get(&self, key: &[u8]) -> Result<Option<Versioned>, EngineError> {
        self.work.add(1);
        self.snapshot.get(key)
    }

    fn range(
        &self,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<(Vec<u8>, Versioned)>, EngineError> {
        let found = self.snapshot.range(prefix, after, limit)?;
        self.work.add(1 + found.len());
        Ok(found)
    }
}

impl Engine for Counting {
    fn snapshot(&self) -> Result<Box<dyn Snapshot + '_>, EngineError> {
        Ok(Box::new(CountingSnapshot { snapshot: self.engine.snapshot()?, work: self.work.clone() }))
    }

    fn commit(&self, batch: &[Commit]) -> Result<Vec<Verdict>, EngineError> {
        self.work.add(batch.iter().map(|commit| commit.ops.len() + commit.compares.len() + commit.audit.len()).sum());
        self.engine.commit(batch)
    }

    fn changes(&self, after: Cursor, prefixes: &[Vec<u8>], limit: usize) -> Result<Changes, EngineError> {
        self.engine.changes(after, prefixes, limit)
    }

    fn compact(&self, through: Revision) -> Result<(), EngineError> {
        self.engine.compact(through)
    }

    fn scrub(&self) -> Result<(), EngineError> {
        self.engine.scrub()
    }

    fn check_room_to_scrub(&self) -> Result<(), EngineError> {
        self.engine.check_room_to_scrub()
    }

    fn audit(&self, after: u64, limit: usize) -> Result<Vec<AuditRecord>, EngineError> {
        self.engine.audit(after, limit)
    }

    fn high_water(&self) -> Result<HighWater, EngineError> {
        self.engine.high_water()
    }

    fn fails_over(&self) -> bool {
        self.engine.fails_over()
    }

    fn upkeep(&self) {}

    fn troubles(&self) -> Vec<Trouble> {
        self.engine.troubles()
    }
}

fn counting() -> (Cloud, Work) {
    let work = Work::default();
    let engine = Counting { engine: MemoryEngine::new(), work: work.clone() };
    (Cloud::on(Store::open(engine, RowKeys::throw_away())).and_group(), work)
}

/// The requests that are measured, each on resources of its own: a name, and the request.
type Measured<'a> = (&'static str, Box<dyn Fn() -> Answer + 'a>);

/// The work of each request; the view has caught up before.
fn measured(work: &Work, requests: &[Measured<'_>]) -> Vec<(&'static str, usize)> {
    requests.iter().map(|(name, request)| (*name, work.of(request))).collect()
}

#[test]
fn a_write_in_a_group_of_very_many_resources_does_as_much_as_in_a_small_one() {
    let (cloud, work) = counting();
    let body = || json!({"location": "westus", "tags": {"a": "1"}});
    let requests = |n: usize| -> Vec<Measured<'_>> {
        let (cloud, machine) = (&cloud, cloud.vm(&format!("m{n}")));
        let identity = cloud.identity(&format!("identity{n}"));
        let with_system = json!({"location": "westus", "identity": {"type": "SystemAssigned"}});
        let tags = format!("{machine}/providers/Microsoft.Resources/tags/default");
        let (first, second, third, fourth, fifth) =
            (machine.clone(), machine.clone(), machine.clone(), machine.clone(), machine.clone());
        vec![
            ("a new identity", Box::new(move || cloud.put(&identity, MSI, body()).expect(201)) as Box<_>),
            ("a new machine", Box::new(move || cloud.put(&first, VM, with_system.clone()).expect(201))),
            ("the machine again", Box::new(move || cloud.put(&second, VM, body()).expect(200))),
            (
                "its tags",
                Box::new(move || cloud.put(&tags, "2021-04-01", json!({"properties": {"tags": {}}})).expect(200)),
            ),
            ("a change", Box::new(move || cloud.patch(&third, VM, json!({"tags": {"b": "2"}})).expect(200))),
            ("a read", Box::new(move || cloud.get(&fourth, VM).expect(200))),
            ("a deletion", Box::new(move || cloud.delete(&fifth, VM).expect(200))),
        ]
    };
    let few = measured(&work, &requests(0));
    for n in 0..RESOURCES {
        cloud.put(&cloud.vm(&format!("other{n}")), VM, body()).expect(201);
    }
    let many = measured(&work, &requests(1));
    assert_eq!(many, few);
    // A page is as long as it was asked for, however many there are.
    let list = |top: usize| {
        let path = format!("{}/resources?$top={top}", cloud.at("g"));
        work.of(|| assert_eq!(cloud.get(&path, ARM).expect(200).body["value"].as_array().unwrap().len(), top))
    };
    assert!(list(10) < RESOURCES / 2, "{}", list(10));
}

#[test]
fn a_write_of_a_workload_with_very_many_identities_does_as_much_as_of_one_with_few() {
    let (cloud, work) = counting();
    let ids: Vec<String> = (0..IDENTITIES).map(|n| cloud.make_identity(&format!("identity{n}"))).collect();
    let with = |ids: &[String]| {
        if ids.is_empty() {
            return json!({"location": "westus"});
        }
        let map: Map<String, Value> = ids.iter().map(|id| (id.clone(), json!({}))).collect();
        json!({"location": "westus", "identity": {"type": "UserAssigned", "userAssignedIdentities": map}})
    };
    // Assigning costs each identity the same, whatever others are assigned with it.
    let assign = |name: &str, ids: &[String]| work.of(|| cloud.put(&cloud.vm(name), VM, with(ids)).expect(201));
    let (none, forty, all) = (assign("none", &[]), assign("forty", &ids[1..41]), assign("all", &ids[1..]));
    let each = (forty - none) / 40;
    assert!(all - none <= (each + 1) * IDENTITIES, "{none} {forty} {all}");
    // The rest costs the same beside nearly a thousand as beside forty, of which an extension would allow 32.
    let requests = |name: &str| -> Vec<Measured<'_>> {
        let (cloud, machine) = (&cloud, cloud.vm(name));
        let one = json!({"identity": {"type": "UserAssigned", "userAssignedIdentities": {&ids[0]: {}}}});
        let less = json!({"identity": {"type": "UserAssigned", "userAssignedIdentities": {&ids[5]: null}}});
        let tags = format!("{machine}/providers/Microsoft.Resources/tags/default");
        let (first, second, third, fourth) = (machine.clone(), machine.clone(), machine.clone(), machine.clone());
        vec![
            (
                "tags",
                Box::new(move || cloud.put(&tags, "2021-04-01", json!({"properties": {"tags": {}}})).expect(200))
                    as Box<_>,
            ),
            ("a change", Box::new(move || cloud.patch(&first, VM, json!({"tags": {"b": "2"}})).expect(200))),
            ("one more", Box::new(move || cloud.patch(&second, VM, one.clone()).expect(200))),
            ("one less", Box::new(move || cloud.patch(&third, VM, less.clone()).expect(200))),
            (
                "a stop",
                Box::new(move || {
                    cloud.call(&cloud.owner, Method::POST, &format!("{fourth}/deallocate"), VM, None).expect(200)
                }),
            ),
            ("a read", Box::new(move || cloud.get(&machine, VM).expect(200))),
        ]
    };
    let few = measured(&work, &requests("forty"));
    assert_eq!(measured(&work, &requests("all")), few);
}
