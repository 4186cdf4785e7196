//! The parts of OData expressions that every `$filter` has.

/// A text in quotes at the beginning of `text`, and the rest behind it; a doubled quote stands for one. `None` where
/// there is no such text or it is not closed. Source: OData 4.01, URL conventions, section 5.1.1.
pub fn quoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut rest = text.strip_prefix('\'')?;
    loop {
        let end = rest.find('\'')?;
        value.push_str(&rest[..end]);
        rest = &rest[end + 1..];
        match rest.strip_prefix('\'') {
            Some(after) => {
                value.push('\'');
                rest = after;
            }
            None => return Some((value, rest)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_doubled_quote_stands_for_one() {
        assert_eq!(quoted("'Owner''s' and"), Some(("Owner's".to_owned(), " and")));
        assert_eq!(quoted("''x"), Some((String::new(), "x")));
        assert_eq!((quoted("'a"), quoted("a'"), quoted("'a''")), (None, None, None));
    }
}
