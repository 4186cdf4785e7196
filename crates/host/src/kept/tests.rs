use super::*;
use bonafide_crypto::SystemEntropy;
use bonafide_files::{Chosen, Root};
use bonafide_metadata::dialects::IMDS;
use bonafide_metadata::{Agent, Answer, Binding, Endpoint, Options};
use bonafide_types::{ResourceId, World};
use bonafide_wire::hosts::{Desired, Identity, IdentityKind};
use bonafide_wire::token::TokenV1;
use bonafide_wire::{Peer, Request};
use std::io::Write;

const TOKEN: &str = "a-token-that-is-long-enough-to-be-found";

/// The log of a test, and what is in it.
#[derive(Clone, Default)]
struct Said(Arc<Mutex<Vec<u8>>>);

impl Write for Said {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// A folder, and the starts of an agent on it.
struct Folder {
    dir: tempfile::TempDir,
    said: Said,
    log: Arc<Log>,
}

impl Folder {
    fn new() -> Self {
        let said = Said::default();
        let log = Log::to(said.clone()).unwrap();
        Self { dir: tempfile::tempdir().unwrap(), said, log }
    }

    fn files(&self) -> HostFiles {
        HostFiles::create(&Root::create(&self.dir.path().join("data"), Chosen::Named).unwrap()).unwrap()
    }

    fn start(&self) -> Kept {
        let files = self.files();
        let kek = files.read_key(true).unwrap();
        Kept::new(files, kek, Arc::clone(&self.log))
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.dir.path().join("data").join(name)
    }

