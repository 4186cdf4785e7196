//! `data/members.txt`: of each type that it describes, the members that are secret and those that only writers see; of
//! all types, the members beside `properties` that every reader sees. Read when first asked for.

use bonafide_crypto::thumbprint;
use bonafide_types::ResourceId;
use serde_json::{Map, Value};
use std::collections::HashMap;
use std::sync::LazyLock;

/// The mark of a member, which is that of all below it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    /// It is never stored and never shown.
    Secret,
    /// It is stored, and shown to who may write the resource.
    Writers,
    /// Every reader sees it, whatever its name and in whatever type.
    Readable,
}

/// The marks of the members of an object. Lists have none of their own: a mark holds for every element, however deep
/// they are nested.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Node {
    mark: Option<Mark>,
    /// True for a list of objects, false for one object.
    is_list: bool,
    /// By name in lower case; [`ANY`] stands for every other name.
    inner: Vec<(Box<str>, Node)>,
}

/// The name that stands for every name, in a map whose names are the caller's.
const ANY: &str = "*";

/// The marks that hold for one resource.
#[derive(Debug, Clone, Copy)]
pub(super) enum Marks {
    /// Of its type the file says which members are not for everybody.
    Described(&'static Node),
    /// Of its type it says nothing: the common members are for everybody.
    Undescribed,
}

#[derive(Debug, Default)]
struct Types {
    /// By type in lower case, or by type and name as [`named`] joins them.
    described: HashMap<String, Node>,
    /// The members that are for everybody, of every type.
    common: Node,
    /// The ends of names in described types that only writers see: letters in lower case.
    ends: Vec<String>,
}

const MEMBERS: &str = include_str!("../../../data/members.txt");

static TYPES: LazyLock<Types> = LazyLock::new(|| read(MEMBERS));

/// A digest of the lines that say what is secret, as [`Marks::drop_secrets`] understands them. Rows that were stored
/// under another may have secrets.
pub(super) fn digest_of_secrets() -> String {
    let secrets: String = MEMBERS.split_inclusive('\n').filter(|line| line.contains(" secret ")).collect();
    thumbprint::sha256_hex(secrets.as_bytes())
}

impl Marks {
    /// The marks of a resource: those of its type and name, or else those of its type.
    pub(super) fn of(id: &ResourceId) -> Self {
        let type_name = id.type_name().fold();
        let of_name = || TYPES.described.get(&named(&type_name, &id.name().to_ascii_lowercase()));
        let of_type = TYPES.described.get(&type_name).or_else(of_name);
        of_type.map_or(Self::Undescribed, Self::Described)
    }

    /// Takes out of a body what may never be read again; true if there was any.
    pub(super) fn drop_secrets(self, body: &mut Map<String, Value>) -> bool {
        match self {
            Self::Described(node) => node.drop_secrets(body),
            Self::Undescribed => false,
        }
    }

    /// The mark of a member that a description does not have, by the end of its name: a description is of the versions
    /// that were read, and a later one may have more secrets. Letters are compared and nothing else:
    /// `rdb-storage-connection-string` and `connectionString2` end in `connectionString`.
    pub(super) fn by_end(name: &str) -> Option<Mark> {
        let is_end = |end: &str| {
            let mut letters = name.bytes().rev().filter(u8::is_ascii_alphabetic);
            end.bytes().rev().all(|wanted| letters.next().is_some_and(|one| one.eq_ignore_ascii_case(&wanted)))
        };
        TYPES.ends.iter().any(|end| is_end(end)).then_some(Mark::Writers)
    }
}

impl Node {
    /// The members that are for everybody, of every type.
    pub(super) fn common() -> &'static Self {
        &TYPES.common
    }

    /// The node of a described type. All have `properties`, which is an object.
    fn of_type() -> Self {
        Self { inner: vec![("properties".into(), Self::default())], ..Self::default() }
    }

    /// True for a value in which the members below this one are found where the description has them.
    pub(super) fn fits(&self, value: &Value) -> bool {
        match value {
            Value::Object(_) => !self.is_list,
            Value::Array(elements) => self.is_list && elements.iter().all(Value::is_object),
            _ => false,
        }
    }

    /// The mark.
    pub(super) fn mark(&self) -> Option<Mark> {
        self.mark
    }

    /// The node of a member. Resource Manager compares the names of members without case.
    pub(super) fn member(&self, name: &str) -> Option<&Self> {
        let of = |wanted: &str| self.inner.iter().find(|(known, _)| known.eq_ignore_ascii_case(wanted));
        of(name).or_else(|| of(ANY)).map(|(_, node)| node)
    }

