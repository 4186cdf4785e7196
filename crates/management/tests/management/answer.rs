//! An answer of the resource manager, and the rules that hold for every one.

use crate::cloud::ORIGIN;
use http::{HeaderMap, StatusCode};
use serde_json::Value;

/// An answer, parsed.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Value,
}

impl Answer {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).unwrap_or_else(|| panic!("no header {name}: {self:?}")).to_str().unwrap()
    }

    pub fn code(&self) -> &str {
        self.body["error"]["code"].as_str().unwrap_or_default()
    }

    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{:#}", self.body);
        self
    }

    #[track_caller]
    pub fn refused(self, status: u16, code: &str) -> Self {
        assert_eq!((self.status, self.code()), (status, code), "{:#}", self.body);
        self
    }

    /// The names of a list's items.
    pub fn names(&self) -> Vec<&str> {
        self.body["value"].as_array().unwrap().iter().map(|item| item["name"].as_str().unwrap()).collect()
    }
}

/// Checks the rule for every answer: one that is not final says where and when to ask again, one that is final says
/// neither, and a `Location` is absolute and has an api-version.
#[track_caller]
pub fn check_polling(status: StatusCode, headers: &HeaderMap) {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap().to_owned());
    let location = text("location");
    assert_eq!(location.is_some(), status == StatusCode::ACCEPTED, "{status} with Location {location:?}");
    if let Some(location) = location {
        assert!(location.starts_with(ORIGIN) && location.contains("?api-version=20"), "{location}");
        assert_eq!(text("retry-after").as_deref(), Some("1"));
    }
    let begun = [StatusCode::OK, StatusCode::CREATED, StatusCode::ACCEPTED];
    if let Some(address) = text("azure-asyncoperation") {
        assert!(begun.contains(&status) && address.starts_with(ORIGIN) && address.contains("?api-version=20"));
        assert_eq!(text("retry-after").as_deref(), Some("1"));
    }
}
