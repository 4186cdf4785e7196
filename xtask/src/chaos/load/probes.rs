//! Roles and identities that come and go, and whoever uses them: what was revoked does not come back.

use super::super::caller::{Caller, Write, access_token};
use super::super::chance::Chance;
use super::super::excuse::Excuse;
use super::super::keys::Key;
use super::super::model::Value;
use super::super::shared::Shared;
use super::claims::claim;
use super::{Visitor, pause};
use std::time::{Duration, Instant};

/// Longest time from the acknowledgement of a revocation to its effect. Source: row RV-01.
const REVOKED_WITHIN: Duration = Duration::from_secs(5);
const BETWEEN_CHANGES: Duration = Duration::from_secs(2);
const BETWEEN_USES: Duration = Duration::from_millis(150);
/// The time for which an identity stays at the machine, or away: longer than a revocation takes.
const VISIT: Duration = Duration::from_secs(8);

/// Grants the machine a role, or revokes it.
pub(super) fn grant_and_revoke(shared: &Shared, roles: &[(Key, Key)], mut chance: Chance) {
    let mut caller = Caller::new(shared);
    while pause(shared, BETWEEN_CHANGES) {
        let Ok(cloud) = shared.cloud() else { continue };
        let role = &roles[chance.below(roles.len())].0;
        let is_granted = shared.model().definite(&role.name()).is_some_and(|(value, _)| value != Value::Absent);
        let write = if is_granted { Write::delete(role) } else { Write::put(&cloud, role, 0) };
        caller.write("write role", role, &write);
    }
}

/// The value that a key has had for so long that its effect is certain, from before a request until after it.
struct Effect<'a> {
    shared: &'a Shared,
    name: String,
    before: Option<(Value, Instant)>,
    excuse: Excuse,
}

impl<'a> Effect<'a> {
    fn of(shared: &'a Shared, key: &Key) -> Self {
        let name = key.name();
        let before = shared.model().definite(&name).filter(|(_, since)| since.elapsed() > REVOKED_WITHIN);
        Self { shared, name, before, excuse: shared.excuse().now() }
    }

    /// A request that needs the key has ended; true if it was allowed. An answer that tells neither is not passed.
    fn check(self, what: &str, allowed: bool) {
        let Some((value, since)) = self.before else { return };
        // A process that is away, or has the wrong time, may refuse; nothing excuses that a revocation does not hold.
        if !allowed && self.shared.excuse().since(self.excuse).silence() {
            return;
        }
        // A write that is under way may have been carried out.
        let _nobody = self.shared.nobody_writes();
        let mut model = self.shared.model();
        if model.definite(&self.name) != Some((value, since)) || allowed == (value != Value::Absent) {
            return;
        }
        let what = format!("{what}: {}", if allowed { "allowed though revoked" } else { "refused though granted" });
        let wrong = model.wrong(&self.name, &what);
        drop(model);
        self.shared.check(Err(wrong));
    }
}

/// Uses the machine's token where it may have a role.
pub(super) fn use_roles(shared: &Shared, roles: &[(Key, Key)]) {
    let mut caller = Caller::new(shared);
    for (role, group) in roles.iter().cycle() {
        if !pause(shared, BETWEEN_USES) {
            return;
        }
        let Ok(token) = caller.metadata_token(None).and_then(|answer| access_token(&answer)) else { continue };
        let effect = Effect::of(shared, role);
        let Ok(answer) = caller.manage_with(&token, ("GET", &group.id, group.version()), None) else { continue };
        shared.tally().operation("use role", answer.status.to_string());
        if matches!(answer.status, 200 | 403) {
            effect.check("a request of the machine's", answer.status == 200);
        }
    }
}

/// Assigns an identity to the machine and takes it away again; uses it, and the token that it had.
pub(super) fn visit(shared: &Shared, visitor: &Visitor) {
    let mut caller = Caller::new(shared);
    let mut token = None;
    let mut changed = Instant::now();
    while pause(shared, BETWEEN_USES) {
        let Ok(cloud) = shared.cloud() else { continue };
        let now = shared.model().definite(&visitor.assigned.name());
        if now.is_none() || changed.elapsed() > VISIT {
            let is_there = now.is_some_and(|(value, _)| value != Value::Absent);
            let key = &visitor.assigned;
            let write = if is_there { Write::delete(key) } else { Write::put(&cloud, key, 0) };
            caller.write("write identities of machine", key, &write);
            changed = Instant::now();
        }
        ask(shared, &mut caller, visitor, &mut token);
        use_old_token(shared, &mut caller, visitor, token.as_deref());
    }
}

fn ask(shared: &Shared, caller: &mut Caller<'_>, visitor: &Visitor, token: &mut Option<String>) {
    let effect = Effect::of(shared, &visitor.assigned);
    let Ok(answer) = caller.metadata_token(Some(&visitor.client)) else { return };
    shared.tally().operation("visiting identity", answer.status.to_string());
    if !matches!(answer.status, 200 | 400) {
        return;
    }
    effect.check("a token of the visiting identity", answer.status == 200);
    if let Ok(new) = access_token(&answer) {
        if claim(&new, "oid").as_deref() != Some(&visitor.principal) {
            shared.violation("the metadata endpoint gave a token of another identity than was asked for".to_owned());
        }
        *token = Some(new);
    }
}

/// A token that an identity had at the machine counts here while it is there (row RV-01).
fn use_old_token(shared: &Shared, caller: &mut Caller<'_>, visitor: &Visitor, token: Option<&str>) {
    let Some(token) = token else { return };
    let effect = Effect::of(shared, &visitor.assigned);
    let group = &visitor.group;
    let Ok(answer) = caller.manage_with(token, ("GET", &group.id, group.version()), None) else { return };
    shared.tally().operation("token of visiting identity", answer.status.to_string());
    // A token can also have expired, so a refusal tells nothing.
    if answer.status == 200 {
        effect.check("the resource manager with a token of the visiting identity", true);
    }
}
