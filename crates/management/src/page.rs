//! Paging: `$top`, `$skiptoken`, `nextLink`.

use crate::command::Call;
use crate::fault::Fault;
use bonafide_store::Key;
use bonafide_types::{ResourceUuid, base64url};
use serde_json::{Map, Value};

/// Items on one page, at most and by default. Source: Azure Resource Manager (1,000).
pub(crate) const TOP_MAX: usize = 1_000;

/// Bytes of items after which a page ends, whatever `$top` says. Source: ours; a resource can have 1 MiB, and
/// a page is held in memory as a whole.
pub(crate) const PAGE_BYTES_MAX: usize = 4 * 1024 * 1024;

/// The end of a page: the lower-case type and key of its last item, or of the last row looked at, as the index sorts them.
pub(crate) type Cursor = (String, ResourceUuid);

/// The page that a client asks for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Page {
    pub(crate) top: usize,
    pub(crate) after: Option<Cursor>,
}

/// Reads the paging parameters. A `$top` beyond the limit is the limit (NP-09).
pub(crate) fn read(call: &Call<'_>) -> Result<Page, Fault> {
    parse(call.command.query.get("$top"), call.command.query.get("$skiptoken"))
}

fn parse(top: Option<&str>, token: Option<&str>) -> Result<Page, Fault> {
    let top = match top.filter(|text| !text.is_empty()) {
        None => TOP_MAX,
        Some(text) => match text.parse::<u64>() {
            Ok(0) | Err(_) => return Err(Fault::QueryInvalid("$top is not a positive number".to_owned())),
            Ok(top) => usize::try_from(top).unwrap_or(TOP_MAX).min(TOP_MAX),
        },
    };
    let after = match token.filter(|text| !text.is_empty()) {
        None => None,
        Some(text) => {
            let cursor = base64url::decode(text).ok().and_then(|bytes| Cursor::decode(&bytes));
            Some(cursor.ok_or_else(|| Fault::QueryInvalid("$skiptoken is not one that was given out".to_owned()))?)
        }
    };
    Ok(Page { top, after })
}

/// The part of all items that a client asks for, with the link to the next one.
pub(crate) fn part(call: &Call<'_>, mut items: Vec<(Cursor, Value)>) -> Result<Value, Fault> {
    let asked = read(call)?;
    items.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
    items.retain(|(cursor, _)| asked.after.as_ref().is_none_or(|after| cursor > after));
    let has_more = items.len() > asked.top;
    items.truncate(asked.top);
    let last = items.last().map(|(cursor, _)| cursor.clone()).filter(|_| has_more);
    Ok(list(call, items.into_iter().map(|(_, item)| item).collect(), last.as_ref()))
}

/// A list, with the link to the next page when there is one. The link begins with the configured endpoint,
/// never with what the request says its host is.
pub(crate) fn list(call: &Call<'_>, items: Vec<Value>, next: Option<&Cursor>) -> Value {
    // Moved, where `json!` would copy all of it.
    let mut page = Map::new();
    page.insert("value".to_owned(), Value::Array(items));
    let Some(next) = next else { return Value::Object(page) };
    let mut token = Vec::new();
    next.encode(&mut token);
    let mut query = form_urlencoded::Serializer::new(String::new());
    for (name, value) in call.command.query.iter().filter(|(name, _)| !name.eq_ignore_ascii_case("$skiptoken")) {
        query.append_pair(name, value);
    }
    query.append_pair("$skiptoken", &base64url::encode(&token));
    let link = format!("{}{}?{}", call.cx.config.management, call.command.path, query.finish());
    page.insert("nextLink".to_owned(), link.into());
    Value::Object(page)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn np_09_a_page_is_bounded_whatever_the_client_says() {
        assert_eq!(parse(None, None).unwrap(), Page { top: TOP_MAX, after: None });
        assert_eq!(parse(Some("9223372036854775808"), Some("")).unwrap().top, TOP_MAX);
        assert_eq!(parse(Some("5"), None).unwrap().top, 5);
        for (top, token) in
            [("0", ""), ("-1", ""), ("1e3", ""), ("99999999999999999999", ""), ("1", "!"), ("1", "AAAA")]
        {
            assert!(parse(Some(top), Some(token)).is_err(), "{top} {token}");
        }
    }
}
