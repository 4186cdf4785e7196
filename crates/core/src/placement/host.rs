//! Hosts: whether one may speak, and which of its certificates counts (ADR 18).

use crate::audit::{self, Record};
use bonafide_store::{Absence, Read, StoreError, Table, Tx};
use bonafide_types::{CertificateNumber, HostId, ResourceUuid, Timestamp, World};
use serde::{Deserialize, Serialize};

/// Time after the first use of a certificate during which the use of an older one is refused and no more, in seconds.
/// Source: ours; longer than any request of an agent's that was on its way then.
const STRAGGLERS_SECONDS: u64 = 15;

/// A machine that runs the agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Host {
    /// The name for people.
    pub name: String,
    /// The time at which it joined, or joined anew; `None` until it has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub joined_at: Option<Timestamp>,
    /// A disabled host is refused on every request.
    pub enabled: bool,
    /// From when on it is frozen: an older certificate was used beside the newest, so there are two of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frozen_at: Option<Timestamp>,
    /// The newest certificate that was used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    current: Option<CertificateNumber>,
    /// The certificate that was issued last, and has not been used yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    offered: Option<CertificateNumber>,
    /// When the newest certificate was used first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    used_at: Option<Timestamp>,
    /// When a certificate was issued last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issued_at: Option<Timestamp>,
    /// Certificates of lower generations say nothing any more, not even that there are two hosts: an operator has
    /// decided since.
    #[serde(default)]
    void_below: u64,
    /// The dialects that its agent serves, as it said; none of an agent of the time before they said so.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dialects: Vec<String>,
}

/// Hosts by id.
pub const HOSTS: Table<HostId, Host> = Table::new("host", Absence::Withholds);

/// The host that a resource of [`HOST_TYPE`](crate::directory::HOST_TYPE) is: they have the same id. There are hosts
/// without a resource.
pub fn host_of(resource: ResourceUuid) -> HostId {
    HostId::new(resource.uuid())
}

/// The resource that a host is, where it is one.
pub fn resource_of(host: HostId) -> ResourceUuid {
    ResourceUuid::new(host.uuid())
}

/// The weight of a certificate that a host shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It counts.
    Current,
    /// It was issued last, and counts from its first use on.
    Offered,
    /// A newer one has been used: whoever shows it is a second host.
    Superseded,
    /// It is not known, or from before a decision of the operator's.
    Void,
}

impl Host {
    /// A host that is about to get its first certificate.
    pub fn new(name: &str, joined_at: Timestamp) -> Self {
        Self { joined_at: Some(joined_at), ..Self::invited(name) }
    }

    /// A host that may join.
    pub fn invited(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            joined_at: None,
            enabled: true,
            frozen_at: None,
            current: None,
            offered: None,
            used_at: None,
            issued_at: None,
            void_below: 0,
            dialects: Vec::new(),
        }
    }

    /// True for a host that may ask for anything.
    pub fn may_speak(&self) -> bool {
        self.enabled && self.frozen_at.is_none()
    }

    /// True for a host that no machine is yet, or that an operator let join anew and that has not.
    pub fn is_to_join(&self) -> bool {
        let has_none = self.current.is_none() && self.offered.is_none();
        // One of the time before generations has no number taken down.
        self.joined_at.is_none() || (self.void_below > 0 && has_none)
    }

    /// True for a host that may ask for anything and whose agent serves a dialect.
    pub fn serves(&self, dialect: &str) -> bool {
        self.may_speak() && self.dialects.iter().any(|served| served == dialect)
    }

    /// The weight of a certificate of this host. One without a generation is of the time before there were any; it is
    /// the current one until the first that has one is used.
    pub fn standing(&self, shown: CertificateNumber) -> Standing {
        if shown.generation < self.void_below {
            return Standing::Void;
        }
        match self.current {
            Some(current) if current == shown => Standing::Current,
            None if shown.generation == 0 => Standing::Current,
            Some(_) | None if self.offered == Some(shown) => Standing::Offered,
            Some(current) if shown.generation < current.generation => Standing::Superseded,
            Some(_) | None => Standing::Void,
        }
    }

    /// True for a certificate whose owner may be given the next.
    pub(super) fn is_newest(&self, shown: CertificateNumber) -> bool {
        matches!(self.standing(shown), Standing::Current | Standing::Offered)
    }

    /// The generation of the next certificate.
    pub(super) fn next_generation(&self) -> u64 {
        let newest = [self.current, self.offered].into_iter().flatten().map(|number| number.generation).max();
        newest.map_or(0, |newest| newest.saturating_add(1)).max(self.void_below).max(1)
    }

    /// Takes a certificate down that is handed out. The one in use counts until this one is used.
    pub(super) fn offer(&mut self, number: CertificateNumber, now: Timestamp) {
        (self.offered, self.issued_at) = (Some(number), Some(now));
    }

    fn take_up(&mut self, number: CertificateNumber, now: Timestamp) {
        (self.current, self.offered, self.used_at) = (Some(number), None, Some(now));
    }

    /// Takes an operator's decision down. Of a host that is enabled again all certificates so far are void: who is to go on
    /// as it joins anew.
    pub(crate) fn decide(&mut self, enabled: bool) {
        if enabled && !self.may_speak() {
            self.void_below = self.next_generation();
            (self.current, self.offered, self.frozen_at) = (None, None, None);
        }
        self.enabled = enabled;
    }

    fn is_straggler_possible(&self, now: Timestamp) -> bool {
        self.used_at.is_some_and(|used_at| now < used_at.plus_seconds(STRAGGLERS_SECONDS))
    }
}

/// The name of a host in audit records.
pub(crate) fn scope_of(id: HostId) -> String {
    format!("/hosts/{id}")
}

/// Takes down what it means that a host shows this certificate: an offered one counts from now on; a superseded one
/// freezes the host. True when it is frozen by this. Whatever the way on which a certificate is shown, this comes before
/// the answer.
pub fn show(tx: &mut Tx<'_>, world: &World<'_>, id: HostId, shown: CertificateNumber) -> Result<bool, StoreError> {
    let Some(mut host) = tx.get(&HOSTS, &id)?.filter(Host::may_speak) else { return Ok(false) };
    match host.standing(shown) {
        Standing::Offered => host.take_up(shown, world.now),
        Standing::Superseded if !host.is_straggler_possible(world.now) => {
            host.frozen_at = Some(world.now);
            record_freeze(tx, world, id)?;
        }
        Standing::Superseded | Standing::Current | Standing::Void => return Ok(false),
    }
    // A frozen host is one that was taken something away.
    tx.put_from_reserve(&HOSTS, &id, &host)?;
    Ok(host.frozen_at.is_some())
}

fn record_freeze(tx: &mut Tx<'_>, world: &World<'_>, id: HostId) -> Result<(), StoreError> {
    let record = Record {
        at: world.now,
        surface: "hosts",
        tenant: None,
        principal: None,
        action: "hosts/freeze",
        scope: &scope_of(id),
        request: None,
    };
    audit::record(tx, record)
}
