//! Where the deployment is, which is what it calls itself: from configuration, never from a request.

/// Where the public origin is.
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
