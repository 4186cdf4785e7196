//! Background maintenance: unfinished operations, and the rest of large deletions.

use crate::control_plane::ControlPlane;
use crate::lanes::Lanes;
use crate::surfaces::{At, Round};
use bonafide_core::lifecycle::{self, PlacementsOfBefore};
use bonafide_http::{Event, Stop, clock, stopped};
use bonafide_management::operations;
use bonafide_store::StoreError;
use bonafide_wire::Lane;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Time between two rounds.
const EVERY: Duration = Duration::from_secs(2);

/// Runs one round every two seconds, until told to stop.
pub(super) async fn maintain(plane: Arc<ControlPlane>, lanes: Arc<Lanes>, mut stop: Stop) {
    let before = Arc::new(Mutex::new(PlacementsOfBefore::default()));
    loop {
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            () = stopped(&mut stop) => return,
        }
        let (at_work, before) = (Arc::clone(&plane), Arc::clone(&before));
        // A step that fails now is done in a later round.
        let step = move || round(&at_work, &mut before.lock().unwrap_or_else(PoisonError::into_inner));
        let failed = match lanes.of(Lane::Removal).run(step).await {
            Ok(done) => done.err().map(|error| error.to_string()),
            Err(error) => Some(error.to_string()),
        };
        if let Some(why) = failed {
            plane.log.event(&Event::named("upkeepFailed"), &why);
        }
    }
}

/// Goes on with long operations that nobody polls, forgets those that are long done, and clears away what
/// deletions left, and brings the placements of an older version up to date: each whether the others went well or not.
fn round(plane: &ControlPlane, before: &mut PlacementsOfBefore) -> Result<(), StoreError> {
    plane.store.upkeep();
    let (view, world) = (plane.views.current(), clock::world());
    let at = At { parts: plane, view: &view, world, round: Round::default() };
    let advanced = operations::advance_all(&at.management());
    let cleared = lifecycle::clear(&plane.store);
    let renewed = before.go_on(&plane.store);
    operations::sweep(&plane.store, &world).and(advanced).and(cleared).and(renewed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control_plane::{OwnAuthority, open_store};
    use crate::files::PlaneFiles;
    use crate::origin::Origin;
    use bonafide_core::access::Allowed;
    use bonafide_core::directory::{CREDENTIALS, add_secret, create_application};
    use bonafide_core::lifecycle::delete_service_principal;
    use bonafide_files::{Chosen, Root};
    use bonafide_http::Log;
    use bonafide_store::Read;
    use bonafide_types::{CredentialId, TenantId};

    #[test]
    fn what_a_large_deletion_left_is_cleared_away() {
        let dir = tempfile::tempdir().unwrap();
        let files = PlaneFiles::create(&Root::create(&dir.path().join("data"), Chosen::Named).unwrap()).unwrap();
        let store = open_store(&files, &[]).unwrap();
        let origin = Origin::new(&[], "127.0.0.1:8443".parse().unwrap()).unwrap();
        let (plane, _) = ControlPlane::open(&files, store, &origin, OwnAuthority::Kept, Log::off()).unwrap();
        let world = clock::world();
        let tenant = TenantId::random(world.entropy);
        let hash = plane.login.pepper.hash("id", "secret");
        plane
            .store
            .write(|tx| {
                let (principal, _) = create_application(tx, &world, tenant, "app")?;
                for _ in 0..2_000 {
                    let id = CredentialId::random(world.entropy);
                    add_secret(tx, &world, principal, id, hash, world.now.plus_seconds(60))?;
                }
                delete_service_principal(tx, &Allowed::system(tenant), principal)
            })
            .unwrap();
        let left = || plane.store.read(|tx| tx.page(&CREDENTIALS, &(), None, usize::MAX)).unwrap().len();
        assert!(left() > 0, "one transaction does not take them all");
        round(&plane, &mut PlacementsOfBefore::default()).unwrap();
        assert_eq!(left(), 0);
    }
}
