//! The rights and the openness of our own processes: as little of both as they need.

use bonafide_files::User;
use rustix::process::{DumpableBehavior, Resource, Rlimit, getrlimit, set_dumpable_behavior, setrlimit};
use rustix::thread::{
    CapabilitySet, CapabilitySets, capabilities, capability_is_in_bounding_set, clear_ambient_capability_set,
    remove_capability_from_bounding_set, set_capabilities, set_no_new_privs,
};

/// Keeps the memory of this process, in which there are keys and tokens, to itself: no core, and no process of the same
/// user attaches to it or reads it. Root can (ptrace(2), `PTRACE_MODE_ATTACH`).
pub(crate) fn close_memory() {
    // A system that knows neither is not one that we run on; there is nothing to do about it here.
    let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
}

/// The same for a process that starts no program of the user's, which would inherit it: its largest core has 0 bytes.
pub(crate) fn leave_no_core() {
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
}

/// The capabilities of the process that opens sockets in other network namespaces (setns(2)), adds addresses to devices
/// (rtnetlink(7)) and listens on port 80 (ip(7)).
pub(crate) const OPENER: CapabilitySet =
    CapabilitySet::SYS_ADMIN.union(CapabilitySet::NET_ADMIN).union(CapabilitySet::NET_BIND_SERVICE);

/// True where this thread has all of them, and can hand them on to a process that it starts.
pub(crate) fn has(wanted: CapabilitySet) -> bool {
    User::of_this_process().is_ok_and(|user| user == User::ROOT)
        && capabilities(None).is_ok_and(|sets| sets.permitted.contains(wanted))
}

/// Gives up every capability but those of `kept`, which are laid aside: this thread has none, and a process that it starts as
/// root has them.
pub(crate) fn lay_aside(kept: CapabilitySet) -> rustix::io::Result<()> {
    give_up_capabilities(kept)?;
    let (permitted, nothing) = (capabilities(None)?.permitted, CapabilitySet::empty());
    set_capabilities(None, CapabilitySets { effective: nothing, permitted, inheritable: nothing })
}

/// Gives up every capability but those of `kept` that this thread has, for good, and for what it starts. Threads have
/// their own: it must be the only one.
pub(crate) fn give_up_capabilities(kept: CapabilitySet) -> rustix::io::Result<()> {
    for capability in (0..u64::BITS).map(|bit| CapabilitySet::from_bits_retain(1 << bit)) {
        // The kernel knows none beyond the first that it does not know.
        let Ok(is_there) = capability_is_in_bounding_set(capability) else { break };
        if is_there && !kept.contains(capability) {
            // Without the right to do so there is no capability that could come back, either.
            let _ = remove_capability_from_bounding_set(capability);
        }
    }
    let _ = clear_ambient_capability_set();
    let has = capabilities(None)?;
    let kept = has.permitted & kept;
    let wanted = CapabilitySets { effective: kept, permitted: kept, inheritable: CapabilitySet::empty() };
    // A unit that has given them up already may have a filter that knows no such call.
    if has != wanted {
        set_capabilities(None, wanted)?;
    }
    set_no_new_privs(true)
}

/// Lets the process open as many connections as the system allows it, and says how many.
pub(crate) fn raise_descriptor_limit() -> usize {
    let limit = getrlimit(Resource::Nofile);
    let most = Rlimit { current: limit.maximum, maximum: limit.maximum };
    // A lower limit still works: what is over it waits to be accepted.
    let _ = setrlimit(Resource::Nofile, most);
    getrlimit(Resource::Nofile).current.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX))
}
