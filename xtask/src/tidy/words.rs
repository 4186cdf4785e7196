//! Paths of one machine, which mean nothing to a stranger, and comments that a newcomer does not understand at once.

use super::tree::Tree;

/// The texts that no file may mention. Written in two parts so that this file does not.
const FORBIDDEN: [&str; 4] =
    [concat!("/wo", "rk/"), concat!("/ro", "ot/"), concat!("/ho", "me/"), concat!("../", "shared")];

/// The one file that may, and what: where the Wycheproof vectors lie unless a variable says otherwise.
const ALLOWED: (&str, &str) = ("crates/crypto/src/wycheproof.rs", concat!("../", "shared"));

/// Words of comments that have a plainer one (STYLE.md, glossary). Written in parts so that this file has none.
const METAPHORS: [(&str, &str); 6] = [
    (concat!("token that ", "counts"), "a valid token"),
    (concat!("does not ", "count here"), "is not valid here"),
    (concat!("heard", " out"), "drained"),
    (concat!("one ", "flight"), "one fetch"),
    (concat!("on its way ", "out"), "being deleted"),
    (concat!("until when it ", "counts"), "the end of its validity"),
];

/// First words of a clause. A comment that opens with one names its subject only at its end (STYLE.md).
const CLAUSE_WORDS: [&str; 12] =
    ["What", "Whatever", "Which", "Whichever", "Who", "Whoever", "Whom", "Whose", "Where", "How", "Whether", "Why"];

/// The metaphors in comments of code, each with its plainer word.
fn check_metaphors(path: &str, text: &str) -> Vec<String> {
    let comments = text.lines().enumerate().filter_map(|(at, line)| Some((at + 1, line.split_once("//")?.1)));
    let found = comments.flat_map(|(at, comment)| {
        let comment = comment.to_lowercase();
        METAPHORS.iter().filter(move |(word, _)| comment.contains(word)).map(move |found| (at, found))
    });
    found.map(|(at, (word, plain))| format!("{path}:{at}: '{word}': say '{plain}'")).collect()
}

/// The comments of code that open with a clause. A comment opens on its first line and after an empty one.
fn check_openers(path: &str, text: &str) -> Vec<String> {
    let comments: Vec<_> = text.lines().map(comment_of).collect();
    let openers = comments.iter().enumerate().filter_map(|(at, comment)| {
        let (marker, said) = (*comment)?;
        let before = at.checked_sub(1).and_then(|before| comments[before]);
        let goes_on = before.is_some_and(|(same, said)| same == marker && !said.is_empty());
        (!goes_on).then_some((at + 1, said))
    });
    let clauses = openers.filter_map(|(at, said)| {
        let (word, _) = said.split_once(' ')?;
        CLAUSE_WORDS.contains(&word).then_some((at, word))
    });
    clauses.map(|(at, word)| format!("{path}:{at}: opens with '{word} …': name the subject first (STYLE.md)")).collect()
}

/// The marker and the text of a line that is all comment.
fn comment_of(line: &str) -> Option<(&str, &str)> {
    let line = line.trim_start();
    let marker = ["///", "//!", "//"].into_iter().find(|marker| line.starts_with(marker))?;
    Some((marker, line[marker.len()..].trim()))
}

pub(super) fn check(files: &Tree) -> Vec<String> {
    let mut problems = Vec::new();
    for (path, text) in files.iter().filter(|(path, _)| path.ends_with(".rs")) {
        problems.extend(check_metaphors(path, text));
        problems.extend(check_openers(path, text));
    }
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
    fn a_metaphor_in_a_comment_is_a_problem_and_none_in_code() {
        let word = METAPHORS[0].0;
        let files = |text: String| Tree::from([("crates/a/src/lib.rs".to_owned(), text)]);
        assert_eq!(check(&files(format!("/// A {word}.\nfn f() {{}}\n"))).len(), 1);
        assert!(check(&files(format!("fn f() {{ g(\"{word}\") }}\n"))).is_empty());
    }

    #[test]
    fn a_comment_that_opens_with_a_clause_is_a_problem() {
        for comment in [
            "//! What it does.",
            "/// Whether it runs.",
            "    // Where it is, it stays.",
            "/// A.\n///\n/// How so.",
            "/// Why it ends.",
        ] {
            let problems = check_openers("a.rs", &format!("{comment}\nfn f() {{}}\n"));
            assert_eq!(problems.len(), 1, "{comment}");
        }
        let problems = check_openers("a.rs", "fn f() {}\n\n/// Who asks.\nfn g() {}\n");
        assert_eq!(problems, ["a.rs:3: opens with 'Who …': name the subject first (STYLE.md)"]);
    }

    #[test]
    fn a_clause_inside_a_comment_or_in_code_is_none() {
        for text in [
            "/// Tells\n/// Whether it runs.\n",
            "/// However it ends.\n",
            "/// The place\n// Where\n",
            "let text = \"What a text\";\n",
            "f(); // How it is done\n",
        ] {
            assert!(check_openers("a.rs", text).is_empty(), "{text}");
        }
    }

    #[test]
    fn a_path_of_one_machine_is_refused_but_for_the_test_vectors() {
        let text = format!("see {}notes.md\n", FORBIDDEN[3]);
        let files = Tree::from([(ALLOWED.0.to_owned(), text.clone()), ("README.md".to_owned(), text)]);
        assert_eq!(check(&files).len(), 1);
        assert!(check(&files)[0].starts_with("README.md:1: "));
    }
}
