//! Hosts: how they join, and which of their certificates counts.

use crate::cloud::{Cloud, NOW, world};
use bonafide_core::access::Allowed;
use bonafide_core::directory::{Change, find};
use bonafide_core::lifecycle::{Budget, Condemned, SaveError, decide_host, remove, save};
use bonafide_core::placement::{self, HOSTS, Host, INSTANCE_FACTS, IssueError, PLACEMENTS, Standing, host_of};
use bonafide_crypto::ca::{CaError, HostCa, HostCertificate};
use bonafide_crypto::{AgentKey, SystemEntropy};
use bonafide_store::Read;
use bonafide_types::{HostId, ResourceId, ResourceUuid, World};
use serde_json::{Value, json};
use std::sync::Barrier;

#[test]
fn id_13_one_of_many_that_join_with_one_token_wins() {
    let (cloud, ca) = (Cloud::new(), HostCa::create(NOW.unix_seconds(), 86_400).unwrap());
    let token = "hash".to_owned();
    cloud.store.write(|tx| placement::invite(tx, &world(), cloud.host, "h", token.clone())).unwrap();
    let barrier = Barrier::new(64);
    let results: Vec<Result<HostId, IssueError>> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..64)
            .map(|_| {
                scope.spawn(|| {
                    barrier.wait();
                    let joined = cloud.store.write(|tx| placement::join(tx, &world(), &token, make(&ca)));
                    joined.map(|(host, _)| host)
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
    assert!(results.iter().all(|result| matches!(result, Ok(_) | Err(IssueError::Token))));
}

#[test]
fn an_expired_enrolment_token_does_not_count() {
    let (cloud, ca) = (Cloud::new(), HostCa::create(NOW.unix_seconds(), 86_400).unwrap());
    cloud.store.write(|tx| placement::invite(tx, &world(), cloud.host, "h", "hash".into())).unwrap();
    let later = World { now: NOW.plus_seconds(placement::ENROLMENT_SECONDS), entropy: &SystemEntropy };
    let joined = cloud.store.write(|tx| placement::join(tx, &later, &"hash".to_owned(), make(&ca)));
    assert!(matches!(joined, Err(IssueError::Token)));
}

/// Makes certificates of hosts.
fn make(ca: &HostCa) -> impl Fn(HostId, u64) -> Result<HostCertificate, CaError> {
    move |host, generation| {
        let request = AgentKey::generate().unwrap().certificate_request().unwrap();
        ca.issue_host(&request, (host, generation), NOW.unix_seconds(), 86_400)
    }
}

/// A host that joined, and its certificates.
struct Joined {
    cloud: Cloud,
    ca: HostCa,
    id: HostId,
}

impl Joined {
    fn new() -> (Self, HostCertificate) {
        let this = Self {
            cloud: Cloud::new(),
            ca: HostCa::create(NOW.unix_seconds(), 86_400).unwrap(),
            id: HostId::random(&SystemEntropy),
        };
        let certificate = this.join().unwrap();
        (this, certificate)
    }

    fn join(&self) -> Result<HostCertificate, IssueError> {
        let hash = "hash".to_owned();
        self.cloud.store.write(|tx| placement::invite(tx, &world(), self.id, "h", hash.clone())).unwrap();
        Ok(self.cloud.store.write(|tx| placement::join(tx, &world(), &hash, make(&self.ca)))?.1)
    }

    fn renew(&self, by: &HostCertificate) -> Result<HostCertificate, IssueError> {
        let by = Some(by.number);
        self.cloud.store.write(|tx| placement::renew(tx, &world(), self.id, by, make(&self.ca)))
    }

    fn row(&self) -> Host {
        self.cloud.store.read(|tx| tx.get(&HOSTS, &self.id)).unwrap().unwrap()
    }

    /// Its standing once it was shown, so many seconds after the beginning.
    fn shown(&self, certificate: &HostCertificate, seconds: u64) -> Standing {
        let world = World { now: NOW.plus_seconds(seconds), ..world() };
        self.cloud.store.write(|tx| placement::show(tx, &world, self.id, certificate.number)).unwrap();
        self.row().standing(certificate.number)
    }

    fn decide(&self, enabled: bool) {
        let (tenant, allowed) = (self.cloud.tenant, Allowed::system(self.cloud.tenant));
        self.cloud.store.write(|tx| decide_host(tx, &world(), &allowed, tenant, self.id, enabled)).unwrap().unwrap();
    }
}

#[test]
fn au_01_each_decision_about_a_host_has_one_record_in_its_commit() {
    let (host, first) = Joined::new();
    let second = host.renew(&first).unwrap();
    let records = || {
        let all = host.cloud.store.audit(0, 100).unwrap();
        all.iter().map(|record| serde_json::from_slice::<Value>(&record.record).unwrap()).collect::<Vec<_>>()
    };
    host.shown(&first, 0);
    host.shown(&second, 100);
    let before = records().len();
    host.shown(&first, 200);
    host.shown(&first, 300);
    host.decide(true);
    host.decide(false);
    let decided: Vec<_> = records().split_off(before);
    let (frozen_at, decided_at) = (NOW.plus_seconds(200), world().now);
    let actions = [("hosts/freeze", frozen_at), ("hosts/enable", decided_at), ("hosts/disable", decided_at)];
    assert_eq!(decided.len(), actions.len(), "{decided:?}");
    for (record, (action, at)) in decided.iter().zip(actions) {
        assert_eq!((&record["action"], &record["at"]), (&action.into(), &json!(at)));
        assert_eq!(record["scope"], format!("/hosts/{}", host.id));
    }
    // A record names the principal that decided; the system is none.
    assert!(decided[0].get("tenant").is_none() && decided[0].get("principal").is_none());
    assert_eq!(decided[1]["tenant"], host.cloud.tenant.to_string());
}

#[test]
fn ha_10_the_certificate_before_counts_until_the_next_is_used_and_means_two_hosts_after_that() {
    let (host, first) = Joined::new();
    assert_eq!(host.shown(&first, 0), Standing::Current);
    let lost = host.renew(&first).unwrap();
    let second = host.renew(&first).unwrap();
    assert_eq!(host.shown(&first, 100), Standing::Current, "the next may not have arrived");
    assert_eq!(host.shown(&second, 200), Standing::Current);
    assert_eq!(host.row().standing(first.number), Standing::Superseded);
    assert!(matches!(host.renew(&first), Err(IssueError::NotNewest(_))));
    assert_eq!(host.shown(&first, 214), Standing::Superseded);
    assert!(host.row().may_speak(), "it was on its way");
    // One that was lost on its way and never used does not become the newest again.
    assert_ne!(host.row().standing(lost.number), Standing::Offered);
    host.shown(&first, 215);
    assert!(!host.row().may_speak());
    for refused in [host.renew(&second), host.join()] {
        assert!(matches!(refused, Err(IssueError::Frozen(_))), "until an operator decides");
    }

    host.decide(true);
    for certificate in [&first, &lost, &second] {
        assert_eq!(host.shown(certificate, 1_000), Standing::Void);
    }
    assert!(host.row().may_speak());
    let third = host.join().unwrap();
    assert_eq!(host.shown(&third, 1_000), Standing::Current);
    let fourth = host.renew(&third).unwrap();
    assert_eq!(host.shown(&fourth, 1_500), Standing::Current);
    host.shown(&first, 2_000);
    assert!(host.row().may_speak(), "the operator has decided");
}

#[test]
fn ky_10_a_host_that_is_disabled_stays_so_whoever_invites_it() {
    let (host, first) = Joined::new();
    host.decide(false);
    for refused in [host.renew(&first), host.join()] {
        assert!(matches!(refused, Err(IssueError::Disabled(_))));
    }
    host.decide(true);
    assert!(matches!(host.renew(&first), Err(IssueError::NotNewest(_))));
    assert_eq!(host.shown(&host.join().unwrap(), 0), Standing::Current);
}

/// Each step is one commit, and other writes go on between two.
#[test]
fn a_host_with_thousands_of_placements_is_deleted_in_bounded_steps_and_nothing_of_them_is_left() {
    const MANY: usize = 2_000;
    const STEP: usize = 500;
    let cloud = Cloud::new();
    let group = ResourceId::of_group(cloud.subscription, "g").unwrap();
    let id =
        ResourceId::parse(&format!("{group}/providers/{}/racks/hosts/edge", "Microsoft.Compute/hostGroups")).unwrap();
    let edge = cloud.store.write(|tx| {
        let uuid = ResourceUuid::random(&SystemEntropy);
        save(tx, &world(), &cloud.allowed(), uuid, &mut cloud.resource(id.clone()), None)?;
        tx.put(&HOSTS, &host_of(uuid), &Host::new("edge", NOW))?;
        Ok::<_, SaveError>(uuid)
    });
    let edge = edge.unwrap();
    for at in 0..MANY {
        let vm = cloud.machine(&format!("vm{at}"));
        cloud.change(&vm, &Change::default()).unwrap();
        cloud.place_on(host_of(edge), &vm).unwrap();
    }
    let (_, resource) = cloud.store.read(|tx| find(tx, &id)).unwrap().unwrap();
    let left = || cloud.store.read(|tx| tx.page(&PLACEMENTS, &host_of(edge), None, usize::MAX)).unwrap().len();
    let mut steps = Vec::new();
    loop {
        let before = left();
        let step = cloud.store.write(|tx| {
            let condemned = Condemned::by(&cloud.allowed(), edge, &resource).unwrap();
            remove(tx, &world(), condemned, edge, &mut Budget::new(STEP))
        });
        steps.push(before - left());
        // From the first on it is no host any more.
        assert!(cloud.store.read(|tx| tx.get(&HOSTS, &host_of(edge))).unwrap().is_none());
        if step.unwrap().is_done() {
            break;
        }
    }
    assert_eq!(left(), 0);
    assert!(steps.iter().all(|rows| *rows <= STEP) && steps.len() <= MANY / STEP + 1, "{steps:?}");
    let facts = cloud.store.read(|tx| tx.page(&INSTANCE_FACTS, &(), None, usize::MAX)).unwrap();
    assert!(facts.is_empty(), "{} machines that run nowhere have facts", facts.len());
}

/// A backup of the database was put back: the certificate that is in use is unknown to it.
#[test]
fn ha_10_a_certificate_that_the_store_forgot_says_nothing_about_a_second_host() {
    let (host, first) = Joined::new();
    host.shown(&first, 0);
    let before = host.row();
    let second = host.renew(&first).unwrap();
    host.shown(&second, 100);
    host.cloud.store.write(|tx| tx.put(&HOSTS, &host.id, &before)).unwrap();
    assert_eq!(host.shown(&second, 1_000), Standing::Void);
    assert!(host.row().may_speak());
    let another = host.renew(&first).unwrap();
    assert_eq!(another.number.generation, second.number.generation);
    host.shown(&another, 1_000);
    assert_eq!(host.shown(&second, 2_000), Standing::Void, "its serial number tells them apart");
}

#[test]
fn ky_12_an_invitation_by_a_clock_that_was_ahead_is_not_prolonged_when_it_is_set_back() {
    let (cloud, ca) = (Cloud::new(), HostCa::create(NOW.unix_seconds(), 86_400).unwrap());
    let ahead = World { now: NOW.plus_seconds(3_600), ..world() };
    let host = HostId::random(&SystemEntropy);
    cloud.store.write(|tx| placement::invite(tx, &ahead, host, "h", "hash".to_owned())).unwrap();
    let joined = cloud.store.write(|tx| placement::join(tx, &world(), &"hash".to_owned(), make(&ca)));
    assert!(matches!(joined, Err(IssueError::Token)));
}
