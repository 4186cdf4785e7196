//! Long source files: reported, because a long file often hides a second noun, but not refused.

use super::tree::Tree;

/// Longest source file that is not reported, in lines, its tests left out. Source: STYLE.md.
const LINES_MAX: usize = 400;

pub(super) fn report(files: &Tree) -> Vec<String> {
    let mut long: Vec<(usize, &str)> = files
        .iter()
        .filter(|(path, _)| path.ends_with(".rs") && !is_test(path))
        .map(|(path, text)| (lines(text), path.as_str()))
        .filter(|(lines, _)| *lines > LINES_MAX)
        .collect();
    long.sort_unstable_by(|one, other| other.cmp(one));
    long.iter().map(|(lines, path)| format!("{path}: {lines} lines; is there a second noun inside?")).collect()
}

fn is_test(path: &str) -> bool {
    path.split('/').any(|part| part == "tests" || part == "tests.rs")
}

/// Lines before the tests, which stand at the bottom of a file.
fn lines(text: &str) -> usize {
    text.lines().take_while(|line| *line != "#[cfg(test)]").count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_long_code_outside_tests_is_reported() {
        let long = "let a = 1;\n".repeat(LINES_MAX + 1);
        let tested = format!("fn a() {{}}\n#[cfg(test)]\nmod tests {{\n{long}}}\n");
        let files = Tree::from([
            ("crates/a/src/long.rs".to_owned(), long.clone()),
            ("crates/a/src/tests.rs".to_owned(), long.clone()),
            ("crates/a/tests/it.rs".to_owned(), long.clone()),
            ("crates/a/src/tested.rs".to_owned(), tested),
            ("long.md".to_owned(), long),
        ]);
        assert_eq!(report(&files), ["crates/a/src/long.rs: 401 lines; is there a second noun inside?"]);
    }
}
