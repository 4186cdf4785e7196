//! What nobody asks for and must be done: the rest of long operations and of large deletions.

use crate::control_plane::ControlPlane;
use crate::pool::Pool;
use bonafide_core::lifecycle;
use bonafide_http::Event;
use bonafide_http::clock;
use bonafide_management::operations;
use bonafide_store::StoreError;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// How often unfinished operations and leftovers are looked for.
const EVERY: Duration = Duration::from_secs(2);

/// Sees to it now and then, until told to stop.
pub(crate) async fn upkeep(plane: Arc<ControlPlane>, store_pool: Arc<Pool>, mut stopped: watch::Receiver<bool>) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            () = bonafide_http::stopped(&mut stopped) => return,
        }
        let at_work = Arc::clone(&plane);
        // What fails now is done in a later round.
        let failed = match store_pool.run(move || round(&at_work)).await {
            Ok(done) => done.err().map(|error| error.to_string()),
            Err(error) => Some(error.to_string()),
        };
        if let Some(why) = failed {
            plane.log.event(&Event::named("upkeepFailed"), &why);
        }
    }
}

/// Goes on with long operations that nobody polls, forgets those that are long done, and clears away what
/// deletions left: each whether the others went well or not.
fn round(plane: &ControlPlane) -> Result<(), StoreError> {
    let world = clock::world();
    let advanced = operations::advance_all(&plane.store, &world);
    let cleared = lifecycle::clear(&plane.store);
    operations::sweep(&plane.store, &world).and(advanced).and(cleared)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control_plane::open_store;
    use crate::data_dir::DataDir;
    use crate::names::Origin;
    use bonafide_core::directory::{CREDENTIALS, add_secret, create_application};
    use bonafide_core::lifecycle::delete_principal;
    use bonafide_http::Log;
    use bonafide_store::Read;
    use bonafide_types::{CredentialId, TenantId};

    #[test]
    fn what_a_large_deletion_left_is_cleared_away() {
        let dir = tempfile::tempdir().unwrap();
        let dir = DataDir::create(&dir.path().join("data")).unwrap();
        let store = open_store(&dir).unwrap();
        let origin = Origin { host: "localhost", port: 8443 };
        let (plane, _) = ControlPlane::open(&dir, store, origin, Log::off()).unwrap();
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
                delete_principal(tx, principal)
            })
            .unwrap();
        let left = || plane.store.read(|tx| tx.page(&CREDENTIALS, &(), None, usize::MAX)).unwrap().len();
        assert!(left() > 0, "one transaction does not take them all");
        round(&plane).unwrap();
        assert_eq!(left(), 0);
    }
}
