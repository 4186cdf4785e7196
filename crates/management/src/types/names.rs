//! The names that resources of a type can have: the rules of `data/names.txt`, read when first asked for.

use crate::fault::Fault;
use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::LazyLock;

/// The rule of one type.
struct Rule {
    /// Characters, in all.
    length: RangeInclusive<usize>,
    /// The signs of a name, of its beginning and of its end, as the file writes them.
    signs: [&'static str; 3],
    /// The sign that does not stand twice in a row.
    single: Option<char>,
    /// The rule in words.
    text: &'static str,
}

static RULES: LazyLock<BTreeMap<String, Rule>> = LazyLock::new(|| {
    let lines = include_str!("../../data/names.txt").lines().filter(|line| !line.starts_with('#'));
    lines.filter_map(read).collect()
});

/// Refuses a name that a resource of the type cannot have. Types without a rule have any.
pub(crate) fn check(type_name: &str, name: &str) -> Result<(), Fault> {
    let fold = type_name.to_ascii_lowercase();
    let Some(rule) = RULES.get(&fold).filter(|rule| !rule.allows(name)) else { return Ok(()) };
    Err(match fold.as_str() {
        ACCOUNTS => Fault::AccountNameInvalid(name.to_owned()),
        VAULTS => Fault::VaultNameInvalid(name.to_owned()),
        _ => Fault::NameInvalid { name: name.to_owned(), type_name: type_name.to_owned(), rule: rule.text },
    })
}

/// Types whose providers refuse a name in words of their own.
const ACCOUNTS: &str = "microsoft.storage/storageaccounts";
const VAULTS: &str = "microsoft.keyvault/vaults";

impl Rule {
    fn allows(&self, name: &str) -> bool {
        let [all, first, last] = self.signs;
        let doubled = |single: char| name.contains(&[single, single].iter().collect::<String>());
        self.length.contains(&name.chars().count())
            && name.chars().all(|sign| is_among(all, sign))
            && name.chars().next().is_some_and(|sign| is_among(first, sign))
            && name.chars().next_back().is_some_and(|sign| is_among(last, sign))
            && !self.single.is_some_and(doubled)
    }
}

fn is_among(signs: &str, sign: char) -> bool {
    signs.chars().any(|known| match known {
        'a' => sign.is_ascii_lowercase(),
        'A' => sign.is_ascii_alphabetic(),
        '0' => sign.is_ascii_digit(),
        other => other == sign,
    })
}

/// Reads a line; `None` for one of another form.
fn read(line: &'static str) -> Option<(String, Rule)> {
    let [type_name, length, all, first, last, single] = line.split('|').collect::<Vec<_>>().try_into().ok()?;
    let (shortest, longest) = length.split_once('-')?;
    let (shortest, longest) = (shortest.parse().ok()?, longest.parse().ok()?);
    let or = |text: &'static str, other| if text.is_empty() { other } else { text };
    let signs = [all, or(first, all), or(last, all)];
    let single = single.chars().next();
    let mut text = format!("{shortest} to {longest} characters, each one of {}", words(all));
    for (place, signs) in [("first", first), ("last", last)].into_iter().filter(|(_, signs)| !signs.is_empty()) {
        text.push_str(&format!(", the {place} one of {}", words(signs)));
    }
    if let Some(single) = single {
        text.push_str(&format!(", no '{single}{single}'"));
    }
    Some((type_name.to_ascii_lowercase(), Rule { length: shortest..=longest, signs, single, text: text.leak() }))
}

/// Signs in words: letters, digits, '-'.
fn words(signs: &str) -> String {
    let words: Vec<String> = signs
        .chars()
        .map(|sign| match sign {
            'a' => "lower-case letters".to_owned(),
            'A' => "letters".to_owned(),
            '0' => "digits".to_owned(),
            other => format!("'{other}'"),
        })
        .collect();
    words.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types;
    use bonafide_types::TypeName;

    #[test]
    fn every_line_is_the_rule_of_a_type_that_is_served() {
        let lines = include_str!("../../data/names.txt").lines().filter(|line| !line.starts_with('#'));
        assert_eq!(RULES.len(), lines.clone().count());
        for line in lines {
            let (name, rule) = read(line).unwrap();
            assert!(types::kind(&name.parse::<TypeName>().unwrap()).is_ok(), "{name}");
            assert!(rule.length.start() <= rule.length.end(), "{line}");
        }
    }

    #[test]
    fn a_name_follows_the_rule_of_its_type_and_the_refusal_says_it() {
        let is_right = |type_name: &str, name: &str| check(type_name, name).is_ok();
        for name in ["rego1", "REGO1", &"a".repeat(50)] {
            assert!(is_right("microsoft.containerregistry/Registries", name), "{name}");
        }
        for name in ["abcd", "a-bcd", "abc.d", &"a".repeat(51)] {
            assert!(!is_right("Microsoft.ContainerRegistry/registries", name), "{name}");
        }
        for (name, right) in
            [("a1", true), ("a--b", false), ("-ab", false), ("ab-", false), ("A1", false), ("ä1", false)]
        {
            assert_eq!(is_right("Microsoft.ContainerInstance/containerGroups", name), right, "{name}");
        }
        assert!(is_right("Microsoft.Nothing/things", "any thing"));
        let Err(Fault::NameInvalid { rule, .. }) = check("Microsoft.App/containerApps", "1") else { panic!() };
        assert_eq!(
            rule,
            "2 to 32 characters, each one of lower-case letters, digits, '-', the first one of lower-case letters, the last one of lower-case letters, digits, no '--'"
        );
    }
}
