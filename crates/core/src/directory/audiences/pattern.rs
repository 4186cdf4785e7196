//! Identifiers of many accounts in one.

/// `https://*.blob.core.windows.net`: anchored at both ends, each `*` one DNS label.
#[derive(Debug)]
pub(super) struct Pattern {
    scheme: Box<str>,
    labels: usize,
    suffix: Box<str>,
}

impl Pattern {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (scheme, host) = text.split_once("://")?;
        let suffix = host.trim_start_matches("*.");
        let labels = (host.len() - suffix.len()) / 2;
        let right = labels > 0 && !suffix.is_empty() && !suffix.contains(['*', '/', '@', '?', '#']);
        right.then(|| Self { scheme: format!("{scheme}://").into(), labels, suffix: format!(".{suffix}").into() })
    }

    pub(super) fn matches(&self, key: &str) -> bool {
        let Some(rest) = key.strip_prefix(&*self.scheme).and_then(|rest| rest.strip_suffix(&*self.suffix)) else {
            return false;
        };
        rest.split('.').count() == self.labels && rest.split('.').all(is_label)
    }
}

pub(super) fn is_label(text: &str) -> bool {
    (1..=63).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
        && !text.starts_with('-')
        && !text.ends_with('-')
}
