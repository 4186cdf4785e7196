//! The project's own checks: `tidy`, which `cargo test` runs too; `conformance`, which runs real clients against a real
//! `bonafide up`; `chaos`, which breaks what that runs on; `fuzz`, which feeds the readers of what strangers send. Their HTTP
//! client is the one of `bench`, too.
#![allow(clippy::disallowed_methods, reason = "a tool of the shell: it runs programs and reads its environment")]
#![allow(clippy::print_stdout, reason = "it answers on a terminal")]

pub mod bench;
pub mod chaos;
pub mod conformance;
pub mod connection;
pub mod fuzz;
pub mod tidy;
