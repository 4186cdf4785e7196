//! Spelling and case of a resource id.

use crate::limits::RESOURCE_GROUP_NAME_BYTES_MAX;
use crate::{Excerpt, SubscriptionId, TypeName};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};

/// Longest resource name, in bytes. Source: ours; Azure's longest documented name is 260.
const RESOURCE_NAME_BYTES_MAX: usize = 260;
/// Longest ARM id, in bytes. Source: ours; a store key of 1 KiB must hold an id and a prefix.
const RESOURCE_ID_BYTES_MAX: usize = 800;

/// The reason why a text is not an ARM id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ResourceIdError {
    /// It does not have the form of an id.
    #[error("'{0}' is not a resource id")]
    Form(String),
    /// The segment after `subscriptions` is not a GUID.
    #[error("the subscription id '{0}' is not a GUID")]
    Subscription(Excerpt),
    /// A name has a character, a length or an ending that names do not have.
    #[error("the name '{0}' is not allowed")]
    Name(String),
}

/// An ARM id: a subscription, a resource group, a resource, or an extension resource on one of
/// these. Compares without case; prints as it was written.
///
/// Forms: `/subscriptions/{s}`, `…/resourceGroups/{g}`, and either of them, or nothing, followed by
/// one or more of `/providers/{namespace}/{type}/{name}[/{childType}/{childName}…]`.
#[derive(Debug, Clone)]
pub struct ResourceId {
    text: Box<str>,
    subscription: Option<SubscriptionId>,
    /// The byte where the id of the group ends; 0 without a group.
    group_end: u16,
    /// The byte where the last provider's namespace begins; 0 without a provider.
    provider: u16,
}

/// Segments of an ordinary id, so that the list of them does not move as it grows.
const SEGMENTS: usize = 12;

const SUBSCRIPTION_TYPE: &str = "Microsoft.Resources/subscriptions";
const GROUP_TYPE: &str = "Microsoft.Resources/subscriptions/resourceGroups";

impl ResourceId {
    /// Reads an id. Empty segments, dot segments, control characters, `%`, backslashes and
    /// characters outside ASCII are refused, never repaired, so that one resource has one id.
    pub fn parse(text: &str) -> Result<Self, ResourceIdError> {
        let form = || ResourceIdError::Form(text.chars().take(256).collect());
        if text.len() > RESOURCE_ID_BYTES_MAX {
            return Err(form());
        }
        let mut segments = Vec::with_capacity(SEGMENTS);
        segments.extend(text.strip_prefix('/').ok_or_else(form)?.split('/'));
        let byte_of = |at: usize| -> usize { segments[..at].iter().map(|segment| segment.len() + 1).sum() };
        let mut id = Self { text: text.into(), subscription: None, group_end: 0, provider: 0 };
        let mut at = 0;
        let is = |at: usize, word: &str| segments.get(at).is_some_and(|s| s.eq_ignore_ascii_case(word));
        if is(0, "subscriptions") {
            let name = segments.get(1).ok_or_else(form)?;
            id.subscription = Some(name.parse().map_err(|_| ResourceIdError::Subscription(Excerpt::of(name)))?);
            at = 2;
            if is(2, "resourceGroups") {
                let name = segments.get(3).ok_or_else(form)?;
                check_name(name, RESOURCE_GROUP_NAME_BYTES_MAX)?;
                at = 4;
                id.group_end = u16::try_from(byte_of(at)).map_err(|_| form())?;
            }
        }
        while at < segments.len() {
            if !is(at, "providers") {
                return Err(form());
            }
            let start = at + 1;
            let end =
                (start..segments.len()).find(|i| is(*i, "providers") && (i - start) % 2 == 1).unwrap_or(segments.len());
            let provider = &segments[start..end];
            // A namespace and then pairs of type and name.
            if provider.len() < 3 || provider.len().is_multiple_of(2) {
                return Err(form());
            }
            if !TypeName::are_segments(provider[0], provider[1..].iter().step_by(2).copied()) {
                return Err(form());
            }
            provider[1..].iter().skip(1).step_by(2).try_for_each(|name| check_name(name, RESOURCE_NAME_BYTES_MAX))?;
            id.provider = u16::try_from(byte_of(start) + 1).map_err(|_| form())?;
            at = end;
        }
        if segments.len() < 2 {
            return Err(form());
        }
        Ok(id)
    }

