//! The project's own checks: `tidy`, which `cargo test` runs too, and `conformance`, which runs
//! real clients against a real `bonafide up`.
#![allow(clippy::disallowed_methods, reason = "a tool of the shell: it runs programs and reads its environment")]
#![allow(clippy::print_stdout, reason = "it answers on a terminal")]

pub mod bench;
pub mod conformance;
pub mod tidy;
