//! Files of one crate that import one another in a circle: neither can be read, or moved, without the other.
//!
//! An import counts from the file that has the `use` to the file that defines the item, through re-exports.
//! A module and the modules inside it are one thing, so imports between them do not count.

use super::tree::Tree;
use std::collections::{BTreeMap, BTreeSet};
use syn::{Attribute, Item, ItemUse, UseTree};

/// Circles that are known, by one of their files, with the reason why they stand.
const KNOWN: &[(&str, &str)] = &[(
    "crates/management/src/command.rs",
    "docs/adr/0007: a type's value holds functions of calls, and a call names its type",
)];

/// The modules of a crate by path (`""` is the root), each with its file.
type Modules = BTreeMap<String, Module>;

struct Module {
    file: String,
    /// Paths that its `use` items name, from its own point of view.
    imports: Vec<Vec<String>>,
    /// Names that it re-exports, and the paths that they stand for.
    exports: BTreeMap<String, Vec<String>>,
}

pub(super) fn check(files: &Tree) -> Vec<String> {
    let roots: BTreeSet<&str> =
        files.keys().filter_map(|path| path.split_once("/src/")).map(|(root, _)| root).collect();
    let circles = roots.iter().flat_map(|root| circles(&read(files, root)));
    let unknown = circles.filter(|circle| !KNOWN.iter().any(|(file, _)| circle.iter().any(|one| one == file)));
    unknown.map(|circle| format!("{}: imported in a circle with {}", circle[0], circle[1..].join(", "))).collect()
}

/// The modules of the crate whose sources lie in `{root}/src`.
fn read(files: &Tree, root: &str) -> Modules {
    let folder = format!("{root}/src/");
    let sources = files.iter().filter_map(|(path, text)| Some((path, path.strip_prefix(&folder)?, text)));
    sources
        .filter(|(path, inside, _)| inside.ends_with(".rs") && !path.contains("/tests"))
        .filter_map(|(path, inside, text)| {
            let name = inside.trim_end_matches(".rs").replace('/', "::");
            let name = match name.as_str() {
                "lib" | "main" => String::new(),
                name => name.strip_suffix("::mod").unwrap_or(name).to_owned(),
            };
            Some((name, parse(path, text)?))
        })
        .collect()
}

fn parse(path: &str, text: &str) -> Option<Module> {
    let parsed = syn::parse_file(text).ok()?;
    let mut module = Module { file: path.to_owned(), imports: Vec::new(), exports: BTreeMap::new() };
    for item in parsed.items {
        let Item::Use(item) = item else { continue };
        if item.attrs.iter().any(is_for_tests) {
            continue;
        }
        for path in paths(&item) {
            match path.last() {
                Some(name) if !matches!(item.vis, syn::Visibility::Inherited) => {
                    module.exports.insert(name.clone(), path);
                }
                _ => module.imports.push(path),
            }
        }
    }
    Some(module)
}

fn is_for_tests(attribute: &Attribute) -> bool {
    attribute.path().is_ident("cfg")
}

/// The paths that a `use` names, without what they are called here.
fn paths(item: &ItemUse) -> Vec<Vec<String>> {
    fn walk(tree: &UseTree, above: &[String], out: &mut Vec<Vec<String>>) {
        let with = |name: &syn::Ident| above.iter().cloned().chain([name.to_string()]).collect::<Vec<_>>();
        match tree {
            UseTree::Path(path) => walk(&path.tree, &with(&path.ident), out),
            UseTree::Name(name) if name.ident == "self" => out.push(above.to_vec()),
            UseTree::Name(name) => out.push(with(&name.ident)),
            UseTree::Rename(name) => out.push(with(&name.ident)),
            UseTree::Glob(_) => out.push(above.to_vec()),
            UseTree::Group(group) => group.items.iter().for_each(|tree| walk(tree, above, out)),
        }
    }
    let mut out = Vec::new();
    walk(&item.tree, &[], &mut out);
    out
}

