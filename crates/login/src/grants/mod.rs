//! One file for each grant type.

pub(crate) mod client_credentials;
