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

/// Why a text is not an ARM id.
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
}

impl ResourceId {
    /// Reads an id. Empty segments, dot segments, control characters, `%`, backslashes and
    /// characters outside ASCII are refused, never repaired, so that one resource has one id.
    pub fn parse(text: &str) -> Result<Self, ResourceIdError> {
        let form = || ResourceIdError::Form(text.chars().take(256).collect());
        if text.len() > RESOURCE_ID_BYTES_MAX {
            return Err(form());
        }
        let segments: Vec<&str> = text.strip_prefix('/').ok_or_else(form)?.split('/').collect();
        let mut at = 0;
        let is = |at: usize, word: &str| segments.get(at).is_some_and(|s| s.eq_ignore_ascii_case(word));
        if is(0, "subscriptions") {
            let id = segments.get(1).ok_or_else(form)?;
            id.parse::<SubscriptionId>().map_err(|_| ResourceIdError::Subscription(Excerpt::of(id)))?;
            at = 2;
            if is(2, "resourceGroups") {
                let name = segments.get(3).ok_or_else(form)?;
                check_name(name, RESOURCE_GROUP_NAME_BYTES_MAX)?;
                at = 4;
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
            let mut type_name = provider[0].to_owned();
            for pair in provider[1..].chunks_exact(2) {
                type_name = format!("{type_name}/{}", pair[0]);
                check_name(pair[1], RESOURCE_NAME_BYTES_MAX)?;
            }
            type_name.parse::<TypeName>().map_err(|_| form())?;
            at = end;
        }
        if segments.len() < 2 {
            return Err(form());
        }
        Ok(Self { text: text.into() })
    }

    /// The id of a subscription.
    pub fn of_subscription(subscription: SubscriptionId) -> Self {
        Self { text: format!("/subscriptions/{subscription}").into() }
    }

    /// The id of a resource group.
    pub fn of_group(subscription: SubscriptionId, group: &str) -> Result<Self, ResourceIdError> {
        Self::parse(&format!("/subscriptions/{subscription}/resourceGroups/{group}"))
    }

    /// The id of the resource `name` of type `type_name` (one type segment) below this one.
    pub fn provider_child(&self, type_name: &str, name: &str) -> Result<Self, ResourceIdError> {
        Self::parse(&format!("{self}/providers/{type_name}/{name}"))
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
        let mut segments = self.segments();
        if segments.next()?.eq_ignore_ascii_case("subscriptions") { segments.next()?.parse().ok() } else { None }
    }

    /// The name of the resource group the id lies in.
    pub fn resource_group(&self) -> Option<&str> {
        let mut segments = self.segments().skip(2);
        if self.subscription().is_some() && segments.next()?.eq_ignore_ascii_case("resourceGroups") {
            segments.next()
        } else {
            None
        }
    }

    /// The id of the resource group the id lies in.
    pub fn group_id(&self) -> Option<ResourceId> {
        self.resource_group()?;
        let end = self.text.match_indices('/').map(|(at, _)| at).nth(4).unwrap_or(self.text.len());
        Some(Self { text: self.text[..end].into() })
    }

    /// The type: `Microsoft.Compute/virtualMachines/extensions`; for subscriptions and resource
    /// groups `Microsoft.Resources/subscriptions[/resourceGroups]`.
    pub fn type_name(&self) -> TypeName {
        let text = match self.last_provider().as_slice() {
            [] if self.resource_group().is_some() => "Microsoft.Resources/subscriptions/resourceGroups".to_owned(),
            [] => "Microsoft.Resources/subscriptions".to_owned(),
            [namespace, pairs @ ..] => {
                pairs.chunks(2).fold((*namespace).to_owned(), |text, pair| format!("{text}/{}", pair[0]))
            }
        };
        text.parse().unwrap_or_else(|_| unreachable!("an id is parsed with its type"))
    }

    /// The last segment: the resource's own name.
    pub fn name(&self) -> &str {
        self.text.rsplit('/').next().unwrap_or(&self.text)
    }

    /// `vm1/extensions/e1` for a child, `vm1` for a resource: the part after the first type.
    pub fn relative_name(&self) -> String {
        match self.last_provider().as_slice() {
            [] => self.name().to_owned(),
            [_, _, rest @ ..] => rest.join("/"),
            _ => self.name().to_owned(),
        }
    }

    /// The nearest id above this one: the parent resource, the resource an extension is on, the
    /// group, or the subscription. `None` above a subscription and a tenant-level resource.
    pub fn parent(&self) -> Option<ResourceId> {
        let provider = self.last_provider();
        let segments: Vec<&str> = self.segments().collect();
        let drop = match provider.len() {
            0 => 2,
            3 => 4,
            _ => 2,
        };
        let keep = segments.len().checked_sub(drop)?;
        if keep == 0 {
            return None;
        }
        Some(Self { text: format!("/{}", segments[..keep].join("/")).into() })
    }

    /// True when `inner` is this id or lies below it, by whole segments.
    pub fn contains(&self, inner: &ResourceId) -> bool {
        let (outer, inner) = (self.text.as_bytes(), inner.text.as_bytes());
        inner.len() >= outer.len()
            && inner[..outer.len()].eq_ignore_ascii_case(outer)
            && (inner.len() == outer.len() || inner[outer.len()] == b'/')
    }

    fn segments(&self) -> impl Iterator<Item = &str> {
        self.text[1..].split('/')
    }

    /// The segments after the last `/providers/`: namespace, then pairs of type and name.
    fn last_provider(&self) -> Vec<&str> {
        let segments: Vec<&str> = self.segments().collect();
        let start = if self.resource_group().is_some() {
            4
        } else if self.subscription().is_some() {
            2
        } else {
            0
        };
        let mut last = None;
        let mut at = start;
        while at < segments.len() {
            last = Some(at + 1);
            let from = at + 1;
            at = (from..segments.len())
                .find(|i| segments[*i].eq_ignore_ascii_case("providers") && (i - from) % 2 == 1)
                .unwrap_or(segments.len());
        }
        last.map_or_else(Vec::new, |from| segments[from..].to_vec())
    }
}

/// Checks one name segment: printable ASCII without the characters that paths, queries and
/// headers give a meaning, not a dot segment, not ending in a dot or blank, at most `bytes_max` long.
pub fn check_name(name: &str, bytes_max: usize) -> Result<(), ResourceIdError> {
    let right = !name.is_empty()
        && name.len() <= bytes_max
        && name.bytes().all(|b| (b.is_ascii_graphic() || b == b' ') && !b"%&\\?/#<>\"'*:;|`{}^+=,".contains(&b))
        && !name.starts_with(' ')
        && !name.ends_with(['.', ' ']);
    if right { Ok(()) } else { Err(ResourceIdError::Name(name.chars().take(128).collect())) }
}

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
mod tests {
    use super::*;
    use proptest::prelude::*;

