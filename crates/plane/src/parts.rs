//! The parts of a control plane that its surfaces answer from, on whatever store: the shell's own, a test's in memory,
//! a benchmark's.

use crate::agents::OwnAgent;
use crate::followed::Followed;
use bonafide_core::names::{Names, NamesError};
use bonafide_core::placement::{IDENTITIES_OF_SETS, PLACEMENTS};
use bonafide_core::tokens::{self, AcceptedAudiences};
use bonafide_core::view::{Views, ViewsError};
use bonafide_crypto::Kek;
use bonafide_crypto::ca::{HostCa, ServerCa};
use bonafide_crypto::secret_hash::Pepper;
use bonafide_hosts::Attestation;
use bonafide_http::clock;
use bonafide_store::Store;
use bonafide_types::{ObjectId, World};
use http::Uri;
use std::time::Duration;

/// The tables whose changes hosts hear of.
static HEARD_OF: [&str; 2] = [PLACEMENTS.name(), IDENTITIES_OF_SETS.name()];

/// The parts of one control plane.
pub struct Parts {
    /// The store.
    pub store: Store,
    /// The directory as the token path sees it.
    pub views: Views,
    /// The authority that signs host certificates.
    pub host_ca: HostCa,
    /// The signer of attested documents.
    pub attestation: Attestation,
    /// The token service.
    pub login: bonafide_login::Service,
    /// The endpoints and names of the resource manager.
    pub management: bonafide_management::Config,
    /// Audiences of tokens for the resource manager.
    pub management_audiences: AcceptedAudiences,
    /// Audiences of tokens for the directory.
    pub graph_audiences: AcceptedAudiences,
    pub(crate) followed: Followed,
    pub(crate) agent: OwnAgent,
}

/// The reason why the parts cannot be put together.
#[derive(Debug, thiserror::Error)]
pub enum PartsError {
    /// The view.
    #[error(transparent)]
    Views(#[from] ViewsError),
    /// The name of the public origin.
    #[error(transparent)]
    Names(#[from] NamesError),
}

/// The host of an origin, `https://host[:port]`.
fn host_of(origin: &str) -> String {
    let uri = origin.parse::<Uri>().ok();
    uri.and_then(|uri| uri.host().map(str::to_owned)).unwrap_or_default()
}

impl Parts {
    /// The parts on a store, named after the public origin, `https://host[:port]`. `log_file` is the file that answers
    /// of 500 name.
    pub fn new(
        store: Store,
        kek: Kek,
        (pepper, host_ca, server_ca): (Pepper, HostCa, ServerCa),
        origin: &str,
        log_file: Option<String>,
    ) -> Result<Self, PartsError> {
        let names = Names::new(origin)?;
        store.watch(&HEARD_OF);
        let followed = Followed::at(clock::since_boot());
        Ok(Self {
            views: Views::load(&store, kek)?,
            store,
            host_ca,
            attestation: Attestation::new(server_ca, &host_of(origin)),
            login: bonafide_login::Service {
                log_file: log_file.clone(),
                ..bonafide_login::Service::new(names.authority, names.audiences, pepper)
            },
            management: bonafide_management::Config { log_file, ..bonafide_management::Config::at(origin) },
            management_audiences: names.accepted,
            graph_audiences: names.graph,
            followed,
            agent: OwnAgent::default(),
        })
    }

    /// Waits at most `timeout` for a change, and brings the view up to it. Call it in a loop.
    pub(crate) fn follow(&self, timeout: Duration) -> Result<(), ViewsError> {
        self.store.wait_for_change(self.views.current().cursor().revision, timeout);
        self.catch_up()
    }

    /// Brings the view to the store's revision at the time of the call or later.
    pub fn catch_up(&self) -> Result<(), ViewsError> {
        let asked_at = clock::since_boot();
        self.views.catch_up(&self.store)?;
        self.followed.mark(asked_at);
        Ok(())
    }

    /// The principal whose token an `Authorization` header has, if it is valid at the resource manager.
    pub(crate) fn known_caller(&self, authorization: Option<&str>, world: World<'_>) -> Option<ObjectId> {
        let (view, audiences) = (self.views.current(), &self.management_audiences);
        let token = tokens::bearer(authorization).ok()?;
        let caller = tokens::verify(&view, &self.login.authority, audiences, &world, token);
        caller.ok().map(|caller| caller.object_id)
    }
}
