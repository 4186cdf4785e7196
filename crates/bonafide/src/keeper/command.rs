//! A command that is kept, and the options by which its two processes know each other.

use clap::Args;

/// A command that has a keeper.
pub(crate) struct Command {
    /// Its name, for messages.
    pub(crate) name: &'static str,
    /// The sockets that systemd or another supervisor may pass to it.
    pub(crate) sockets: &'static [Passed],
    /// True where SIGHUP has it read its configuration again; false where it ends it, as it does who has no terminal any more.
    pub(crate) reloads: bool,
    /// True where it serves in other network namespaces, for which root's privileges are needed.
    pub(crate) opens: bool,
}

/// A socket that may be passed.
pub(crate) struct Passed {
    /// Its name (`FileDescriptorName=` of systemd).
    pub(crate) name: &'static str,
    /// True where other machines may reach it; false where it must be at a loopback address.
    pub(crate) is_for_others: bool,
}

/// Options of the process that serves, which its keeper adds.
#[derive(Args)]
pub(crate) struct Kept {
    /// The process that keeps the sockets of this one
    #[arg(long = "kept-by", value_name = "PID", hide = true)]
    pub(crate) by: Option<i32>,
    /// This start goes on after a crash
    #[arg(long, hide = true)]
    pub(crate) resumed: bool,
}
