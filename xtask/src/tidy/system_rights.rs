//! The right of the system to everything is for the first start and for the operator's reset, when there is nobody who
//! could hold a role. Everything else takes the proof of a check.

use super::tree::Tree;

/// The only files that may name it, besides the one that defines it.
const MAY: [&str; 2] = ["crates/plane/src/first_start.rs", "crates/plane/src/operator.rs"];
/// The files of tests, which make what they need.
const TESTS: [&str; 3] = ["/tests/", "/tests.rs", "crates/testkit/"];

pub(super) fn check(files: &Tree) -> Vec<String> {
    let name = ["Allowed", "::", "system("].concat();
    let sources = files.iter().filter(|(path, _)| {
        path.ends_with(".rs") && !MAY.contains(&path.as_str()) && !TESTS.iter().any(|part| path.contains(part))
    });
    let named = sources.filter(|(_, text)| without_tests(text).contains(&name));
    named
        .map(|(path, _)| format!("{path}: {name}…) is for the first start only; check the caller's own roles"))
        .collect()
}

/// A source without the tests at its end.
fn without_tests(text: &str) -> &str {
    text.split("#[cfg(test)]\nmod tests {").next().unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_first_start_and_tests_may_act_as_the_system() {
        let text = "let proof = Allowed::system(tenant);\n";
        let problems = |path: &str, text: &str| check(&[(path.to_owned(), text.to_owned())].into()).len();
        assert_eq!(problems("crates/bonafide/src/up/local.rs", text), 1);
        assert_eq!(problems("bench/src/host.rs", text), 1);
        for path in [MAY[0], MAY[1], "crates/core/tests/core/cloud.rs", "crates/testkit/src/people.rs"] {
            assert_eq!(problems(path, text), 0, "{path}");
        }
        let in_tests = format!("fn f() {{}}\n\n#[cfg(test)]\nmod tests {{\n    {text}}}\n");
        assert_eq!(problems("crates/core/src/access/check.rs", &in_tests), 0);
    }
}
