//! A directory in memory, and what tests do to it.

use bonafide_core::access::Allowed;
use bonafide_core::directory::{
    CREDENTIALS, Change, GROUP_TYPE, IDENTITY_TYPE, PRINCIPALS, Power, Resource, ResourceIdentity, TENANTS, Tenant,
    add_certificate, find,
};
use bonafide_core::lifecycle::{Budget, Condemned, IdentityError, OnHost, PlaceError, SaveError, place, remove, save};
use bonafide_core::placement::PLACEMENTS;
use bonafide_crypto::{AgentKey, Certificate, SelfSigned, SystemEntropy};
use bonafide_store::{Read, Store, StoreError};
use bonafide_types::{HostId, ObjectId, ResourceId, ResourceUuid, SubscriptionId, TenantId, Timestamp, World};

pub(crate) const NOW: Timestamp = Timestamp::from_unix_seconds(1_795_000_000);

pub(crate) fn world() -> World<'static> {
    World { now: NOW, entropy: &SystemEntropy }
}

/// A directory with one host.
pub(crate) struct Cloud {
    pub(crate) store: Store,
    pub(crate) tenant: TenantId,
    pub(crate) subscription: SubscriptionId,
    pub(crate) host: HostId,
}

impl Cloud {
    pub(crate) fn new() -> Self {
        let store = Store::in_memory();
        let entropy = &SystemEntropy;
        let tenant = TenantId::random(entropy);
        let row = Tenant { display_name: "t".into(), created_at: NOW };
        store.write(|tx| tx.put(&TENANTS, &tenant, &row)).unwrap();
        Self { store, tenant, subscription: SubscriptionId::random(entropy), host: HostId::random(entropy) }
    }

    pub(crate) fn id(&self, type_name: &str, name: &str) -> ResourceId {
        let group = ResourceId::of_group(self.subscription, "g").unwrap();
        if type_name == GROUP_TYPE { group } else { group.provider_child(type_name, name).unwrap() }
    }

    pub(crate) fn resource(&self, id: ResourceId) -> Resource {
        Resource {
            id,
            tenant: self.tenant,
            group: None,
            parent: None,
            tags: serde_json::Map::new(),
            identity: ResourceIdentity::default(),
            principal: None,
            body: bonafide_core::directory::Body::default(),
            power: Power::default(),
            set: None,
            model: 0,
            instances_made: 0,
            host: None,
            host_resource: None,
            extension: None,
            model_extension: None,
            below: None,
            deleting: false,
            version: 0,
            created_at: NOW,
            changed_at: NOW,
        }
    }

    pub(crate) fn make_identity(&self, name: &str) -> (ResourceId, ObjectId) {
        let id = self.id(IDENTITY_TYPE, name);
        let uuid = ResourceUuid::random(&SystemEntropy);
        let principal = self.store.write(|tx| {
            let mut resource = self.resource(id.clone());
            save(tx, &world(), &self.allowed(), uuid, &mut resource, None)?;
            Ok::<_, SaveError>(resource.principal.unwrap().principal_id)
        });
        (id, principal.unwrap())
    }

    pub(crate) fn allowed(&self) -> Allowed {
        Allowed::system(self.tenant)
    }

    pub(crate) fn machine(&self, name: &str) -> ResourceId {
        self.id("Microsoft.Compute/virtualMachines", name)
    }

    pub(crate) fn change(&self, id: &ResourceId, change: &Change) -> Result<Resource, IdentityError> {
        let saved = self.store.write(|tx| {
            let (uuid, mut resource) =
                find(tx, id)?.unwrap_or_else(|| (ResourceUuid::random(&SystemEntropy), self.resource(id.clone())));
            save(tx, &world(), &self.allowed(), uuid, &mut resource, Some(change))?;
            Ok(resource)
        });
        saved.map_err(|error| match error {
            SaveError::Identity(error) => error,
            other => panic!("{other}"),
        })
    }

    pub(crate) fn delete(&self, id: &ResourceId) {
        let progress = self.store.write(|tx| {
            let (uuid, resource) = find(tx, id)?.unwrap();
            let condemned = Condemned::by(&self.allowed(), uuid, &resource).unwrap();
            remove(tx, &world(), condemned, uuid, &mut Budget::new(10))
        });
        assert!(progress.unwrap().is_done());
    }

    pub(crate) fn place(&self, id: &ResourceId) {
        self.place_on(self.host, id).unwrap();
    }

    pub(crate) fn place_on(&self, host: HostId, id: &ResourceId) -> Result<(), PlaceError> {
        self.store.write(|tx| {
            let (uuid, resource) = find(tx, id)?.unwrap();
            let on = OnHost::of_all(&self.allowed(), self.tenant, host)?;
            place(tx, &self.allowed(), on, uuid, &resource)
        })
    }

    pub(crate) fn placed(&self, id: &ResourceId) -> Vec<ObjectId> {
        let placed = |tx: &bonafide_store::ReadTx<'_>| {
            let (uuid, _) = find(tx, id)?.unwrap();
            Ok::<_, StoreError>(tx.get(&PLACEMENTS, &(self.host, uuid))?.unwrap().own)
        };
        self.store.read(placed).unwrap().into_iter().map(|identity| identity.principal).collect()
    }

    pub(crate) fn register_key(&self, principal: ObjectId) {
        let certificate = certificate();
        self.store.write(|tx| add_certificate(tx, &world(), principal, &certificate, Some(self.host))).unwrap();
    }

    pub(crate) fn keys(&self, principal: ObjectId) -> usize {
        self.store.read(|tx| tx.page(&CREDENTIALS, &principal, None, usize::MAX)).unwrap().len()
    }

    pub(crate) fn exists(&self, principal: ObjectId) -> bool {
        self.store.read(|tx| tx.get(&PRINCIPALS, &principal)).unwrap().is_some()
    }
}

/// The certificate of a key that a host made.
pub(crate) fn certificate() -> Certificate {
    let key = AgentKey::generate().unwrap();
    let spec = SelfSigned {
        common_name: "k",
        not_before_seconds: NOW.unix_seconds(),
        not_after_seconds: NOW.unix_seconds() + 86_400,
    };
    Certificate::from_der(&key.self_signed_certificate(&spec).unwrap()).unwrap()
}

pub(crate) fn system() -> Change {
    Change { system: true, ..Change::default() }
}

pub(crate) fn users(add: &[ResourceId]) -> Change {
    Change { add: add.to_vec(), ..Change::default() }
}
