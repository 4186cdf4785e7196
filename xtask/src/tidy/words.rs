//! Paths of one machine, which mean nothing to a stranger.

use super::tree::Tree;

/// What no file may mention. Written in two parts so that this file does not.
const FORBIDDEN: [&str; 4] =
    [concat!("/wo", "rk/"), concat!("/ro", "ot/"), concat!("/ho", "me/"), concat!("../", "shared")];

/// The one file that may, and what: where the Wycheproof vectors lie unless a variable says otherwise.
const ALLOWED: (&str, &str) = ("crates/crypto/src/wycheproof.rs", concat!("../", "shared"));

pub(super) fn check(files: &Tree) -> Vec<String> {
    let mut problems = Vec::new();
    for (path, text) in files {
        for (number, line) in text.lines().enumerate() {
            let named = FORBIDDEN.iter().filter(|word| line.contains(**word) && (path.as_str(), **word) != ALLOWED);
            problems.extend(named.map(|word| format!("{path}:{}: names '{word}', a path of one machine", number + 1)));
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_of_one_machine_is_refused_but_for_the_test_vectors() {
        let text = format!("see {}notes.md\n", FORBIDDEN[3]);
        let files = Tree::from([(ALLOWED.0.to_owned(), text.clone()), ("README.md".to_owned(), text)]);
        assert_eq!(check(&files).len(), 1);
        assert!(check(&files)[0].starts_with("README.md:1: "));
    }
}
