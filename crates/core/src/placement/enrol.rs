//! Joining, and the next certificate of a host.

use super::host::{HOSTS, Host};
use bonafide_crypto::ca::{CaError, HostCertificate};
use bonafide_store::{Absence, Index, Read, StoreError, Table, Tx};
use bonafide_types::{CertificateNumber, HostId, Timestamp, World};
use serde::{Deserialize, Serialize};

/// The right to join once, as one host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Enrolment {
    /// The host that joins with it.
    pub host: HostId,
    /// The name that the host will have.
    pub name: String,
    /// The end of its validity.
    pub expires_at: Timestamp,
}

/// Enrolments by the SHA-256 of their token, in hexadecimal: the token itself is not stored.
pub const ENROLMENTS: Table<String, Enrolment> =
    Table::indexed("enrolment", Absence::Withholds, |_, enrolment, entries| {
        entries.many(&BY_EXPIRY, &enrolment.expires_at);
    });
/// By the time at which they expire.
const BY_EXPIRY: Index<Timestamp, String> = Index::new("enrolment-by-expiry");
/// The same entries as [`BY_EXPIRY`], earliest first.
const EARLIEST: Index<(), (Timestamp, String)> = Index::new("enrolment-by-expiry");

/// Lifetime of an invitation, in seconds. Source: ours.
pub const ENROLMENT_SECONDS: u64 = 600;

/// Expired enrolments that go when another is made. Source: ours; more than one, so that they become fewer.
const FORGOTTEN_AT_ONCE: usize = 100;

/// The reason why a host gets no certificate.
#[derive(Debug, thiserror::Error)]
pub enum IssueError {
    /// The token was never given out, has been used, or has expired; which of them is not said.
    #[error("the invitation is unknown, used or expired")]
    Token,
    /// There is no such host.
    #[error("host {0} is unknown")]
    Unknown(HostId),
    /// The operator disabled it.
    #[error("host {0} is disabled")]
    Disabled(HostId),
    /// Two used its certificates, and the operator has not decided.
    #[error("host {0} is frozen")]
    Frozen(HostId),
    /// The certificate that asks for the next is not the newest.
    #[error("the certificate of host {0} is not the newest")]
    NotNewest(HostId),
    /// The certificate could not be made.
    #[error("the certificate cannot be made: {0}")]
    Make(CaError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Enrolment {
    /// True while it can be used. One that ends later than any that is made now was made by a clock that has been set
    /// back since: that must not prolong it.
    fn is_valid_at(&self, now: Timestamp) -> bool {
        now < self.expires_at && self.expires_at <= now.plus_seconds(ENROLMENT_SECONDS)
    }
}

/// Lets one host join, one that is not there yet, too: stores the enrolment under the hash of its token, and forgets some
/// that expired.
pub fn invite(
    tx: &mut Tx<'_>,
    world: &World<'_>,
    host: HostId,
    name: &str,
    token_hash: String,
) -> Result<(), StoreError> {
    for (_, hash) in
        tx.many(&EARLIEST, &(), None, FORGOTTEN_AT_ONCE)?.iter().filter(|(expires_at, _)| *expires_at <= world.now)
    {
        tx.delete(&ENROLMENTS, hash)?;
    }
    if tx.get(&HOSTS, &host)?.is_none() {
        tx.put_from_reserve(&HOSTS, &host, &Host::invited(name))?;
    }
    let expires_at = world.now.plus_seconds(ENROLMENT_SECONDS);
    // A start on a full disk may need it.
    tx.put_from_reserve(&ENROLMENTS, &token_hash, &Enrolment { host, name: name.to_owned(), expires_at })
}

/// Withdraws invitations, as many as one transaction should; true when there may be more. After a restore: those that were
/// used since the backup are in it as unused.
pub fn withdraw_invitations(tx: &mut Tx<'_>) -> Result<bool, StoreError> {
    let open = tx.page(&ENROLMENTS, &(), None, FORGOTTEN_AT_ONCE)?;
    open.iter().try_for_each(|(hash, _)| tx.delete(&ENROLMENTS, hash))?;
    Ok(open.len() == FORGOTTEN_AT_ONCE)
}

/// Uses an enrolment up, and gives its host a certificate, which `make` makes for a host and a generation. Of any
/// number that try at once, one succeeds: the enrolment that was read must still be there when the transaction commits.
/// The host goes on as the one that it is; a decision of the operator's about it stands. One that was removed meanwhile does
/// not come back.
pub fn join(
    tx: &mut Tx<'_>,
    world: &World<'_>,
    token_hash: &String,
    make: impl FnOnce(HostId, u64) -> Result<HostCertificate, CaError>,
) -> Result<(HostId, HostCertificate), IssueError> {
    let enrolment = tx.get(&ENROLMENTS, token_hash)?.filter(|enrolment| enrolment.is_valid_at(world.now));
    let enrolment = enrolment.ok_or(IssueError::Token)?;
    let id = enrolment.host;
    let mut host = tx.get(&HOSTS, &id)?.ok_or(IssueError::Token)?;
    host.joined_at = Some(world.now);
    let certificate = offer(tx, world, id, host, make)?;
    tx.delete(&ENROLMENTS, token_hash)?;
    Ok((id, certificate))
}

/// Gives a host its next certificate. The one that asks for it, `shown`, must be the newest; what it means that it was
/// shown has been taken down before ([`super::show`]).
pub fn renew(
    tx: &mut Tx<'_>,
    world: &World<'_>,
    id: HostId,
    shown: Option<CertificateNumber>,
    make: impl FnOnce(HostId, u64) -> Result<HostCertificate, CaError>,
) -> Result<HostCertificate, IssueError> {
    let host = tx.get(&HOSTS, &id)?.ok_or(IssueError::Unknown(id))?;
    // A host that may not speak hears of that first: it is the reason why its certificate does not count.
    if host.may_speak() && shown.is_some_and(|shown| !host.is_newest(shown)) {
        return Err(IssueError::NotNewest(id));
    }
    offer(tx, world, id, host, make)
}

fn offer(
    tx: &mut Tx<'_>,
    world: &World<'_>,
    id: HostId,
    mut host: Host,
    make: impl FnOnce(HostId, u64) -> Result<HostCertificate, CaError>,
) -> Result<HostCertificate, IssueError> {
    if !host.enabled {
        return Err(IssueError::Disabled(id));
    }
    if host.frozen_at.is_some() {
        return Err(IssueError::Frozen(id));
    }
    let certificate = make(id, host.next_generation()).map_err(IssueError::Make)?;
    host.offer(certificate.number, world.now);
    tx.put(&HOSTS, &id, &host)?;
    Ok(certificate)
}
