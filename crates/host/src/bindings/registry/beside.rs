//! Further endpoints at the place of a binding, whose owner serves and ends them.

use super::open::of_namespace;
use super::{Bindings, Entry, key};
use bonafide_http::Listening;
use bonafide_opener::{OpenError, Where};
use bonafide_types::BindingId;

/// The reason why there is no further endpoint.
#[derive(Debug, thiserror::Error)]
pub enum BesideError {
    /// The binding was detached, or its place is gone.
    #[error("binding {0} serves nothing")]
    NotServing(BindingId),
    /// The opener refused.
    #[error(transparent)]
    Opener(#[from] OpenError),
    /// A socket that cannot be served.
    #[error("cannot serve what was opened: {0}")]
    Socket(#[from] std::io::Error),
}

impl Bindings {
    /// Opens sockets in the namespace of a binding, and has them held under `name`: those of an earlier process, where
    /// that held some. They end with the binding at the latest.
    pub async fn open_beside(&self, binding: BindingId, name: &str, at: Where) -> Result<Vec<Listening>, BesideError> {
        let key = key(binding, name);
        let expected = {
            let entries = self.entries();
            let entry = entries.get(&binding).filter(|entry| entry.serving.is_some());
            let place = |entry: &Entry| (entry.row.identity.namespace, entry.row.identity.device);
            entry.map(place).ok_or(BesideError::NotServing(binding))?
        };
        let given = self.given().remove(&key).filter(|held| (held.namespace, held.device) == expected);
        let held = match given {
            Some(held) => held,
            None => self.ask(move |opener| opener.open(&key, &at, None)).await?,
        };
        // A device that got the name of the one that was attached is another one.
        if (held.namespace, held.device) != expected {
            self.close_beside(binding, name).await?;
            return Err(OpenError::NamespaceGone.into());
        }
        let sockets = held.sockets.into_iter().map(|socket| Ok(of_namespace(Listening::given(socket)?, expected.0)));
        sockets.collect()
    }

    /// The bindings of which an earlier process had sockets under `name` that nobody has taken up.
    pub(crate) fn given_beside(&self, name: &str) -> Vec<BindingId> {
        let given = self.given();
        let named = given.keys().filter_map(|key| key.split_once('/')).filter(|(_, found)| *found == name);
        named.filter_map(|(id, _)| id.parse().ok()).collect()
    }

    /// Closes them.
    pub async fn close_beside(&self, binding: BindingId, name: &str) -> Result<(), OpenError> {
        let key = key(binding, name);
        self.given().remove(&key);
        self.ask(move |opener| opener.close(&key)).await
    }
}
