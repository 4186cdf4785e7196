//! `/subscriptions/{s}/providers/Microsoft.Compute/locations/{l}/vmSizes` and `…/Microsoft.Compute/skus`: the sizes that
//! clients offer. Machines can have any other size.

use super::Fixed;
use super::subscriptions::right_of_any_role;
use crate::command::Call;
use crate::fault::Fault;
use crate::filter::{self, Term};
use crate::locations;
use crate::order::access::Access;
use crate::outcome::Outcome;
use bonafide_store::ReadTx;
use serde_json::{Value, json};

pub(super) static ENDPOINTS: &[Fixed] = &[
    Fixed::get(
        "/subscriptions/{subscription}/providers/Microsoft.Compute/locations/{location}/vmSizes",
        right_of_any_role,
        sizes,
    ),
    Fixed::get("/subscriptions/{subscription}/providers/Microsoft.Compute/skus", right_of_any_role, skus),
];

/// Size of the system's disk at most, in MB. Source: the same for all sizes of the recordings of azure-mgmt-compute.
const SYSTEM_DISK_MB: u64 = 1_047_552;

struct Size {
    name: &'static str,
    family: &'static str,
    cores: u64,
    memory_mb: u64,
    temporary_disk_mb: u64,
    data_disks: u64,
    architecture: &'static str,
}

fn all() -> impl Iterator<Item = Size> {
    let lines = include_str!("../../data/sizes.txt").lines().filter(|line| !line.starts_with('#'));
    lines.filter_map(|line| {
        let words: [&str; 7] = line.split(' ').collect::<Vec<_>>().try_into().ok()?;
        let [name, family, cores, memory, temporary, disks, architecture] = words;
        Some(Size {
            name,
            family,
            cores: cores.parse().ok()?,
            memory_mb: memory.parse().ok()?,
            temporary_disk_mb: temporary.parse().ok()?,
            data_disks: disks.parse().ok()?,
            architecture,
        })
    })
}

/// The sizes, as `vmSizes` of a location and of a machine lists them.
pub(crate) fn list() -> Value {
    let size = |size: Size| {
        json!({
            "name": size.name,
            "numberOfCores": size.cores,
            "osDiskSizeInMB": SYSTEM_DISK_MB,
            "resourceDiskSizeInMB": size.temporary_disk_mb,
            "memoryInMB": size.memory_mb,
            "maxDataDiskCount": size.data_disks,
        })
    };
    json!({ "value": all().map(size).collect::<Vec<_>>() })
}

fn sizes(_tx: &ReadTx<'_>, _call: &Call<'_>, _access: &Access) -> Result<Outcome, Fault> {
    Ok(Outcome::shown(list()))
}

/// The sizes as SKUs, of every location or of the one that `$filter` names.
fn skus(_tx: &ReadTx<'_>, call: &Call<'_>, _access: &Access) -> Result<Outcome, Fault> {
    let terms = filter::read(call.command.query.get("$filter"))?;
    let mut locations: Vec<&str> = locations::names().to_vec();
    for term in &terms {
        match term {
            Term::Equals(name, value) if name == "location" => {
                locations.retain(|location| location.eq_ignore_ascii_case(value));
            }
            other => return Err(other.unsupported()),
        }
    }
    let value: Vec<Value> = all().map(|size| sku(&size, &locations)).collect();
    Ok(Outcome::shown(json!({ "value": if locations.is_empty() { Vec::new() } else { value } })))
}

fn sku(size: &Size, locations: &[&str]) -> Value {
    let word = |flag: bool| if flag { "True" } else { "False" };
    let capabilities = [
        ("MaxResourceVolumeMB", size.temporary_disk_mb.to_string()),
        ("OSVhdSizeMB", SYSTEM_DISK_MB.to_string()),
        ("vCPUs", size.cores.to_string()),
        ("MemoryGB", (size.memory_mb as f64 / 1024.0).to_string()),
        ("MaxDataDiskCount", size.data_disks.to_string()),
        ("CpuArchitectureType", size.architecture.to_owned()),
        ("HyperVGenerations", if size.architecture == "Arm64" { "V2" } else { "V1,V2" }.to_owned()),
        ("PremiumIO", word(size.name.contains('s')).to_owned()),
        ("AcceleratedNetworkingEnabled", word(size.cores > 1).to_owned()),
    ];
    let capabilities: Vec<Value> =
        capabilities.iter().map(|(name, value)| json!({ "name": name, "value": value })).collect();
    let info: Vec<Value> = locations
        .iter()
        .map(|location| json!({ "location": location, "zones": ["1", "2", "3"], "zoneDetails": [] }))
        .collect();
    json!({
        "resourceType": "virtualMachines",
        "name": size.name,
        "tier": "Standard",
        "size": size.name.trim_start_matches("Standard_"),
        "family": size.family,
        "locations": locations,
        "locationInfo": info,
        "capabilities": capabilities,
        "restrictions": [],
    })
}