    fn drop_secrets(&self, object: &mut Map<String, Value>) -> bool {
        if self.inner.is_empty() {
            return false;
        }
        let mut had_any = false;
        object.retain(|name, value| {
            let node = self.member(name);
            let is_secret = node.is_some_and(|node| node.mark == Some(Mark::Secret));
            had_any |= is_secret || node.is_some_and(|node| node.drop_secrets_of(value));
            !is_secret
        });
        had_any
    }

    fn drop_secrets_of(&self, value: &mut Value) -> bool {
        match value {
            Value::Object(object) => self.drop_secrets(object),
            Value::Array(elements) => {
                elements.iter_mut().fold(false, |had_any, element| self.drop_secrets_of(element) | had_any)
            }
            _ => false,
        }
    }

    /// Sets the mark of the member at a path.
    fn set(&mut self, path: &str, mark: Mark) {
        let node = path.split('.').fold(self, |node, name| {
            let (name, is_list) = name.strip_suffix("[]").map_or((name, false), |name| (name, true));
            let name = name.to_ascii_lowercase();
            let at = node.inner.iter().position(|(known, _)| **known == *name).unwrap_or_else(|| {
                node.inner.push((name.into(), Self::default()));
                node.inner.len() - 1
            });
            let inner = &mut node.inner[at].1;
            inner.is_list = is_list;
            inner
        });
        node.mark = Some(mark);
    }
}

/// The key of a type whose resources differ by their names (`sites/config`).
fn named(type_name: &str, name: &str) -> String {
    format!("{type_name}={name}")
}

fn read(text: &str) -> Types {
    let mut types = Types::default();
    for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let mut words = line.split(' ');
        let (Some(of), Some(path), Some(mark)) = (words.next(), words.next(), words.next()) else { continue };
        if let (ANY, "writers", Some(end)) = (of, mark, path.strip_prefix(ANY)) {
            types.ends.push(end.to_ascii_lowercase());
            continue;
        }
        let node = match of {
            ANY => &mut types.common,
            of => types.described.entry(of.to_ascii_lowercase()).or_insert_with(Node::of_type),
        };
        match mark {
            "secret" => node.set(path, Mark::Secret),
            "writers" => node.set(path, Mark::Writers),
            "readable" => node.set(path, Mark::Readable),
            _ => {}
        }
    }
    types
}

#[cfg(test)]
mod tests {
    use super::*;
    use bonafide_types::TypeName;

    #[test]
    fn every_line_of_the_file_has_a_type_a_path_a_mark_and_a_source() {
        let lines = MEMBERS.lines();
        let (mut seen, mut shapes) = (std::collections::HashSet::new(), HashMap::new());
        for line in lines.filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let words: Vec<&str> = line.split(' ').collect();
            let [of, path, mark, source, ..] = words.as_slice() else { panic!("{line}") };
            let type_name = of.split_once('=').map_or(*of, |(type_name, _)| type_name);
            assert!(*of == ANY || type_name.parse::<TypeName>().is_ok(), "{line}");
            assert!(path.split('.').all(|name| !name.trim_end_matches("[]").is_empty()), "{line}");
            assert!(source.len() > 3, "{line}");
            match *mark {
                "writers" if *of == ANY => assert!(path.starts_with(ANY) && path.len() > 4, "{line}"),
                "secret" | "writers" => assert!(*of != ANY && *path != "-", "{line}"),
                "readable" => {}
                "-" => assert!(*path == "-", "{line}"),
                other => panic!("{other}: {line}"),
            }
            assert!(seen.insert((of.to_ascii_lowercase(), path.to_ascii_lowercase())), "twice: {line}");
            let above = path.match_indices('.').map(|(at, _)| path[..at].to_ascii_lowercase());
            for above in above {
                let shape = (of.to_ascii_lowercase(), above.replace("[]", ""));
                assert_eq!(shapes.entry(shape).or_insert_with(|| above.clone()), &above, "two shapes: {line}");
            }
        }
        assert!(TYPES.described.len() > 500 && !TYPES.common.inner.is_empty());
        let of_names = TYPES.described.keys().filter_map(|key| key.split_once('='));
        for (type_name, _) in of_names {
            assert!(!TYPES.described.contains_key(type_name), "described with names and without: {type_name}");
        }
    }
}
