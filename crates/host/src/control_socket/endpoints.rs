//! Endpoints that live as long as the connection that asked for them.

use super::brought::{Brought, brought};
use super::{ControlSocket, OpenEndpoint, OpenedEndpoint, Peer};
use crate::caller::Callers;
use crate::endpoint::Endpoint;
use crate::listeners::listener;
use crate::rules::Guarded;
use bonafide_crypto::random;
use bonafide_http::{HttpLimits, Listener, Listening, PortHold, Service, Stop};
use bonafide_metadata::{Binding, Endpoint as EndpointFacts, dialects};
use bonafide_types::{ResourceUuid, Secret, base64url, enumerate_some};
use std::net::Ipv4Addr;
use std::os::fd::OwnedFd;
use std::sync::Arc;

/// Bytes of the secret of an endpoint.
const SECRET_BYTES: usize = 32;

/// An endpoint that was opened.
pub(super) struct Opened {
    pub(super) workload: ResourceUuid,
    pub(super) endpoint: OpenedEndpoint,
    /// A hold on its port, where the agent opened the socket.
    pub(super) hold: Option<PortHold>,
}

impl ControlSocket {
    /// Opens an endpoint, on the socket that was brought, which listens in the namespace of who asks. Who brings none gets a
    /// hold on the port of one in the agent's namespace, for as long as a command may ask there.
    pub(super) async fn open(
        &self,
        request: OpenEndpoint,
        peer: &Peer,
        came: Vec<OwnedFd>,
        stop: Stop,
    ) -> Result<Opened, String> {
        let dialect = dialects::named(&request.dialect).ok_or_else(|| {
            let known = enumerate_some(dialects::ALL.iter().map(|dialect| dialect.name()));
            format!("there is no dialect '{}'; there are: {known}", request.dialect)
        })?;
        let secret = dialect.has_secret().then(|| base64url::encode(&random::bytes::<SECRET_BYTES>()));
        let brought = brought(came, peer).map_err(|error| error.to_string())?;
        if brought.is_none() && peer.is_elsewhere() {
            return Err(
                "this command runs in another network namespace than the agent, and is of an older version, which \
                        cannot have an endpoint there: start one of the agent's version"
                    .to_owned(),
            );
        }
        let (socket, callers, hold) = match brought {
            Some(Brought { socket, callers }) => (socket, callers, None),
            None => {
                let opened = Listening::open_held((Ipv4Addr::LOCALHOST, 0).into());
                let (socket, hold) = opened.map_err(|error| error.to_string())?;
                (socket, Callers::Here, Some(hold))
            }
        };
        let at = socket.address();
        let port = at.map_or(0, |address| address.port());
        let id = match request.workload {
            Some(wanted) => self.placements.resolve(wanted).await?,
            None => self.by_default().await?,
        };
        // Nothing fails from here on: what was acquired is released by the caller.
        let (workload, _) = self.placements.acquire(id).await?;
        let facts = EndpointFacts { port, secret: secret.clone().map(Secret::new), names: Vec::new() };
        let binding = Binding::new(id, dialect, facts);
        let binding = binding.with_http_1_0(request.allow_http_1_0);
        let (users, agent, guarded) = (self.users, Arc::clone(&self.agent), Guarded::by_nothing());
        let endpoint = Endpoint { binding, users, agent, connections: None, callers, at, guarded };
        self.listen(socket, endpoint, stop);
        let without_identity = workload.identities.is_empty();
        let endpoint = OpenedEndpoint { resource_id: workload.resource_id, without_identity, port, secret };
        Ok(Opened { workload: id, endpoint, hold })
    }

    fn listen(&self, socket: Listening, service: impl Service, stop: Stop) {
        let listener =
            Listener { limits: HttpLimits::default(), ..listener(socket.listening_again(), service, &self.log) };
        tokio::spawn(listener.serve(stop));
    }

    async fn by_default(&self) -> Result<ResourceUuid, String> {
        let here = self.agent.core.workloads();
        let demo = self.default_workload.filter(|demo| here.iter().any(|workload| workload.id == *demo));
        match demo {
            Some(demo) => Ok(demo),
            None => {
                if let Some(decision) = self.agent.wants_decision() {
                    return Err(format!("{decision} (`bonafide host list` has its name)"));
                }
                let choice = self.placements.choice().await?;
                Err(format!("there is no workload demo to take by default; name one with --workload; {choice}"))
            }
        }
    }
}