    /// The id of a subscription.
    pub fn of_subscription(subscription: SubscriptionId) -> Self {
        let text = format!("/subscriptions/{subscription}").into();
        Self { text, subscription: Some(subscription), group_end: 0, provider: 0 }
    }

    /// The id of a resource group.
    pub fn of_group(subscription: SubscriptionId, group: &str) -> Result<Self, ResourceIdError> {
        Self::parse(&format!("/subscriptions/{subscription}/resourceGroups/{group}"))
    }

    /// The id of the resource `name` of type `type_name` (one type segment) below this one.
    pub fn provider_child(&self, type_name: &str, name: &str) -> Result<Self, ResourceIdError> {
        check_name(name, RESOURCE_NAME_BYTES_MAX)?;
        Self::parse(&format!("{self}/providers/{type_name}/{name}"))
    }

    /// The id of the child `name` of this resource, by the last word of its type. A name with a slash is none: it would be
    /// that of something further below.
    ///
    /// # Errors
    /// [`ResourceIdError`].
    pub fn child(&self, list: &str, name: &str) -> Result<Self, ResourceIdError> {
        check_name(name, RESOURCE_NAME_BYTES_MAX)?;
        Self::parse(&format!("{self}/{list}/{name}"))
    }

    /// The id as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The id in lower case: equal ids have equal folds.
    pub fn fold(&self) -> String {
        self.text.to_ascii_lowercase()
    }

    /// The subscription the id lies in.
    pub fn subscription(&self) -> Option<SubscriptionId> {
        self.subscription
    }

    /// The name of the resource group the id lies in.
    pub fn resource_group(&self) -> Option<&str> {
        self.text[..self.group_end.into()].rsplit_once('/').map(|(_, name)| name)
    }

    /// The id of the resource group the id lies in.
    pub fn group_id(&self) -> Option<ResourceId> {
        (self.group_end > 0).then(|| Self { text: self.text[..self.group_end.into()].into(), provider: 0, ..*self })
    }

    /// True for the id of a resource group.
    pub fn is_group(&self) -> bool {
        self.group_end > 0 && self.text.len() == usize::from(self.group_end)
    }

    /// The type: `Microsoft.Compute/virtualMachines/extensions`; for subscriptions and resource
    /// groups `Microsoft.Resources/subscriptions[/resourceGroups]`.
    pub fn type_name(&self) -> TypeName {
        // Checked where the id was parsed.
        match self.type_segments() {
            Some((namespace, types)) => TypeName::joined(namespace, types),
            None => TypeName::joined(self.type_above_providers(), std::iter::empty()),
        }
    }

    /// The namespace of the last provider; none of a group and of a subscription.
    pub fn namespace(&self) -> Option<&str> {
        self.type_segments().map(|(namespace, _)| namespace)
    }

    /// The last word of the type; none of a group and of a subscription.
    pub fn last_type(&self) -> Option<&str> {
        self.type_segments().and_then(|(_, types)| types.last())
    }

    /// True when this is the id of a resource of the type named, in any case.
    pub fn is_of(&self, type_name: &str) -> bool {
        let Some((namespace, types)) = self.type_segments() else {
            return type_name.eq_ignore_ascii_case(self.type_above_providers());
        };
        let mut named = type_name.split('/');
        let mut own = std::iter::once(namespace).chain(types);
        own.by_ref().all(|own| named.next().is_some_and(|named| named.eq_ignore_ascii_case(own)))
            && named.next().is_none()
    }

    /// The last segment: the resource's own name.
    pub fn name(&self) -> &str {
        self.text.rsplit('/').next().unwrap_or(&self.text)
    }

    /// `vm1/extensions/e1` for a child, `vm1` for a resource: the part after the first type.
    pub fn relative_name(&self) -> String {
        let below = self.last_provider().and_then(|provider| provider.splitn(3, '/').nth(2));
        below.unwrap_or_else(|| self.name()).to_owned()
    }

