//! Wire facts: each surface has its page, and a page that is cited exists.

use super::tree::Tree;
use std::collections::BTreeMap;

/// Surfaces and the pages under `docs/wire/` that must exist where the surface does.
const PAGES: &[(&str, &[&str])] = &[
    ("login", &["login", "tokens"]),
    ("management", &["management"]),
    ("hosts", &["hosts"]),
    ("graph", &["graph"]),
    ("metadata", &["imds", "app-service"]),
];

pub(super) fn check(files: &Tree) -> Vec<String> {
    let mut problems = Vec::new();
    for (surface, pages) in PAGES {
        if !files.contains_key(&format!("crates/{surface}/src/lib.rs")) {
            continue;
        }
        for page in *pages {
            let path = format!("docs/wire/{page}.md");
            if !files.contains_key(&path) {
                problems.push(format!("{path}: missing; the surface '{surface}' has its wire facts there"));
            }
        }
    }
    let mut missing = BTreeMap::new();
    for (path, text) in files.iter().filter(|(path, _)| path.ends_with(".rs") || path.ends_with(".md")) {
        let known =
            |cited: &str| files.contains_key(cited) || problems.iter().any(|problem| problem.starts_with(cited));
        for cited in citations(text).filter(|cited| !known(cited)) {
            missing.entry(cited).or_insert(path);
        }
    }
    problems.extend(missing.iter().map(|(cited, by)| format!("{cited}: missing; cited by {by}")));
    problems
}

/// The pages below `docs/` that a text names.
fn citations(text: &str) -> impl Iterator<Item = &str> {
    text.match_indices("docs/").filter_map(|(at, _)| {
        // A web address may have such a part too.
        if text[..at].ends_with('/') {
            return None;
        }
        let end =
            text[at..].find(|c: char| !(c.is_ascii_alphanumeric() || "/-_.".contains(c))).unwrap_or(text.len() - at);
        let cited = text[at..at + end].trim_end_matches('.');
        cited.ends_with(".md").then_some(cited)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cited_page_must_exist() {
        // In two parts, or this file would cite them.
        let docs = concat!("do", "cs");
        let text =
            format!("// {docs}/wire/login.md. Also ({docs}/wire/gone.md, section 2)\n// https://x.test/{docs}/b.md");
        let files = Tree::from([(format!("{docs}/wire/login.md"), String::new()), ("a.rs".to_owned(), text)]);
        assert_eq!(check(&files), [format!("{docs}/wire/gone.md: missing; cited by a.rs")]);
    }

    #[test]
    fn a_surface_without_its_page_is_refused() {
        let files = Tree::from([("crates/hosts/src/lib.rs".to_owned(), String::new())]);
        assert_eq!(check(&files).len(), 1);
    }
}
