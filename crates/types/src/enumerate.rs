//! Enumerating what there is to choose from, in a message.

/// Most that are named; the rest is only counted.
const NAMED: usize = 10;

/// The first few of many things, and how many more there are: `one, two and 3 more`.
pub fn enumerate_some<T: std::fmt::Display>(all: impl IntoIterator<Item = T>) -> String {
    let mut all = all.into_iter();
    let mut text = all.by_ref().take(NAMED).map(|one| one.to_string()).collect::<Vec<_>>().join(", ");
    match all.count() {
        0 => {}
        more => text += &format!(" and {more} more"),
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_are_named_and_the_rest_is_counted() {
        assert_eq!(enumerate_some(["one", "two"]), "one, two");
        assert_eq!(enumerate_some(1..=10), "1, 2, 3, 4, 5, 6, 7, 8, 9, 10");
        assert_eq!(enumerate_some(1..=12), "1, 2, 3, 4, 5, 6, 7, 8, 9, 10 and 2 more");
    }
}
