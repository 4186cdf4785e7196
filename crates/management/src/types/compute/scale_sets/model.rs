//! The members of a scale set that decide about its instances.

use crate::fault::Fault;
use crate::types::compute::extensions::of_set::{LIST, at};
use bonafide_core::directory::{Body, Resource};
use bonafide_core::lifecycle::INSTANCES_MAX;
use bonafide_types::Excerpt;
use serde_json::{Map, Value};

pub(super) const CAPACITY: &[&str] = &["sku", "capacity"];
pub(super) const ORCHESTRATION: &[&str] = &["properties", "orchestrationMode"];
const POLICY: &[&str] = &["properties", "upgradePolicy", "mode"];
const BATCH: &[&str] = &["properties", "upgradePolicy", "rollingUpgradePolicy", "maxBatchInstancePercent"];

/// All that is read of a set.
pub(super) const READ: &[&str] = &[
    "sku",
    "name",
    "tier",
    "capacity",
    "orchestrationMode",
    "upgradePolicy",
    "mode",
    "rollingUpgradePolicy",
    "maxBatchInstancePercent",
    "virtualMachineProfile",
    "extensionProfile",
    "extensions",
    "osProfile",
    "computerNamePrefix",
    "adminUsername",
    "windowsConfiguration",
    "storageProfile",
    "imageReference",
    "publisher",
    "offer",
    "version",
    "id",
    "userData",
];

/// Part of the instances that a rolling upgrade takes at once, in percent, where the set does not say it. Source:
/// `RollingUpgradePolicy.maxBatchInstancePercent` of compute 2026-04-01.
const BATCH_PERCENT: u64 = 20;

/// The form in which a set has instances.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Orchestration {
    /// They are children of the set, all alike.
    Uniform,
    /// They are machines beside the set.
    Flexible,
}

impl Orchestration {
    pub(super) fn text(self) -> &'static str {
        match self {
            Self::Uniform => "Uniform",
            Self::Flexible => "Flexible",
        }
    }
}

/// The time at which instances are brought to a changed model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum UpgradePolicy {
    /// When `manualupgrade` asks for it.
    Manual,
    /// With the change.
    Automatic,
    /// With the change, some at a time.
    Rolling,
}

impl UpgradePolicy {
    pub(super) fn upgrades_by_itself(self) -> bool {
        self != Self::Manual
    }
}

/// `orchestrationMode`; a set that does not say it is uniform (compute 2020-12-01 and older know no other).
pub(super) fn orchestration(body: &Body) -> Result<Orchestration, Fault> {
    match word(body, ORCHESTRATION).as_deref() {
        None | Some("uniform") => Ok(Orchestration::Uniform),
        Some("flexible") => Ok(Orchestration::Flexible),
        Some(other) => Err(wrong("orchestrationMode", other, "Uniform and Flexible")),
    }
}

/// `upgradePolicy.mode`; manual where it is not said.
pub(super) fn upgrade_policy(body: &Body) -> Result<UpgradePolicy, Fault> {
    match word(body, POLICY).as_deref() {
        None | Some("manual") => Ok(UpgradePolicy::Manual),
        Some("automatic") => Ok(UpgradePolicy::Automatic),
        Some("rolling") => Ok(UpgradePolicy::Rolling),
        Some(other) => Err(wrong("upgradePolicy.mode", other, "Manual, Automatic and Rolling")),
    }
}

/// Instances that a rolling upgrade takes at once, of so many.
pub(super) fn rolling_batch(body: &Body, of: usize) -> usize {
    let percent = body.member(BATCH).and_then(Value::as_u64).unwrap_or(BATCH_PERCENT).clamp(1, 100);
    (of * usize::try_from(percent).unwrap_or(100) / 100).max(1)
}

/// `sku.capacity`; none, where it is not said.
pub(super) fn capacity(body: &Body) -> Result<usize, Fault> {
    let invalid = || Fault::PropertyInvalid {
        property: "sku.capacity",
        rule: format!("it is a whole number from 0 to {INSTANCES_MAX}"),
    };
    match body.member(CAPACITY) {
        None | Some(Value::Null) => Ok(0),
        Some(value) => {
            let count = value.as_u64().and_then(|count| usize::try_from(count).ok()).ok_or_else(invalid)?;
            if count > INSTANCES_MAX { Err(invalid()) } else { Ok(count) }
        }
    }
}

/// Bytes of tags that the machines of one flexible set have of it, together. Source: ours; 4 KiB for each of 1,000.
const COPIED_TAGS_BYTES_MAX: usize = 4 << 20;

/// Refuses so many machines of a flexible set, each of which has the set's tags.
pub(super) fn check_tags(set: &Resource, count: usize) -> Result<(), Fault> {
    if orchestration(&set.body)? == Orchestration::Uniform {
        return Ok(());
    }
    let bytes: usize = set.tags.iter().map(|(name, value)| name.len() + value.as_str().map_or(0, str::len)).sum();
    let rule = || format!("{count} machines with {bytes} bytes of them have more than {COPIED_TAGS_BYTES_MAX} in all");
    if bytes * count > COPIED_TAGS_BYTES_MAX {
        return Err(Fault::PropertyInvalid { property: "tags", rule: rule() });
    }
    Ok(())
}

/// True when a body that was sent says a capacity.
pub(super) fn says_capacity(sent: &Map<String, Value>) -> bool {
    at(sent, CAPACITY).is_some_and(|value| !value.is_null())
}

/// True when a body that was sent says the extensions.
pub(super) fn says_extensions(sent: &Map<String, Value>) -> bool {
    at(sent, LIST).is_some_and(|value| !value.is_null())
}

/// Says the capacity in a set that has a `sku`.
pub(super) fn set_capacity(body: &mut Body, count: usize) {
    if body.member(&["sku"]).is_some_and(Value::is_object) {
        body.set_member(CAPACITY, count.into());
    }
}

fn word(body: &Body, path: &[&str]) -> Option<String> {
    body.member(path).filter(|value| !value.is_null()).map(|value| match value.as_str() {
        Some(text) => text.to_ascii_lowercase(),
        None => value.to_string(),
    })
}

fn wrong(property: &'static str, text: &str, known: &str) -> Fault {
    let text: String = Excerpt::of(text).into();
    Fault::PropertyInvalid { property, rule: format!("'{text}' is none of {known}") }
}
