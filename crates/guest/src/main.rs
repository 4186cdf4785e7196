//! `bonafide-guest`: the forwarder as a program of its own, for guests that need nothing else. `bonafide guest` is the same.

#![allow(clippy::disallowed_methods, reason = "it reads its arguments")]
#![allow(clippy::print_stdout, reason = "a program says what it does")]

use bonafide_guest::Host;
use std::process::ExitCode;

const USAGE: &str = "usage: bonafide-guest\n\nGives this machine the port of its extension for managed identities: listens on 127.0.0.1 and ::1, \
                     and passes connections on to the host at 169.254.169.254. It needs no configuration.";

fn main() -> ExitCode {
    match std::env::args().nth(1).as_deref() {
        None => {}
        Some("--help" | "-h") => {
            println!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        Some(other) => {
            eprintln!("bonafide-guest: there is no option '{other}'\n\n{USAGE}");
            return ExitCode::from(2);
        }
    }
    bonafide_guest::run(Host::default(), &mut |line| eprintln!("bonafide-guest: {line}"))
}