    const VM: &str = "/subscriptions/72f988bf-86f1-41af-91ab-2d7cd011db47/resourceGroups/rg/providers/Microsoft.Compute/virtualMachines/vm1";

    fn id(text: &str) -> ResourceId {
        ResourceId::parse(text).unwrap()
    }

    #[test]
    fn a_resource_id_knows_its_parts() {
        let vm = id(VM);
        assert_eq!(vm.type_name().as_str(), "Microsoft.Compute/virtualMachines");
        assert_eq!((vm.name(), vm.resource_group()), ("vm1", Some("rg")));
        let extension = id(&format!("{VM}/extensions/e1"));
        assert_eq!(extension.type_name().as_str(), "Microsoft.Compute/virtualMachines/extensions");
        assert_eq!(extension.relative_name(), "vm1/extensions/e1");
        assert_eq!(extension.parent(), Some(vm.clone()));
        let assignment = id(&format!("{VM}/providers/Microsoft.Authorization/roleAssignments/a"));
        assert_eq!(assignment.type_name().as_str(), "Microsoft.Authorization/roleAssignments");
        assert_eq!(assignment.parent(), Some(vm.clone()));
        assert_eq!(vm.parent(), vm.group_id());
        assert_eq!(vm.group_id().unwrap().type_name().as_str(), "Microsoft.Resources/subscriptions/resourceGroups");
        let subscription = vm.group_id().unwrap().parent().unwrap();
        assert_eq!(
            (subscription.type_name().as_str(), subscription.parent()),
            ("Microsoft.Resources/subscriptions", None)
        );
        assert_eq!(id("/providers/Microsoft.Authorization/roleDefinitions/x").parent(), None);
    }

    #[test]
    fn a_resource_named_providers_is_a_name() {
        let odd = id(
            "/subscriptions/72f988bf-86f1-41af-91ab-2d7cd011db47/resourceGroups/providers/providers/Microsoft.A/b/providers",
        );
        assert_eq!((odd.name(), odd.resource_group()), ("providers", Some("providers")));
        assert_eq!(odd.type_name().as_str(), "Microsoft.A/b");
    }

    #[test]
    fn tn_05_ids_compare_without_case_and_print_as_written() {
        let upper = id(&VM.to_ascii_uppercase());
        assert_eq!(upper, id(VM));
        assert_eq!(upper.fold(), id(VM).fold());
        assert_eq!(upper.as_str(), VM.to_ascii_uppercase());
    }

    #[test]
    fn tn_05_dot_segments_confusables_and_encodings_are_refused() {
        for name in ["..", ".", "a%2f", "a\\b", "", "vm\u{0131}", "a\u{0}", "a.", "a ", " a", "a?b", "a;b"] {
            let text = VM.replace("vm1", name);
            assert!(ResourceId::parse(&text).is_err(), "{text:?}");
        }
        for text in
            ["", "/", "subscriptions/x", "/subscriptions", "/subscriptions/x", "/providers", "/providers/A.B/c", "/x/y"]
        {
            assert!(ResourceId::parse(text).is_err(), "{text:?}");
        }
        assert!(ResourceId::parse(&format!("{VM}/")).is_err());
        assert!(ResourceId::parse(&VM.replace("/providers", "//providers")).is_err());
    }

    #[test]
    fn a_scope_contains_by_whole_segments() {
        let group = id(VM).group_id().unwrap();
        assert!(group.contains(&id(&VM.to_ascii_uppercase())) && group.contains(&group));
        assert!(!group.contains(&id(&VM.replace("/rg/", "/rg2/"))));
        assert!(!id(VM).contains(&group));
    }

    proptest! {
        #[test]
        fn tn_05_two_spellings_are_never_two_ids(name in "[a-zA-Z0-9_.()-]{1,12}[a-z]", flips in proptest::collection::vec(any::<bool>(), 200)) {
            let text = VM.replace("vm1", &name);
            let other: String = text.chars().zip(flips.into_iter().chain(std::iter::repeat(false)))
                .map(|(c, flip)| if flip && c.is_ascii_lowercase() { c.to_ascii_uppercase() } else { c }).collect();
            let (one, two) = (id(&text), id(&other));
            prop_assert_eq!(&one, &two);
            prop_assert_eq!(one.fold(), two.fold());
            prop_assert!(one.contains(&two) && one.parent() == two.parent() && one.type_name() == two.type_name());
        }

        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,200}") {
            if let Ok(id) = ResourceId::parse(&text) {
                prop_assert_eq!(ResourceId::parse(id.as_str()).unwrap(), id.clone());
                prop_assert!(id.type_name().as_str().contains('/'));
            }
        }
    }
}
