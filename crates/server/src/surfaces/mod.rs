//! The surface of the public origin that a request belongs to: the one place that decides it, also for
//! the surfaces that Azure has and this deployment has not yet.

pub(crate) mod fault;

use bonafide_wire::{Request, path};

/// The surfaces of the public origin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Served {
    /// Liveness.
    Healthy,
    /// Readiness.
    Ready,
    Management,
    /// Microsoft Graph: `/v1.0/…` and `/beta/…`.
    Graph,
    /// The token service, and every path that is of no other surface.
    Login,
    /// A surface that is not served yet.
    Missing(Missing),
}

/// Surfaces of Azure that are not served yet. Their clients get errors that they can read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Missing {
    /// The data of a vault: any path of a host `{vault}.vault.{domain}`.
    Vault,
}

/// The surface of a request, by its host and its path.
pub(crate) fn of(head: &Request) -> Served {
    if vault(head).is_some() { Served::Missing(Missing::Vault) } else { of_path(&head.path) }
}

/// The surface of a path, by its first segment.
pub(crate) fn of_path(raw: &str) -> Served {
    match path::first_segment(raw).to_ascii_lowercase().as_str() {
        "healthz" => Served::Healthy,
        "readyz" => Served::Ready,
        "subscriptions" | "providers" | "tenants" | "metadata" => Served::Management,
        "v1.0" | "beta" => Served::Graph,
        _ => Served::Login,
    }
}

/// The vault that the `Host` of a request names: `demo` of `demo.vault.localhost:8443`.
fn vault(head: &Request) -> Option<&str> {
    let (name, zone) = head.header("host")?.split_once('.')?;
    let (label, domain) = zone.split_once('.')?;
    (!name.is_empty() && !domain.is_empty() && label.eq_ignore_ascii_case("vault")).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use bonafide_wire::Peer;
    use bytes::Bytes;
    use http::{HeaderMap, HeaderValue, Method};
    use std::net::Ipv4Addr;

    #[test]
    fn a_path_belongs_to_one_surface_however_it_is_encoded() {
        for (path, surface) in [
            ("/subscriptions/s", Served::Management),
            ("/%73ubscriptions/s", Served::Management),
            ("/%53UBSCRIPTIONS", Served::Management),
            ("/%2Fsubscriptions%2Fs", Served::Management),
            ("//%2f/providers", Served::Management),
            ("/subscriptions%2Fs", Served::Management),
            ("/metadata/endpoints", Served::Management),
            // Decoded once: what is left is refused by its own surface.
            ("/%2573ubscriptions/s", Served::Login),
            ("/subscriptions/%2573", Served::Management),
            ("/subscriptionsx", Served::Login),
            ("/v1.0/users", Served::Graph),
            ("/%42eta/users", Served::Graph),
            ("/v1.0x", Served::Login),
            ("/tenant/v1.0", Served::Login),
            ("/healthz", Served::Healthy),
            ("/%68ealthz", Served::Healthy),
            ("/READYZ", Served::Ready),
            ("/", Served::Login),
            ("*", Served::Login),
        ] {
            assert_eq!(of_path(path), surface, "{path}");
        }
    }

    #[test]
    fn the_host_of_a_vault_decides_whatever_the_path_is() {
        for (host, is_vault) in [
            ("demo.vault.localhost:8443", true),
            ("demo.VAULT.azure.net", true),
            ("localhost:8443", false),
            ("vault.localhost:8443", false),
            ("demo.vault", false),
            (".vault.localhost", false),
            ("demo.vault.", false),
            ("demo.vaults.localhost", false),
            ("a.demo.vault.localhost", false),
        ] {
            for path in ["/secrets/s", "/subscriptions/s", "/v1.0/users"] {
                let mut headers = HeaderMap::new();
                headers.insert("host", HeaderValue::from_static(host));
                let peer = Peer::Anonymous((Ipv4Addr::LOCALHOST, 1).into());
                let (path, query, body) = (path.to_owned(), String::new(), Bytes::new());
                let head = Request { method: Method::GET, path, query, headers, body, peer };
                assert_eq!(of(&head) == Served::Missing(Missing::Vault), is_vault, "{host} {path}", path = head.path);
            }
        }
    }
}