    /// True for a name that somebody gives in place of the id: the resource's own, or with the names above it, as `site/slot` or
    /// `site/slots/slot`. Resources of other groups and types have it, too.
    pub fn is_named(&self, wanted: &str) -> bool {
        if !wanted.contains('/') {
            return self.name().eq_ignore_ascii_case(wanted);
        }
        let whole = self.relative_name();
        let names = whole.split('/').step_by(2).collect::<Vec<_>>().join("/");
        [whole, names].iter().any(|name| name.eq_ignore_ascii_case(wanted))
    }

    /// The nearest id above this one: the parent resource, the resource an extension is on, the
    /// group, or the subscription. `None` above a subscription and a tenant-level resource.
    pub fn parent(&self) -> Option<ResourceId> {
        // Namespace, type and name: the resource has no parent in this provider.
        let is_top = self.last_provider().is_some_and(|provider| provider.split('/').count() == 3);
        let (end, _) = self.text.rmatch_indices('/').nth(if is_top { 3 } else { 1 }).filter(|(end, _)| *end > 0)?;
        let mut above = Self { text: self.text[..end].into(), ..*self };
        if end < above.group_end.into() {
            above.group_end = 0;
        }
        // An extension resource: what it extends is in a provider of its own, unless it is a group.
        if is_top && end == usize::from(above.group_end) {
            above.provider = 0;
        } else if is_top {
            above.provider = Self::parse(&above.text).map_or(0, |id| id.provider);
        }
        Some(above)
    }

    /// True when `inner` is this id or lies below it, by whole segments.
    pub fn contains(&self, inner: &ResourceId) -> bool {
        let (outer, inner) = (self.text.as_bytes(), inner.text.as_bytes());
        inner.len() >= outer.len()
            && inner[..outer.len()].eq_ignore_ascii_case(outer)
            && (inner.len() == outer.len() || inner[outer.len()] == b'/')
    }

    /// The part from the last provider's namespace to the end.
    fn last_provider(&self) -> Option<&str> {
        (self.provider > 0).then(|| &self.text[self.provider.into()..])
    }

    /// The last provider's namespace, and the segments of the type in it.
    fn type_segments(&self) -> Option<(&str, impl Iterator<Item = &str>)> {
        let mut segments = self.last_provider()?.split('/');
        Some((segments.next()?, segments.step_by(2)))
    }

    fn type_above_providers(&self) -> &'static str {
        if self.group_end > 0 { GROUP_TYPE } else { SUBSCRIPTION_TYPE }
    }
}

/// Checks one name segment: printable ASCII without the characters that paths, queries and
/// headers give a meaning, not a dot segment, not ending in a dot or blank, at most `bytes_max` long.
pub fn check_name(name: &str, bytes_max: usize) -> Result<(), ResourceIdError> {
    let right = !name.is_empty()
        && name.len() <= bytes_max
        && name.bytes().all(|b| IN_NAMES[usize::from(b)])
        && !name.starts_with(' ')
        && !name.ends_with(['.', ' ']);
    if right { Ok(()) } else { Err(ResourceIdError::Name(name.chars().take(128).collect())) }
}

/// The bytes that a name can have.
const IN_NAMES: [bool; 256] = {
    let mut table = [false; 256];
    let mut at = b' ' as usize;
    while at <= b'~' as usize {
        table[at] = true;
        at += 1;
    }
    let not_in_names = b"%&\\?/#<>\"'*:;|`{}^+=,";
    let mut at = 0;
    while at < not_in_names.len() {
        table[not_in_names[at] as usize] = false;
        at += 1;
    }
    table
};

impl PartialEq for ResourceId {
    fn eq(&self, other: &Self) -> bool {
        self.text.eq_ignore_ascii_case(&other.text)
    }
}

impl Eq for ResourceId {}

impl Hash for ResourceId {
    fn hash<H: Hasher>(&self, state: &mut H) {
        for byte in self.text.bytes() {
            state.write_u8(byte.to_ascii_lowercase());
        }
    }
}

impl PartialOrd for ResourceId {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for ResourceId {
    fn cmp(&self, other: &Self) -> Ordering {
        self.fold().cmp(&other.fold())
    }
}

impl fmt::Display for ResourceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Serialize for ResourceId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for ResourceId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests;
