//! Paths by surface: the first segment says whose a path is.

use bonafide_wire::{Request, path};

/// Tells whether a path is the resource manager's.
pub(crate) fn is_management(head: &Request) -> bool {
    let first = path::first_segment(&head.path).to_ascii_lowercase();
    matches!(first.as_str(), "subscriptions" | "providers" | "tenants" | "metadata")
}

/// Tells whether a path is Microsoft Graph's.
pub(crate) fn is_graph(head: &Request) -> bool {
    matches!(path::first_segment(&head.path).to_ascii_lowercase().as_str(), "v1.0" | "beta")
}

/// Tells whether a path is the hosts surface's.
pub(crate) fn is_hosts(head: &Request) -> bool {
    path::first_segment(&head.path) == "hosts"
}
