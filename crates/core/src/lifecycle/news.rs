//! Changes of a resource that its hosts hear of. All others cost a placed machine no more than one that is nowhere.

use crate::directory::Resource;
use crate::instance::UNSAID;

/// True when a resource is another one than before in anything that its placements, its facts, or those of the instances of
/// a set are made from. What they have of other rows follows these.
pub(super) fn is_news(before: &Resource, now: &Resource) -> bool {
    let Resource {
        id,
        tenant,
        group,
        parent,
        tags,
        identity,
        principal,
        set,
        model: _,
        instances_made: _,
        body,
        power,
        host,
        host_resource: _,
        extension,
        model_extension,
        below: _,
        deleting,
        version: _,
        created_at: _,
        changed_at: _,
    } = now;
    (id, tenant, group, parent) != (&before.id, &before.tenant, &before.group, &before.parent)
        || (identity, principal, set) != (&before.identity, &before.principal, &before.set)
        || (power, host, deleting) != (&before.power, &before.host, &before.deleting)
        || (extension, model_extension) != (&before.extension, &before.model_extension)
        || tags != &before.tags
        || !body.is_same_but_for(&UNSAID, &before.body)
}
