//! The system query options of OData: those that are served, and the link to the next page.

use crate::fault::Fault;
use crate::limits::PAGE_ITEMS_MAX;
use crate::options_error::OptionsError;
use bonafide_types::ObjectId;
use bonafide_wire::Parameters;
use std::fmt::Display;

/// Items on one page when the client does not say. Source: Microsoft Learn, "List servicePrincipals" (100).
const PAGE_ITEMS: usize = 100;

/// The options that are served; any other whose name begins with `$` is refused rather than passed over.
const SERVED: [&str; 5] = ["$filter", "$select", "$top", "$count", "$skiptoken"];

/// The options of one request, each as it was sent.
#[derive(Default)]
pub(crate) struct Options(Parameters);

impl Options {
    /// Reads a query string. Parameters that are no system query options are passed over.
    pub(crate) fn read(query: &str) -> Result<Self, OptionsError> {
        let query = Parameters::parse(query).map_err(OptionsError::Query)?;
        let unserved = query
            .iter()
            .map(|(name, _)| name)
            .find(|name| name.starts_with('$') && !SERVED.iter().any(|served| served.eq_ignore_ascii_case(name)));
        match unserved {
            Some(name) => Err(OptionsError::Unserved(name.to_owned())),
            None => Ok(Self(query)),
        }
    }

    /// `$filter`.
    pub(crate) fn filter(&self) -> &str {
        self.0.get("$filter").unwrap_or_default()
    }

    /// `$select`.
    pub(crate) fn select(&self) -> &str {
        self.0.get("$select").unwrap_or_default()
    }

    /// `$count=true`.
    pub(crate) fn count(&self) -> bool {
        self.0.get("$count").is_some_and(|text| text.eq_ignore_ascii_case("true"))
    }

    /// `$top`: the size of a page. There is a next page all the same, as with Microsoft Graph.
    pub(crate) fn top(&self) -> Result<usize, Fault> {
        let Some(text) = self.0.get("$top").filter(|text| !text.is_empty()) else { return Ok(PAGE_ITEMS) };
        let top = text.parse().ok().filter(|top| (1..=PAGE_ITEMS_MAX).contains(top));
        top.ok_or_else(|| Fault::PageSize(text.to_owned()))
    }

    /// `$skiptoken`: what the page begins after, if anything.
    pub(crate) fn skip_token(&self) -> Option<&str> {
        self.0.get("$skiptoken").filter(|text| !text.is_empty())
    }

    /// `$skiptoken`: the object after which the page begins.
    pub(crate) fn after(&self) -> Result<Option<ObjectId>, Fault> {
        self.skip_token().map(|text| text.parse().map_err(|_| Fault::SkipToken)).transpose()
    }

    /// The query of the page that begins after an object.
    pub(crate) fn next(&self, after: impl Display) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        for (name, value) in self.0.iter().filter(|(name, _)| !name.eq_ignore_ascii_case("$skiptoken")) {
            query.append_pair(name, value);
        }
        query.append_pair("$skiptoken", &after.to_string()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn top(text: &str) -> Option<usize> {
        Options::read(&format!("$top={text}")).unwrap().top().ok()
    }

    #[test]
    fn np_09_a_page_is_bounded_whatever_the_client_says() {
        assert_eq!(Options::read("").unwrap().top().unwrap(), 100);
        assert_eq!((top("1"), top("999"), top("")), (Some(1), Some(999), Some(100)));
        for wrong in ["0", "1000", "-1", "1e2", "99999999999999999999", "x"] {
            assert_eq!(top(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn the_next_page_keeps_every_option_but_its_beginning() {
        let id = "00000000-0000-4000-8000-000000000001";
        let options = Options::read(&format!("%24filter=a+eq+'b'&$top=5&$skipToken={id}&x=y")).unwrap();
        assert_eq!(options.after().unwrap().unwrap().to_string(), id);
        let next = Options::read(&options.next(options.after().unwrap().unwrap())).unwrap();
        assert_eq!((next.filter(), next.top().unwrap()), ("a eq 'b'", 5));
        assert_eq!(next.after().unwrap(), options.after().unwrap());
    }

    #[test]
    fn an_option_that_is_not_served_is_refused() {
        for query in ["$expand=owners", "$orderby=displayName", "$search=\"x\"", "$skip=1", "$apply=x", "$top=1&$TOP=2"]
        {
            assert!(Options::read(query).is_err(), "{query}");
        }
        assert!(Options::read("$skiptoken=AAAA").unwrap().after().is_err());
        assert!(Options::read("api-version=1.6&x").is_ok());
    }
}
