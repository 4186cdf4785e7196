//! Endpoints that are no resources: each file has its own, one line each.

mod availability;
mod endpoints;
mod extension_types;
mod features;
mod identity_operations;
mod images;
mod inventory;
mod locations;
mod management_groups;
mod named;
mod operations;
mod provider_operations;
mod providers;
pub(crate) mod sizes;
mod subscriptions;
mod tag_names;

pub(crate) use management_groups::id_of as management_group_id;
pub(crate) use named::Named;
pub(crate) use operations::poll_status;
pub(crate) use providers::show_in as show_provider;

use crate::config::Config;
use crate::resource_type::{ChangeFn, ReadFn, TagFn};
use crate::right::Right;
use bonafide_types::limits::MANAGEMENT_BODY_BYTES_MAX;
use bonafide_types::{ApiVersion, ResourceId, Scope};
use bonafide_wire::{Captures, NoRoute, Route};
use http::Method;
use serde_json::Value;
use std::fmt;
use std::sync::LazyLock;

/// The endpoints of each file: one line each.
static FILES: &[&[Fixed]] = &[
    endpoints::ENDPOINTS,
    subscriptions::ENDPOINTS,
    providers::ENDPOINTS,
    provider_operations::ENDPOINTS,
    features::ENDPOINTS,
    availability::ENDPOINTS,
    identity_operations::ENDPOINTS,
    locations::ENDPOINTS,
    extension_types::ENDPOINTS,
    management_groups::ENDPOINTS,
    operations::ENDPOINTS,
    inventory::ENDPOINTS,
    tag_names::ENDPOINTS,
    images::ENDPOINTS,
    sizes::ENDPOINTS,
    crate::deployments::ENDPOINTS,
];

/// An endpoint that is no resource.
pub(crate) struct Fixed {
    pub(crate) route: Route,
    /// The right that a caller needs. An [`Answer::Public`] is given before any right is looked at.
    pub(crate) right: fn(&Named) -> Right,
    pub(crate) answer: Answer,
}

/// The source of a fixed endpoint's answer.
pub(crate) enum Answer {
    /// Without a token, from configuration alone.
    Public(fn(&Config, Option<&ApiVersion>) -> Value),
    /// From what is stored.
    Read(ReadFn),
    /// With the outcome of a change, whose right is a [`Right::Action`]: the locks of its scope are checked before it,
    /// and its preconditions against the etag that the first one gives, and its audit record is written after it
    /// (`order/change.rs`).
    Change(TagFn, ChangeFn),
    /// With the state of an operation, after a step of it.
    Operation(operations::Poll),
}

impl Fixed {
    /// An endpoint that answers from what is stored.
    pub(crate) const fn get(path: &'static str, right: fn(&Named) -> Right, answer: ReadFn) -> Self {
        Self::of_store(Method::GET, path, right, Answer::Read(answer))
    }

    /// An endpoint that touches the store.
    pub(crate) const fn of_store(
        method: Method,
        path: &'static str,
        right: fn(&Named) -> Right,
        answer: Answer,
    ) -> Self {
        Self { route: Route::of_store(method, path, MANAGEMENT_BODY_BYTES_MAX), right, answer }
    }
}

impl AsRef<Route> for Fixed {
    fn as_ref(&self) -> &Route {
        &self.route
    }
}

impl fmt::Debug for Fixed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.route.method, self.route.path)
    }
}

/// All of them.
pub(crate) fn all() -> impl Iterator<Item = &'static Fixed> {
    FILES.iter().copied().flatten()
}

/// The endpoint with this method and path, among those that have as many segments and the same words in them: the paths of
/// resources, which are asked for most, have few such endpoints or none.
pub(crate) fn find<'p>(method: &Method, segments: &[&'p str]) -> Result<(&'static Fixed, Captures<'p>), NoRoute> {
    static BY_LENGTH: LazyLock<Vec<Vec<Words>>> = LazyLock::new(|| {
        let mut by_length: Vec<Vec<Words>> = Vec::new();
        for fixed in all() {
            let length = fixed.route.path.matches('/').count();
            by_length.resize_with(by_length.len().max(length + 1), Vec::new);
            by_length[length].push(Words::of(fixed));
        }
        by_length
    });
    let entries = BY_LENGTH.get(segments.len()).map_or(&[][..], Vec::as_slice);
    let entries: Vec<&Fixed> = entries.iter().filter(|words| words.are_in(segments)).map(|words| words.of).collect();
    bonafide_wire::find(&entries, method, segments).map(|(fixed, captures)| (*fixed, captures))
}

/// The segments of an endpoint's path that are no placeholders, with their places, the last one first: it is the one in which
/// most paths differ.
struct Words {
    of: &'static Fixed,
    words: Vec<(usize, &'static str)>,
}

impl Words {
    fn of(fixed: &'static Fixed) -> Self {
        let words = fixed.route.path.split('/').skip(1).enumerate().filter(|(_, word)| !word.contains('{'));
        Self { of: fixed, words: words.collect::<Vec<_>>().into_iter().rev().collect() }
    }

    fn are_in(&self, segments: &[&str]) -> bool {
        self.words.iter().all(|(at, word)| segments[*at].eq_ignore_ascii_case(word))
    }
}

/// The right to do `action` in the subscription of the path. Each such path names one; a caller of one that did not
/// would need every right.
pub(crate) fn in_subscription(named: &Named, action: impl Into<String>) -> Right {
    match named.subscription {
        Some(id) => Right::Action(action.into(), Scope::Id(ResourceId::of_subscription(id))),
        None => everything(),
    }
}

/// The right of a path that lacks what it should name: nobody's but the tenant's owner's.
pub(crate) fn everything() -> Right {
    Right::Action("*".to_owned(), Scope::Root)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_placeholder_of_a_fixed_endpoint_is_one_segment() {
        for fixed in all() {
            assert!(!fixed.route.path.contains("..."), "{fixed:?}: it would not be found by its length");
        }
    }
}
