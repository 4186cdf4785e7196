//! Two certificate authorities, made on the first start: one for the servers' names, one for hosts.
//!
//! They are apart, so that no host certificate can pass for a server or the other way round, and
//! each may do one thing only: names within its constraints for the first, clients for the second. Above the first, which
//! other programs trust, is a root whose private key is thrown away once it has signed it.

mod attestor;
mod authority;
mod host;
mod names;
mod server;
#[cfg(test)]
mod tests;

pub use attestor::Attestor;
pub use authority::CaError;
pub use host::{HostCa, HostCertificate, HostName, host_name};
pub use names::{IpSubnet, ServerName, ServerNameError};
pub use server::{ServerCa, ServerCaSpec, ServerCertificate};
