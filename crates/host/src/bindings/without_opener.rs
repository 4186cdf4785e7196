//! An agent that opens what any process may, and has nobody to hold it.

use bonafide_opener::{Gone, Held, OpenError, Opener, Where};
use std::os::fd::BorrowedFd;

/// Refuses what takes privileges.
pub struct WithoutOpener;

impl Opener for WithoutOpener {
    fn open(&self, _key: &str, at: &Where, _namespace: Option<BorrowedFd<'_>>) -> Result<Held, OpenError> {
        Err(OpenError::NotPermitted(match at {
            Where::Metadata { .. } => "the metadata address of a namespace or device".to_owned(),
            Where::Loopback { .. } => "a port in another network namespace".to_owned(),
        }))
    }

    fn keep(&self, _key: &str, _sockets: &[BorrowedFd<'_>]) -> Result<(), OpenError> {
        Ok(())
    }

    fn close(&self, _key: &str) -> Result<(), OpenError> {
        Ok(())
    }

    fn held(&self) -> Result<Vec<Held>, OpenError> {
        Ok(Vec::new())
    }

    fn gone(&self) -> Result<Gone, OpenError> {
        Err(OpenError::NotPermitted("news of namespaces".to_owned()))
    }
}