/// The module that defines what `path` names, seen from `from`; `None` for another crate's.
fn resolve(modules: &Modules, from: &str, path: &[String]) -> Option<String> {
    let mut at = from.to_owned();
    for (number, segment) in path.iter().enumerate() {
        let child = if at.is_empty() { segment.clone() } else { format!("{at}::{segment}") };
        match segment.as_str() {
            "crate" => at = String::new(),
            "self" => {}
            "super" => at = at.rsplit_once("::").map_or(String::new(), |(above, _)| above.to_owned()),
            _ if modules.contains_key(&child) => at = child,
            // A first word that is no module of ours is the name of another crate.
            _ if number == 0 => return None,
            _ => {
                let exported = modules.get(&at)?.exports.get(segment).filter(|target| **target != *path);
                return match exported {
                    Some(target) => resolve(modules, &at, target),
                    None => Some(at),
                };
            }
        }
    }
    Some(at)
}

/// The modules that each module imports, those inside it and around it left out.
fn edges(modules: &Modules) -> BTreeMap<&str, BTreeSet<String>> {
    let is_inside = |one: &str, other: &str| one.is_empty() || other == one || other.starts_with(&format!("{one}::"));
    let targets = |name: &str, module: &Module| {
        let found = module.imports.iter().filter_map(|path| resolve(modules, name, path));
        found.filter(|other| !is_inside(name, other) && !is_inside(other, name)).collect()
    };
    modules.iter().map(|(name, module)| (name.as_str(), targets(name, module))).collect()
}

/// The files of each set of modules that all reach one another.
fn circles(modules: &Modules) -> Vec<Vec<String>> {
    let edges = edges(modules);
    let reach = |from: &str| {
        let (mut seen, mut open) = (BTreeSet::new(), vec![from.to_owned()]);
        while let Some(at) = open.pop() {
            for next in edges.get(at.as_str()).into_iter().flatten() {
                if seen.insert(next.clone()) {
                    open.push(next.clone());
                }
            }
        }
        seen
    };
    let reached: BTreeMap<&str, BTreeSet<String>> = modules.keys().map(|name| (name.as_str(), reach(name))).collect();
    let together = |one: &str, other: &str| reached[one].contains(other) && reached[other].contains(one);
    let of = |name: &str| -> BTreeSet<&str> {
        reached.keys().copied().filter(|other| *other == name || together(name, other)).collect()
    };
    let circles: BTreeSet<BTreeSet<&str>> =
        reached.keys().filter(|name| reached[**name].contains(**name)).map(|name| of(name)).collect();
    circles.into_iter().map(|circle| circle.into_iter().map(|name| modules[name].file.clone()).collect()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(files: &[(&str, &str)]) -> Vec<String> {
        check(&files.iter().map(|(path, text)| (format!("crates/a/src/{path}"), (*text).to_owned())).collect())
    }

    #[test]
    fn two_files_that_import_one_another_are_a_circle() {
        let (one, two) = ("use crate::two::Two;", "use super::one::{self, One};\nuse std::fmt;");
        let problems = found(&[("lib.rs", "mod one;\nmod two;"), ("one.rs", one), ("two.rs", two)]);
        assert_eq!(problems, ["crates/a/src/one.rs: imported in a circle with crates/a/src/two.rs"]);
        assert!(found(&[("lib.rs", "mod one;"), ("one.rs", one), ("two.rs", "")]).is_empty());
    }

    #[test]
    fn an_import_through_a_re_export_is_one_of_the_file_that_defines_it() {
        let files = [
            ("lib.rs", "mod folder;\nmod other;"),
            ("folder/mod.rs", "mod one;\nmod two;\npub use one::One;\npub use two::Two;"),
            ("folder/one.rs", "use super::Two;"),
            ("folder/two.rs", "use crate::other::Other;"),
            ("other.rs", "use crate::folder::One;"),
        ];
        assert_eq!(found(&files).len(), 1, "{:?}", found(&files));
        let without = [files[0], files[1], files[2], files[3], ("other.rs", "use crate::folder::Nothing;")];
        assert!(found(&without).is_empty());
    }

    #[test]
    fn a_module_and_what_is_inside_it_are_one_thing() {
        let files = [("lib.rs", "mod one;\nuse one::One;"), ("one.rs", "use crate::Root;")];
        assert!(found(&files).is_empty());
    }
}
