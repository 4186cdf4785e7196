//! Orders about bindings.

use super::{Answer, BindingOrder, ControlSocket, ListedBindings, Peer};
use crate::bindings::{AttachedBinding, Attacher, Place, Wanted};
use std::os::fd::OwnedFd;

impl ControlSocket {
    /// Carries an order about bindings out. `brought` is the namespace of a place that has one.
    pub(super) async fn order(&self, order: BindingOrder, peer: &Peer, brought: Vec<OwnedFd>) -> Answer {
        match order {
            BindingOrder::List => {
                Answer::Listed(ListedBindings { bindings: self.bindings.list(), notes: self.bindings.notes() })
            }
            BindingOrder::Detach(which) => match self.bindings.detach(&which).await {
                Ok(ended) => Answer::Bindings(ended),
                Err(why) => Answer::Refused(why.to_string()),
            },
            BindingOrder::Attach(wanted) => match self.attach(&wanted, peer, brought).await {
                Ok(attached) => Answer::Attached(Box::new(attached)),
                Err(why) => Answer::Refused(why),
            },
        }
    }

    async fn attach(&self, wanted: &Wanted, peer: &Peer, brought: Vec<OwnedFd>) -> Result<AttachedBinding, String> {
        // A port here is of no use to who asks there, where the same one is somebody else's.
        if matches!(wanted.place, Place::Port { .. }) && peer.is_elsewhere() {
            return Err(
                "this command runs in another network namespace than the agent, where a port of the agent's cannot \
                        be reached: add --netns /proc/self/ns/net for one in this namespace"
                    .to_owned(),
            );
        }
        let by = Attacher { user: peer.user, is_configuration: false };
        let attached = self.bindings.attach(wanted, brought.into_iter().next(), by).await;
        let attached = attached.map_err(|error| error.to_string())?;
        Ok(self.bindings.described(attached))
    }
}
