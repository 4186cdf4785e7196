//! Joining the control plane of another machine, as an operator's token allows it.

use crate::contact::Contact;
use crate::control_plane::{ControlPlaneAddress, HostsOrigin, Trust};
use crate::enrol::{self, EnrolError};
use crate::files::HostFiles;
use crate::link::Link;
use crate::state::{AgentState, StateError};
use crate::upstream::{UpstreamFailure, learn_authority};
use bonafide_files::FilesError;
use bonafide_http::clock;
use bonafide_types::{HostId, Secret, Timestamp};
use std::path::PathBuf;
use std::sync::Arc;

/// The control plane that a host is to join, and the token with which it may.
pub struct JoinOrder {
    /// The addresses of its hosts listener.
    pub origins: Vec<HostsOrigin>,
    /// The way in which it is known.
    pub known_by: KnownBy,
    /// The one-use token.
    pub token: Secret<String>,
}

/// The way in which a control plane is known before anything is said to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KnownBy {
    /// Its authority is one of these (DER).
    Authorities(Vec<Vec<u8>>),
    /// Its authority has this SHA-256.
    Digest([u8; 32]),
    /// Its authority is one that the system trusts.
    System,
}

/// A host that has joined.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Joined {
    /// Its id.
    pub host: HostId,
    /// The end of its certificate, which it renews before.
    pub ends_at: Timestamp,
    /// The place of the files of the host that this machine was before.
    pub aside: Option<PathBuf>,
}

/// The reason why a host did not join.
#[derive(Debug, thiserror::Error)]
pub enum JoinError {
    /// The agent's files.
    #[error(transparent)]
    Files(#[from] FilesError),
    /// The state of the host that this machine was before, or its own.
    #[error(transparent)]
    State(#[from] StateError),
    /// The control plane is not the one that is meant, or not there.
    #[error(transparent)]
    Upstream(#[from] UpstreamFailure),
    /// It refused.
    #[error(transparent)]
    Enrol(#[from] EnrolError),
    /// It took the token, and then refused the certificate.
    #[error("this machine has joined, but its first request failed: {0}; `bonafide host run` tries again")]
    First(EnrolError),
}

/// Joins, and takes the certificate up, which ends the one that the host had before. No agent of these files may run
/// meanwhile. Files of another host, or of another installation, are put aside.
///
/// # Errors
/// [`JoinError`]: but for its last kind, everything is as it was.
pub async fn join(files: &HostFiles, order: JoinOrder) -> Result<Joined, JoinError> {
    let _lock = files.lock()?;
    let JoinOrder { origins, known_by, token } = order;
    let trust = match known_by {
        KnownBy::Authorities(authorities) => Trust::Authorities(authorities),
        KnownBy::Digest(digest) => Trust::Authorities(vec![learn_authority(&origins, digest).await?]),
        KnownBy::System => Trust::System,
    };
    let to = ControlPlaneAddress { origins, trust };
    let before = AgentState::read(files)?;
    let (key, issued) = enrol::ask(&to, &token).await?;
    let is_another = before.is_some_and(|before| before.host_id != issued.host_id);
    let suffix = clock::now().unix_micros().to_string();
    let aside = is_another.then(|| files.set_aside(&suffix)).transpose()?;
    let kek = AgentState::kek(files)?;
    to.keep(files, &kek)?;
    let state = enrol::keep_issued(files, &kek, &key, issued)?;
    let contact = Arc::new(Contact::default());
    Link::open(&to, &kek, &state, &contact).await.map_err(JoinError::First)?;
    let ends_at = Timestamp::from_unix_seconds(state.not_after);
    Ok(Joined { host: state.host_id, ends_at, aside })
}