    fn said(&self) -> String {
        self.log.flush();
        String::from_utf8(self.said.0.lock().unwrap().clone()).unwrap()
    }
}

fn id<T: std::str::FromStr<Err: std::fmt::Debug>>(kind: u8, number: usize) -> T {
    format!("{kind:08x}-0000-4000-8000-{number:012x}").parse().unwrap()
}

fn workload(number: usize, identities: &[usize]) -> Workload {
    let path = format!("/subscriptions/{}/resourceGroups/rg/providers", id::<uuid::Uuid>(8, 0));
    let resource = |tail: String| ResourceId::parse(&format!("{path}/{tail}")).unwrap();
    let identity = |at: &usize| Identity {
        kind: IdentityKind::UserAssigned,
        principal_id: id(3, *at),
        client_id: id(2, *at),
        resource_id: resource(format!("Microsoft.ManagedIdentity/userAssignedIdentities/id{at}")),
    };
    Workload {
        id: id(1, number),
        resource_id: resource(format!("Microsoft.Compute/virtualMachines/vm{number}")),
        tenant_id: id(9, 0),
        location: "westeurope".to_owned(),
        identities: identities.iter().map(identity).collect(),
        extension: None,
        instance: None,
        events: None,
    }
}

fn facts() -> Facts {
    Facts { authority: "https://localhost:8443".to_owned(), epoch: "epoch".to_owned(), settings: String::new() }
}

/// Tokens of a workload, as an agent that fetched one for each identity keeps them.
fn tokens(workload: &Workload) -> Vec<KeptToken> {
    let agent = Agent::new(Options { throttle: None, refresh_ahead: true });
    let now = clock::now();
    agent.look_at_clock(now, clock::since_boot());
    agent.apply(Desired {
        cursor: "1".to_owned(),
        complete: true,
        workloads: vec![workload.clone()],
        removed: Vec::new(),
        nonce: None,
    });
    let binding = Binding::new(workload.id, &IMDS, Endpoint { port: 80, ..Endpoint::default() });
    for identity in &workload.identities {
        let query = format!("api-version=2018-02-01&resource=api%3A%2F%2Fa&client_id={}", identity.client_id);
        let headers = [("host", "169.254.169.254"), ("metadata", "true")]
            .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
        let request = Request {
            method: http::Method::GET,
            path: "/metadata/identity/oauth2/token".to_owned(),
            query,
            version: http::Version::HTTP_11,
            headers: headers.into_iter().collect(),
            body: bytes::Bytes::new(),
            peer: Peer::Anonymous("127.0.0.1:1".parse().unwrap()),
        };
        let world = World { now, entropy: &SystemEntropy };
        let Answer::Wait { duty: Some(duty), .. } = agent.answer(&binding, &request, &world) else { panic!() };
        let token = TokenV1 {
            token_type: "Bearer".to_owned(),
            expires_in: "86400".to_owned(),
            ext_expires_in: "86399".to_owned(),
            expires_on: now.plus_seconds(86_400).unix_seconds().to_string(),
            not_before: now.unix_seconds().to_string(),
            resource: "api://a".to_owned(),
            access_token: format!("{TOKEN}-{}", identity.client_id),
        };
        agent.complete(duty, Ok(token), &world);
    }
    agent.kept(workload.id, now)
}

/// A folder in which two workloads were kept, each with the tokens of two identities.
fn kept() -> (Folder, [Workload; 2]) {
    let folder = Folder::new();
    let workloads = [workload(1, &[1, 2]), workload(2, &[2, 3])];
    let kept = folder.start();
    kept.keep_desired(facts(), || workloads.to_vec()).unwrap();
    for workload in &workloads {
        kept.keep_tokens(workload.id, || tokens(workload)).unwrap();
    }
    (folder, workloads)
}

fn counts(found: &Found) -> Vec<(ResourceUuid, usize)> {
    found.tokens.iter().map(|(id, _, tokens)| (*id, tokens.len())).collect()
}

#[test]
fn av_03_workloads_and_tokens_are_there_at_the_next_start() {
    let (folder, workloads) = kept();
    let found = folder.start().read().unwrap();
    assert_eq!((found.facts.clone(), found.workloads.clone()), (facts(), workloads.to_vec()));
    assert_eq!(counts(&found), [(id(1, 1), 2), (id(1, 2), 2)]);
    assert_eq!(folder.said(), "");
    assert!(Folder::new().start().read().is_none(), "a first start has nothing, and says nothing");
}

#[test]
fn ky_04_no_token_and_no_name_lies_on_the_disk_in_clear() {
    let (folder, _) = kept();
    for name in ["agent/kept/desired", "agent.seen", &format!("agent/kept/tokens/{}", id::<ResourceUuid>(1, 1))] {
        let bytes = std::fs::read(folder.path(name)).unwrap();
        for clear in [TOKEN, "virtualMachines", "westeurope", "localhost"] {
            assert!(!bytes.windows(clear.len()).any(|window| window == clear.as_bytes()), "{name}: {clear}");
        }
    }
}

#[test]
fn id_06_what_was_taken_away_does_not_come_back() {
    let (folder, [first, second]) = kept();
    let kept = folder.start();
    kept.read().unwrap();
    let file = folder.path(&format!("agent/kept/tokens/{}", first.id));
    let copy = std::fs::read(&file).unwrap();
    let fewer = workload(1, &[1]);
    assert!(kept.has_more_than(&[fewer.clone(), second.clone()]));
    assert!(!kept.has_more_than(&[first.clone(), workload(2, &[2, 3, 4]), workload(3, &[])]));
    kept.keep_desired(facts(), || vec![fewer.clone(), second.clone()]).unwrap();
    assert!(!file.exists(), "the tokens of all its identities are in one file");
    assert_eq!(kept.take_due(9), [first.id], "those of the others are kept again");
    // The identity is given back, and the file of before is put in its place.
    kept.keep_desired(facts(), || vec![first.clone(), second.clone()]).unwrap();
    std::fs::write(&file, copy).unwrap();
    let found = folder.start().read().unwrap();
    assert_eq!(counts(&found), [(second.id, 2)]);
    let said = folder.said();
    assert!(said.contains(r#""event":"keptFileRefused""#) && said.contains(&first.id.to_string()), "{said}");
}

#[test]
fn id_06_a_workload_that_is_gone_takes_its_tokens_with_it() {
    let (folder, [first, second]) = kept();
    let kept = folder.start();
    kept.read().unwrap();
    assert!(kept.has_more_than(std::slice::from_ref(&second)));
    kept.keep_desired(facts(), || vec![second.clone()]).unwrap();
    assert!(!folder.path(&format!("agent/kept/tokens/{}", first.id)).exists());
    assert_eq!(folder.start().read().unwrap().workloads, [second]);
}

#[test]
fn ky_05_a_file_that_is_changed_foreign_or_of_another_workload_is_not_taken() {
    let change = |change: &dyn Fn(&Folder)| {
        let (folder, _) = kept();
        change(&folder);
        let found = folder.start().read();
        (found.as_ref().map(counts), folder.said())
    };
    let tokens = |number| format!("agent/kept/tokens/{}", id::<ResourceUuid>(1, number));
    let refused = |said: &str, name: &str| said.contains("keptFileRefused") && said.contains(name);
    let (found, said) = change(&|folder| {
        let mut bytes = std::fs::read(folder.path(&tokens(1))).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        std::fs::write(folder.path(&tokens(1)), bytes).unwrap();
    });
    assert!(found == Some(vec![(id(1, 2), 2)]) && refused(&said, &tokens(1)), "{said}");
    let (found, said) = change(&|folder| {
        std::fs::copy(folder.path(&tokens(1)), folder.path(&tokens(2))).unwrap();
    });
    assert!(found == Some(vec![(id(1, 1), 2)]) && refused(&said, &tokens(2)), "{said}");
    let (found, said) = change(&|folder| {
        let (other, _) = kept();
        std::fs::copy(other.path("agent/kept/desired"), folder.path("agent/kept/desired")).unwrap();
    });
    assert!(found.is_none() && refused(&said, "agent/kept/desired"), "{said}");
    let (found, _) = change(&|folder| {
        std::fs::write(folder.path(&tokens(1)), "").unwrap();
        std::fs::write(folder.path(&tokens(7)), "of no workload").unwrap();
    });
    assert_eq!(found, Some(vec![(id(1, 2), 2)]));
}

#[test]
fn ha_11_an_older_copy_of_the_folder_is_not_served_from() {
    let (folder, [first, second]) = kept();
    let agent = folder.path("agent");
    let copy = folder.path("copy");
    let run = |from: &Path, to: &Path| {
        assert!(std::process::Command::new("cp").arg("-a").args([from, to]).status().unwrap().success());
    };
    run(&agent, &copy);
    folder.start().read().unwrap();
    let kept = folder.start();
    kept.read().unwrap();
    kept.keep_desired(facts(), || vec![workload(1, &[1]), second.clone()]).unwrap();
    std::fs::remove_dir_all(&agent).unwrap();
    run(&copy, &agent);
    assert!(folder.start().read().is_none());
    assert!(folder.said().contains("an older version was put back"), "{}", folder.said());
    // All that is kept from then on counts.
    let kept = folder.start();
    assert!(kept.read().is_none());
    kept.keep_desired(facts(), || vec![first.clone()]).unwrap();
    assert_eq!(folder.start().read().unwrap().workloads, [first]);
    // Without the record nobody can tell how old it is.
    std::fs::remove_file(folder.path("agent.seen")).unwrap();
    assert!(folder.start().read().is_none());
}

#[test]
fn ha_11_the_first_version_is_not_taken_without_the_record_either() {
    let (folder, [first, _]) = kept();
    let copy = std::fs::read(folder.path("agent/kept/desired")).unwrap();
    std::fs::remove_file(folder.path("agent.seen")).unwrap();
    let kept = folder.start();
    assert!(kept.read().is_none());
    assert!(folder.said().contains("agent/kept/desired"), "{}", folder.said());
    // The one that is kept next is newer than what was there.
    kept.keep_desired(facts(), || vec![first.clone()]).unwrap();
    assert_eq!(folder.start().read().unwrap().workloads, [first]);
    std::fs::write(folder.path("agent/kept/desired"), copy).unwrap();
    assert!(folder.start().read().is_none());
}

#[test]
fn ky_10_a_host_that_may_not_be_one_has_nothing_on_its_disk_and_keeps_nothing() {
    let (folder, workloads) = kept();
    let copy = std::fs::read(folder.path("agent/kept/desired")).unwrap();
    let kept = folder.start();
    kept.read().unwrap();
    kept.turn_off();
    let left = || std::fs::read_dir(folder.path("agent/kept/tokens")).unwrap().count();
    assert!(!folder.path("agent/kept/desired").exists() && left() == 0);
    kept.keep_desired(facts(), || workloads.to_vec()).unwrap();
    kept.keep_tokens(id(1, 1), || tokens(&workloads[0])).unwrap();
    assert!(!folder.path("agent/kept/desired").exists() && left() == 0);
    std::fs::write(folder.path("agent/kept/desired"), copy).unwrap();
    assert!(folder.start().read().is_none(), "put back, it is an older version");
    assert!(kept.turn_on() && !kept.turn_on());
    kept.keep_desired(facts(), || workloads.to_vec()).unwrap();
    assert_eq!(folder.start().read().unwrap().workloads.len(), 2);
}

#[test]
fn id_06_a_disk_that_takes_no_change_is_told_and_the_change_is_tried_again() {
    let (folder, [_, second]) = kept();
    let kept = folder.start();
    kept.read().unwrap();
    let desired = folder.path("agent/kept/desired");
    // A folder in its place can be neither written over nor removed as a file.
    std::fs::remove_file(&desired).unwrap();
    std::fs::create_dir(&desired).unwrap();
    assert!(kept.keep_desired(facts(), || vec![workload(1, &[1]), second.clone()]).is_err());
    assert!(kept.has_more_than(&[workload(1, &[1]), second.clone()]), "it is tried again");
    assert!(folder.said().contains(r#""event":"stateNotKept""#));
    std::fs::remove_dir(&desired).unwrap();
    kept.keep_desired(facts(), || vec![workload(1, &[1]), second.clone()]).unwrap();
    assert!(!kept.has_more_than(&[workload(1, &[1]), second]));
}

#[test]
fn tokens_of_another_issuer_history_or_lifetime_are_given_up() {
    let other = |change: fn(&mut Facts)| {
        let mut facts = facts();
        change(&mut facts);
        facts
    };
    for facts in [
        other(|facts| facts.authority = "https://localhost:9443".to_owned()),
        other(|facts| facts.epoch = "another".to_owned()),
        other(|facts| facts.settings = "Some(900)".to_owned()),
    ] {
        let (folder, workloads) = kept();
        let kept = folder.start();
        kept.read().unwrap();
        kept.keep_desired(facts, || workloads.to_vec()).unwrap();
        assert!(folder.start().read().unwrap().tokens.is_empty());
    }
}
