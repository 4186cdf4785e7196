//! Hosts and how they join.

use bonafide_store::{Absence, Index, Read, StoreError, Table, Tx};
use bonafide_types::{HostId, Timestamp, World};
use serde::{Deserialize, Serialize};

/// A machine that runs the agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Host {
    /// The name for people.
    pub name: String,
    /// The time at which it joined.
    pub joined_at: Timestamp,
    /// A disabled host is refused on every request.
    pub enabled: bool,
}

/// Hosts by id.
pub const HOSTS: Table<HostId, Host> = Table::new("host", Absence::Withholds);

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

/// Lifetime of an enrolment token, in seconds. Source: ours.
pub const ENROLMENT_SECONDS: u64 = 600;

/// Expired enrolments that go when another is made. Source: ours; more than one, so that they become fewer.
const FORGOTTEN_AT_ONCE: usize = 100;

/// The reason why a host may not join.
#[derive(Debug, thiserror::Error)]
pub enum JoinError {
    /// The token was never given out, has been used, or has expired; which of them is not said.
    #[error("the enrolment token is unknown, used or expired")]
    Token,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Lets one host join: stores the enrolment under the hash of its token, and forgets some that expired.
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
    // A start on a full disk may need it.
    tx.may_use_reserve();
    let expires_at = world.now.plus_seconds(ENROLMENT_SECONDS);
    tx.put(&ENROLMENTS, &token_hash, &Enrolment { host, name: name.to_owned(), expires_at })
}

/// Withdraws invitations, as many as one transaction should; true when there may be more. After a restore: those that were
/// used since the backup are in it as unused.
pub fn withdraw_invitations(tx: &mut Tx<'_>) -> Result<bool, StoreError> {
    let open = tx.page(&ENROLMENTS, &(), None, FORGOTTEN_AT_ONCE)?;
    open.iter().try_for_each(|(hash, _)| tx.delete(&ENROLMENTS, hash))?;
    Ok(open.len() == FORGOTTEN_AT_ONCE)
}

/// Uses an enrolment up and makes the host. Of any number that try at once, one succeeds: the
/// enrolment that was read must still be there when the transaction commits.
pub fn join(tx: &mut Tx<'_>, world: &World<'_>, token_hash: &String) -> Result<HostId, JoinError> {
    let enrolment = tx.get(&ENROLMENTS, token_hash)?.ok_or(JoinError::Token)?;
    if enrolment.expires_at <= world.now {
        return Err(JoinError::Token);
    }
    tx.delete(&ENROLMENTS, token_hash)?;
    tx.put(&HOSTS, &enrolment.host, &Host { name: enrolment.name, joined_at: world.now, enabled: true })?;
    Ok(enrolment.host)
}
