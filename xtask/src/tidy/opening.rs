//! In the shell files are opened, and users compared, in `files` alone: there a link, a pipe or a file of another user's in
//! the place of one of ours is refused, and an id that is nobody's is no user.

use super::tree::Tree;

/// The crates whose files and users these are.
const SHELL: [&str; 4] = ["crates/bonafide/src/", "crates/host/src/", "crates/http/src/", "crates/plane/src/"];
/// The calls that they leave to `files`, and what it has in their place. Written in parts so that this file has none.
const CALLS: [(&str, &str); 10] = [
    (concat!("fs::re", "ad("), "bonafide_files::read"),
    (concat!("fs::re", "ad_to_string("), "bonafide_files::read"),
    (concat!("fs::wr", "ite("), "bonafide_files::write_private or write_public"),
    (concat!("File::op", "en("), "bonafide_files::read"),
    (concat!("File::cre", "ate("), "bonafide_files::write_private or write_public"),
    (concat!("File::opt", "ions("), "bonafide_files::read"),
    (concat!("OpenOpt", "ions::new("), "bonafide_files::read"),
    (concat!("getu", "id("), "bonafide_files::User"),
    (concat!("gete", "uid("), "bonafide_files::User"),
    (concat!("pem_fi", "le("), "bonafide_files::read"),
];

pub(super) fn check(files: &Tree) -> Vec<String> {
    let sources = files.iter().filter(|(path, _)| path.ends_with(".rs") && SHELL.iter().any(|of| path.starts_with(of)));
    let sources = sources.filter(|(path, _)| !path.contains("/tests"));
    let found = sources.flat_map(|(path, text)| {
        let text = text.split("\nmod tests {").next().unwrap_or(text);
        CALLS.iter().filter(move |(call, _)| text.contains(call)).map(move |(call, instead)| {
            format!("{path}: {call}…) opens what another user may have put there; use {instead}")
        })
    });
    found.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_opens_files_and_compares_users() {
        let problems = |path: &str, text: &str| check(&[(path.to_owned(), text.to_owned())].into()).len();
        for (call, _) in CALLS {
            let text = format!("let found = std::{call}path);\n");
            assert_eq!(problems("crates/plane/src/description.rs", &text), 1, "{call}");
            assert_eq!(problems("crates/files/src/open.rs", &text), 0, "{call}");
            assert_eq!(problems("crates/bonafide/tests/starting.rs", &text), 0, "{call}");
            let in_tests = format!("fn f() {{}}\n\n#[cfg(test)]\nmod tests {{\n    {text}}}\n");
            assert_eq!(problems("crates/host/src/keys.rs", &in_tests), 0, "{call}");
        }
    }
}
