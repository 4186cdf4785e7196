//! The children of a resource whose answer shows them: their number and their size. Each write of a child
//! keeps the count, so that the answer is bounded, whoever wrote what is in it.

use bonafide_types::ResourceId;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A list of children in the answer of a resource.
#[derive(Debug, PartialEq, Eq)]
pub struct List {
    /// Its name, which is the last word of the children's type.
    pub name: &'static str,
    /// Children in it, at most.
    pub max: u64,
    /// The code of the refusal of one more.
    pub code: &'static str,
}

/// A type whose answers show its children.
#[derive(Debug)]
pub struct Shows {
    /// The type.
    pub of: &'static str,
    /// Its lists.
    pub lists: &'static [List],
    /// True where a write of the resource writes its lists: then each write of a child is one of the resource, whose etag
    /// changes with it.
    pub is_written_above: bool,
}

/// Bytes of the children of one resource that are in its lists, at most, and of those that are in none. Source: ours; with
/// its own row, about as much as one page of a list.
pub const BELOW_BYTES_MAX: u64 = 4 << 20;

const fn list(name: &'static str, max: u64, code: &'static str) -> List {
    List { name, max, code }
}

/// The types. Source of the lists: the operation groups of azure-mgmt-network 30 that write one element of such a list; of
/// the numbers: Azure's page on limits (networking); of the code for rules: Azure/azure-rest-api-specs#3003, after which the
/// others are made. The number of pools, of extensions and of other children is ours.
const SHOWS: [Shows; 6] = [
    Shows {
        of: "Microsoft.Network/virtualNetworks",
        lists: &[
            list("subnets", 3_000, "SubnetCountLimitReached"),
            list("virtualNetworkPeerings", 500, "VirtualNetworkPeeringCountLimitReached"),
        ],
        is_written_above: true,
    },
    Shows {
        of: "Microsoft.Network/networkSecurityGroups",
        lists: &[list("securityRules", 1_000, "SecurityRuleCountLimitReached")],
        is_written_above: true,
    },
    Shows {
        of: "Microsoft.Network/loadBalancers",
        lists: &[
            list("inboundNatRules", 1_500, "InboundNatRuleCountLimitReached"),
            list("backendAddressPools", 1_000, "BackendAddressPoolCountLimitReached"),
        ],
        is_written_above: true,
    },
    Shows {
        of: "Microsoft.Network/routeTables",
        lists: &[list("routes", 400, "RouteCountLimitReached")],
        is_written_above: true,
    },
    Shows { of: "Microsoft.Compute/virtualMachines", lists: &[EXTENSIONS], is_written_above: false },
    Shows {
        of: "Microsoft.Compute/virtualMachineScaleSets/virtualMachines",
        lists: &[EXTENSIONS],
        is_written_above: false,
    },
];

const EXTENSIONS: List = list("extensions", 100, "ExtensionCountLimitReached");

/// The list of all that lies below and is in none: it is not shown, but read with the others.
static OTHERS: List = list("", 1_000, "ChildCountLimitReached");

impl Shows {
    /// The lists of a resource that shows its children.
    pub fn of(id: &ResourceId) -> Option<&'static Self> {
        SHOWS.iter().find(|shows| id.is_of(shows.of))
    }

    /// True when a write of the resource would write this child.
    pub fn writes(&'static self, child: &ResourceId) -> bool {
        self.is_written_above && self.list_of(child) != &OTHERS
    }

    /// A list by its name.
    pub fn list(&'static self, name: &str) -> Option<&'static List> {
        self.lists.iter().find(|list| list.name.eq_ignore_ascii_case(name))
    }

    /// The list that a child is in.
    fn list_of(&'static self, child: &ResourceId) -> &'static List {
        let type_name = child.type_name();
        let list = type_name.as_str().rsplit_once('/').filter(|(above, _)| above.eq_ignore_ascii_case(self.of));
        list.and_then(|(_, last)| self.list(last)).unwrap_or(&OTHERS)
    }
}

/// The reason why a resource takes no further child, or no larger one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FullError {
    /// It has as many in a list as it can have.
    #[error("'{0}' can have at most {max} children in '{name}'", max = .1.max, name = .1.name)]
    TooMany(ResourceId, &'static List),
    /// They would have more than [`BELOW_BYTES_MAX`].
    #[error("the children of '{0}' can have at most {BELOW_BYTES_MAX} bytes together")]
    TooLarge(ResourceId),
}

/// The children of a resource, counted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Below {
    /// Their number, by the name of the list.
    counts: BTreeMap<String, u64>,
    /// Bytes of those in a list.
    bytes: u64,
    /// Bytes of those in none. Who may write these takes no room from the lists, which show them to nobody.
    #[serde(default)]
    other_bytes: u64,
}

impl Below {
    /// Counts a child that is new to `above`.
    ///
    /// # Errors
    /// [`FullError`], where it is too much.
    pub fn add(&mut self, above: &ResourceId, (child, bytes): (&ResourceId, u64)) -> Result<(), FullError> {
        let Some(list) = Shows::of(above).map(|shows| shows.list_of(child)) else { return Ok(()) };
        if self.counts.get(list.name).is_some_and(|count| *count >= list.max) {
            return Err(FullError::TooMany(above.clone(), list));
        }
        self.count(above, (child, bytes));
        self.check(above, list)
    }

    /// Counts a child that is there already, be it too much or not.
    pub fn count(&mut self, above: &ResourceId, (child, bytes): (&ResourceId, u64)) {
        let Some(list) = Shows::of(above).map(|shows| shows.list_of(child)) else { return };
        *self.counts.entry(list.name.to_owned()).or_default() += 1;
        *self.bytes_of(list) += bytes;
    }

    /// Counts a change of a child from so many bytes to so many. One that makes nothing larger is always done.
    ///
    /// # Errors
    /// [`FullError`], where it is too much.
    pub fn change(&mut self, above: &ResourceId, (child, old, new): (&ResourceId, u64, u64)) -> Result<(), FullError> {
        let Some(list) = Shows::of(above).map(|shows| shows.list_of(child)) else { return Ok(()) };
        let bytes = self.bytes_of(list);
        *bytes = bytes.saturating_sub(old) + new;
        if new > old { self.check(above, list) } else { Ok(()) }
    }

    /// Counts a child no longer.
    pub fn remove(&mut self, above: &ResourceId, (child, bytes): (&ResourceId, u64)) {
        let Some(list) = Shows::of(above).map(|shows| shows.list_of(child)) else { return };
        if let Some(count) = self.counts.get_mut(list.name) {
            *count = count.saturating_sub(1);
        }
        let all = self.bytes_of(list);
        *all = all.saturating_sub(bytes);
    }

    fn bytes_of(&mut self, list: &'static List) -> &mut u64 {
        if *list == OTHERS { &mut self.other_bytes } else { &mut self.bytes }
    }

    fn check(&mut self, above: &ResourceId, list: &'static List) -> Result<(), FullError> {
        if *self.bytes_of(list) > BELOW_BYTES_MAX { Err(FullError::TooLarge(above.clone())) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bonafide_store::limits::{COMMIT_COMPARES_MAX, COMMIT_OPS_MAX};

    #[test]
    fn np_09_a_resource_with_all_the_children_that_it_can_have_can_still_be_written() {
        for shows in &SHOWS {
            let children = shows.lists.iter().map(|list| list.max).sum::<u64>() + OTHERS.max;
            // A write of the resource depends on each of them.
            assert!(usize::try_from(children).unwrap() + COMMIT_OPS_MAX < COMMIT_COMPARES_MAX, "{}", shows.of);
        }
    }
}
