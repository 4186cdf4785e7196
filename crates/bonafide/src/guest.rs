//! `bonafide guest`

use crate::{Failure, say};
use bonafide_guest::Host;
use clap::Args;
use std::process::ExitCode;

#[derive(Args)]
pub(crate) struct Options {}

pub(crate) fn run(_: Options) -> Result<ExitCode, Failure> {
    bonafide_guest::run(Host::default(), &mut |line| say(line))
}
