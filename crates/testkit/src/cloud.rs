//! The whole cloud: a control plane with a tenant, and a host.

use crate::agent::Host;
use crate::ask::Ask;
use crate::keys;
use crate::people::Person;
use crate::plane::Plane;
use bonafide_core::directory::{SUBSCRIPTIONS, Subscription, TENANTS, Tenant};
use bonafide_core::keys::SIGNING_KEYS;
use bonafide_metadata::{Binding, Options};
use bonafide_types::{SubscriptionId, TenantId};
use bonafide_wire::Reply;
use std::ops::Deref;

/// A tenant with its subscription and its operator, who owns all of it.
#[derive(Debug, Clone)]
pub struct Realm {
    /// The tenant.
    pub tenant: TenantId,
    /// Its subscription.
    pub subscription: SubscriptionId,
    /// The owner of its root.
    pub operator: Person,
}

/// A control plane with a tenant, and a host that has joined. It is its control plane too.
pub struct Cloud {
    /// The tenant that the first start makes.
    pub home: Realm,
    /// The host.
    pub local: Host,
    plane: Plane,
}

impl Deref for Cloud {
    type Target = Plane;

    fn deref(&self) -> &Plane {
        &self.plane
    }
}

impl Default for Cloud {
    fn default() -> Self {
        Self::new()
    }
}

impl Cloud {
    /// A cloud as it is by default: throttles and background refreshes on.
    pub fn new() -> Self {
        Self::with(Options::default())
    }

    /// A cloud whose agent treats its workloads so.
    pub fn with(options: Options) -> Self {
        let plane = Plane::new();
        let home = found(&plane, 0);
        let local = Host::join(&plane, "local", options);
        Self { home, local, plane }
    }

    /// A cloud without any throttle.
    pub fn unthrottled() -> Self {
        let mut cloud = Self::with(Options { throttle: None, refresh_ahead: true });
        cloud.plane.lift_shares();
        cloud
    }

    /// A second tenant, with a subscription and an operator of its own. There is one; ask once.
    pub fn second_tenant(&self) -> Realm {
        found(&self.plane, 1)
    }

    /// Sends a request of a workload to the host's agent.
    pub fn metadata(&self, binding: &Binding, ask: &Ask) -> Reply {
        self.local.answer(&self.plane, binding, ask.request())
    }

    /// Lets the host see what has changed.
    pub fn round(&self) {
        self.local.round(&self.plane);
    }
}

/// Founds a tenant. That has no surface: the first start does it.
fn found(plane: &Plane, number: usize) -> Realm {
    let (tenant, kid, key) = keys::tenant(number);
    let world = plane.world();
    let subscription = SubscriptionId::random(world.entropy);
    plane.change(|tx| {
        let created_at = world.now;
        tx.put(&TENANTS, tenant, &Tenant { display_name: format!("Directory {}", number + 1), created_at })?;
        tx.put(&SIGNING_KEYS, &(*tenant, kid.clone()), key)?;
        let row = Subscription::new(*tenant, format!("Subscription {}", number + 1), created_at);
        tx.put(&SUBSCRIPTIONS, &subscription, &row)
    });
    let operator = plane.application(*tenant, "operator");
    plane.grant_owner(&operator);
    Realm { tenant: *tenant, subscription, operator }
}
