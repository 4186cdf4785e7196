//! Background tasks of the control plane: following the store, renewing certificate and signing keys, maintenance.

pub(crate) mod follow;
mod maintenance;
mod renew;
pub(crate) mod signing_keys;

use crate::control_plane::ControlPlane;
use crate::lanes::Lanes;
use crate::tls::ServerIdentity;
use bonafide_http::Stop;
use std::sync::Arc;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// Starts all, until told to stop. `revisions` is told the revision that the view shows.
pub(crate) fn start(
    tasks: &mut JoinSet<()>,
    plane: &Arc<ControlPlane>,
    lanes: &Arc<Lanes>,
    identity: Arc<ServerIdentity>,
    revisions: watch::Sender<u64>,
    stop: &Stop,
) {
    let (following, stop_following) = (Arc::clone(plane), stop.clone());
    tasks.spawn_blocking(move || follow::follow(&following, &revisions, &stop_following));
    tasks.spawn(renew::renew(Arc::clone(plane), Arc::clone(lanes), identity, stop.clone()));
    tasks.spawn(maintenance::maintain(Arc::clone(plane), Arc::clone(lanes), stop.clone()));
}
