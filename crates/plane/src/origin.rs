//! The public origin, by which the installation is named: from configuration, never from a request.

/// The public origin.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Origin<'a> {
    /// The host's name.
    pub(crate) host: &'a str,
    /// Its port.
    pub(crate) port: u16,
}

impl Origin<'_> {
    /// `https://host:port`.
    pub(crate) fn url(&self) -> String {
        format!("https://{}:{}", self.host, self.port)
    }
}
