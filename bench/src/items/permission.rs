//! A permission check with 10,000 role assignments, on SQLite: of a principal who holds them all, at scopes of their own, and of one
//! among as many who hold one each. Beside it the bare read of one row from the engine. A request asks first whether its
//! caller is there, which is no part of a check: that alone is measured in turns with both, and taken off.

use crate::bare::time;
use crate::machine::{LOAD_CORE, pin, unpin};
use crate::plane::world;
use crate::report::Row;
use crate::stats::median;
use crate::{Bench, Failure};
use bonafide_core::access::{Chain, Grants, OWNER, Plane, ROLE_ASSIGNMENTS, RoleAssignment, ScopeKey, check, roles};
use bonafide_core::directory::{PRINCIPALS, create_application};
use bonafide_core::tokens::{Caller, TokenId};
use bonafide_store::engine::{Commit, CommitId, Engine, Op};
use bonafide_store::{Read, RowKeys, Store, StoreError, Tx};
use bonafide_store_sqlite::SqliteEngine;
use bonafide_types::{ObjectId, ResourceUuid, RoleAssignmentId, SubscriptionId, TenantId};
use std::time::Duration;

/// Resources in one subscription, each with two assignments, which are made in one transaction.
const IN_SUBSCRIPTION: usize = 250;
const ACTION: &str = "Microsoft.Compute/virtualMachines/read";
/// The row that the engine reads for the other side.
const BARE: &[u8] = b"bare";
const MICROS_MAX: f64 = 5.0;

pub(super) fn measure(bench: &Bench) -> Result<Vec<Row>, Failure> {
    let count = bench.amount(10_000, 1_000);
    let (rounds, each) = bench.amount((9, Duration::from_millis(300)), (2, Duration::from_millis(30)));
    let store = Store::open(SqliteEngine::open(&bench.folder("permission")?)?, RowKeys::throw_away());
    let bare = store_bare(bench)?;
    let held = fill(&store, count)?;
    let mut rows = Vec::new();
    for (who, principal, chain) in [
        ("who holds all of them, by the one at the resource", held.all, &held.resource),
        ("who holds all of them, by the one at the subscription above", held.all, &held.inherited),
        ("who holds one of them, at the resource", held.one, &held.resource),
    ] {
        let caller = caller(&store, principal)?;
        let (mut checks, mut alive, mut reads) = (Vec::new(), Vec::new(), Vec::new());
        pin(LOAD_CORE)?;
        for _ in 0..rounds {
            checks.push(store.read(|tx| Ok::<_, StoreError>(time(each, || may(tx, &caller, chain))))??);
            alive.push(store.read(|tx| Ok::<_, StoreError>(time(each, || grants(tx, &caller).is_some())))??);
            let snapshot = bare.snapshot()?;
            reads.push(time(each, || snapshot.get(BARE).is_ok_and(|row| row.is_some()))?);
        }
        unpin()?;
        let (check, read) = (median(&checks) - median(&alive), median(&reads));
        rows.push(Row::judged(
            &format!("a permission check with {count} role assignments, of a principal {who}"),
            &format!("≤ {MICROS_MAX} µs of processor time"),
            format!("{check:.2} µs, {:.1} × the bare read of a row ({read:.2} µs)", check / read),
            check <= MICROS_MAX,
        ));
    }
    Ok(rows)
}

fn grants(tx: &impl Read, caller: &Caller) -> Option<Grants> {
    Grants::of(tx, caller).ok().flatten()
}

fn may(tx: &impl Read, caller: &Caller, chain: &Chain) -> bool {
    let Some(grants) = grants(tx, caller) else { return false };
    check(tx, &grants, chain, ACTION, Plane::Control).is_ok_and(|checked| checked.is_ok())
}

/// The assignments.
struct Held {
    /// The principal with all of them.
    all: ObjectId,
    /// A principal with one of them, at a resource.
    one: ObjectId,
    /// The scopes down to that resource.
    resource: Chain,
    /// Those down to a resource in whose subscription the first principal has a role.
    inherited: Chain,
}

/// Gives one principal so many assignments, one at a subscription and each other at a resource, and as many others one each.
fn fill(store: &Store, count: usize) -> Result<Held, Failure> {
    let world = world();
    let tenant = TenantId::random(world.entropy);
    let (all, _) = store.write(|tx| create_application(tx, &world, tenant, "all"))?;
    let above = Chain::root(tenant).then(ScopeKey::root_group(tenant));
    let group_in = |subscription| {
        let group = ScopeKey::Group(ResourceUuid::random(world.entropy));
        above.clone().then(ScopeKey::Subscription(subscription)).then(group)
    };
    let mut found = None;
    for _ in 0..count.div_ceil(IN_SUBSCRIPTION) {
        let subscription = SubscriptionId::random(world.entropy);
        let (one, resource) = store.write(|tx| {
            let mut last = (all, ResourceUuid::random(world.entropy));
            for _ in 0..IN_SUBSCRIPTION {
                let (one, _) = create_application(tx, &world, tenant, "one")?;
                last = (one, ResourceUuid::random(world.entropy));
                give(tx, (tenant, one), ScopeKey::Resource(last.1), subscription)?;
                give(tx, (tenant, all), ScopeKey::Resource(last.1), subscription)?;
            }
            Ok::<_, StoreError>(last)
        })?;
        found.get_or_insert((one, group_in(subscription).then(ScopeKey::Resource(resource))));
    }
    // In a subscription of its own: the one at the resource is not to be found above.
    let subscription = SubscriptionId::random(world.entropy);
    store.write(|tx| give(tx, (tenant, all), ScopeKey::Subscription(subscription), subscription))?;
    let inherited = group_in(subscription).then(ScopeKey::Resource(ResourceUuid::random(world.entropy)));
    let (one, resource) = found.ok_or("nothing to measure")?;
    Ok(Held { all, one, resource, inherited })
}

fn give(
    tx: &mut Tx<'_>,
    (tenant, principal): (TenantId, ObjectId),
    scope: ScopeKey,
    subscription: SubscriptionId,
) -> Result<(), StoreError> {
    let (world, role) = (world(), roles::by_name("Reader").map_or(OWNER, |role| role.id));
    let name = RoleAssignmentId::random(world.entropy);
    let row = RoleAssignment {
        scope,
        subscription: Some(subscription),
        role,
        description: None,
        created_at: world.now,
        created_by: None,
        updated_at: world.now,
        updated_by: None,
        mark: None,
    };
    tx.put(&ROLE_ASSIGNMENTS, &(tenant, principal, name), &row)
}

fn caller(store: &Store, principal: ObjectId) -> Result<Caller, Failure> {
    let world = world();
    let row = store.read(|tx| tx.get(&PRINCIPALS, &principal))?.ok_or("no such principal")?;
    let (tenant, client_id, expires_at) = (row.tenant, row.client_id, world.now);
    let token_id = TokenId::new(&world);
    Ok(Caller { tenant, object_id: principal, client_id, workload: None, token_id, expires_at })
}

fn store_bare(bench: &Bench) -> Result<SqliteEngine, Failure> {
    let engine = SqliteEngine::open(&bench.folder("permission-bare")?)?;
    let ops = vec![Op::Put { key: BARE.to_vec(), value: vec![b'v'; 64] }];
    let id = CommitId(world().entropy.guid());
    engine.commit(&[Commit { id, compares: Vec::new(), ops, audit: Vec::new(), may_use_reserve: false }])?;
    Ok(engine)
}
