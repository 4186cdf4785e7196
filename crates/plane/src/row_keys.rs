//! The keys of the MACs on the store's rows (docs/adr/0014-a-mac-on-every-row.md): random, and sealed in the store. Who opens
//! them has the store, as today's version stores it.

use crate::secrets::{PEPPER, SecretsError};
use bonafide_core::directory::{WITHOUT_SECRETS, digest_of_secrets};
use bonafide_core::keys::{INSTALLATION_SECRETS, open_installation_secret, seal_installation_secret};
use bonafide_crypto::seal::{SealError, Sealed};
use bonafide_crypto::{Kek, random};
use bonafide_store::{
    EngineError, Locked, ROW_KEY_BYTES, RowKeyId, RowKeys, SealRowsError, Store, StoreError, Trouble,
};
use bonafide_types::{Secret, base64url};
use serde::{Deserialize, Serialize};

const ROW_KEYS: &str = "row-keys";
/// The name of the pepper in stores of the time before there were MACs. It is there no longer once the store has its keys:
/// so a store whose keys were taken away is not taken for one that never had any.
const PEPPER_WITHOUT_MACS: &str = "secret-pepper";
const FIRST_KEY: RowKeyId = 1;

/// The keys as they are sealed, and what was done to the rows.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Ring {
    /// The newest is the last.
    keys: Vec<RingKey>,
    /// While the rows of an old store get their MACs: the last stored key that has one, base64url.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sealed_until: Option<String>,
    /// A digest of all that was known to be secret when the secrets were taken out of the rows, the last time that this
    /// was done to the end. Rows that other versions stored may have more of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) without_secrets: Option<String>,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RingKey {
    id: RowKeyId,
    /// Base64url.
    key: String,
}

/// Opens the store of an engine with the key-encryption key. A new store gets its keys; one of the time before there were
/// MACs gets keys and MACs, and one from before all of today's secrets were known loses them. That takes a while, once.
pub fn unlock(mut locked: Locked, kek: &Kek) -> Result<Store, SecretsError> {
    let mut ring = match locked.row_keys()? {
        Some(sealed) => Ring::open(kek, &sealed)?,
        None => begin(&locked, kek)?,
    };
    let keys = ring.row_keys()?;
    if let Some(until) = ring.sealed_until.take() {
        seal_rows(&locked, kek, &ring, &until)?;
    }
    let known = Some(digest_of_secrets());
    if ring.without_secrets != known {
        ring.without_secrets = known;
        match locked.clean_rows(&keys, &WITHOUT_SECRETS, &ring.sealed(kek, None)?) {
            // Nothing that starts may need space (AU-05). The next start tries again.
            Err(StoreError::Engine(error @ EngineError::Full(_))) => {
                locked.tell(Trouble::SecretsLeft(error.to_string()))
            }
            done => done?,
        }
    }
    Ok(locked.unlock(keys))
}

/// Gives the rows of an old store their MACs, from the key `until` on (base64url).
fn seal_rows(locked: &Locked, kek: &Kek, ring: &Ring, until: &str) -> Result<(), SecretsError> {
    let until = base64url::decode(until).map_err(|_| SecretsError::Damaged(ROW_KEYS))?;
    let after = (!until.is_empty()).then_some(until);
    let progress = |until: Option<&[u8]>| ring.sealed(kek, until.map(base64url::encode));
    locked.seal_rows(&ring.row_keys()?, after, &WITHOUT_SECRETS, progress).map_err(|error| match error {
        SealRowsError::Store(error) => SecretsError::Store(error),
        SealRowsError::Progress(error) => SecretsError::Seal(error),
    })
}

/// Gives a store its keys.
fn begin(locked: &Locked, kek: &Kek) -> Result<Ring, SecretsError> {
    let key = Secret::new(random::bytes::<ROW_KEY_BYTES>());
    let keys = vec![RingKey { id: FIRST_KEY, key: base64url::encode(key.expose()) }];
    let without_secrets = Some(digest_of_secrets());
    if locked.is_new()? {
        let ring = Ring { keys, sealed_until: None, without_secrets };
        locked.begin(ring.sealed(kek, None)?)?;
        return Ok(ring);
    }
    let old = locked.unproven(&INSTALLATION_SECRETS, &PEPPER_WITHOUT_MACS.to_owned())?;
    let pepper = open_installation_secret(kek, PEPPER_WITHOUT_MACS, &old.ok_or(SecretsError::RowKeysLost)?)?;
    let moved = seal_installation_secret(kek, PEPPER, pepper.expose())?;
    let ring = Ring { keys, sealed_until: Some(String::new()), without_secrets };
    let sealed = ring.sealed(kek, Some(String::new()))?;
    let names = (&PEPPER_WITHOUT_MACS.to_owned(), &PEPPER.to_owned());
    locked.begin_old(sealed, &INSTALLATION_SECRETS, names, &moved)?;
    Ok(ring)
}

impl Ring {
    pub(crate) fn open(kek: &Kek, sealed: &[u8]) -> Result<Self, SecretsError> {
        let damaged = |_| SecretsError::Damaged(ROW_KEYS);
        let sealed: Sealed = serde_json::from_slice(sealed).map_err(damaged)?;
        serde_json::from_slice(open_installation_secret(kek, ROW_KEYS, &sealed)?.expose()).map_err(damaged)
    }

    /// The row of these keys, with another progress.
    pub(crate) fn sealed(&self, kek: &Kek, sealed_until: Option<String>) -> Result<Vec<u8>, SealError> {
        let ring = Self { sealed_until, ..self.clone() };
        // Structs of strings and numbers always have a JSON form.
        let plain = Secret::new(serde_json::to_vec(&ring).unwrap_or_default());
        let sealed = seal_installation_secret(kek, ROW_KEYS, plain.expose())?;
        Ok(serde_json::to_vec(&sealed).unwrap_or_default())
    }

    fn row_keys(&self) -> Result<RowKeys, SecretsError> {
        let damaged = || SecretsError::Damaged(ROW_KEYS);
        let key = |key: &RingKey| {
            let bytes = Secret::new(base64url::decode(&key.key).map_err(|_| damaged())?);
            let bytes = <[u8; ROW_KEY_BYTES]>::try_from(bytes.expose().as_slice()).map_err(|_| damaged())?;
            Ok::<_, SecretsError>((key.id, Secret::new(bytes)))
        };
        let (newest, older) = self.keys.split_last().ok_or_else(damaged)?;
        let (id, newest) = key(newest)?;
        Ok(RowKeys::new((id, &newest), &older.iter().map(key).collect::<Result<Vec<_>, _>>()?))
    }
}
