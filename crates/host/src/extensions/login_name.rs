//! The name of the control plane, at which tokens are had.

use crate::agent::AgentRuntime;
use std::time::Duration;

/// Longest time that a look-up may take. Source: ours; who looks at endpoints waits for it.
const LOOK_UP: Duration = Duration::from_secs(3);

impl AgentRuntime {
    /// True while the name of the control plane resolves. Connections that are open go on without.
    pub(crate) async fn resolves_login(&self) -> bool {
        resolves(self.membership.name()).await
    }
}

async fn resolves(name: &str) -> bool {
    let found = tokio::time::timeout(LOOK_UP, tokio::net::lookup_host((name, 0))).await;
    found.is_ok_and(|found| found.is_ok_and(|mut found| found.next().is_some()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_address_and_localhost_resolve_and_a_name_that_nobody_has_does_not() {
        assert!(resolves("127.0.0.1").await && resolves("localhost").await);
        assert!(!resolves("nowhere.invalid").await);
    }
}
