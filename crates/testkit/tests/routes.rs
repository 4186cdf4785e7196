//! Every route of every surface has a transcript.

#![allow(clippy::unwrap_used, reason = "a test may insist")]

use bonafide_wire::{Route, Surface, find, path};
use http::Method;
use std::collections::BTreeSet;
use std::path::Path;

struct Entry(&'static Route);

impl AsRef<Route> for Entry {
    fn as_ref(&self) -> &Route {
        self.0
    }
}

/// Request lines of the transcripts of a surface: `> METHOD /path?query`.
fn requests(surface: &str) -> Vec<(Method, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../transcripts").join(surface);
    let files = std::fs::read_dir(folder).unwrap().map(|entry| std::fs::read_to_string(entry.unwrap().path()).unwrap());
    let request = |line: &str| {
        let (method, target) = line.strip_prefix("> ")?.split_once(' ')?;
        let path = target.split(['?', ' ']).next().filter(|path| path.starts_with('/'))?;
        Some((method.parse().ok()?, path.to_owned()))
    };
    files.flat_map(|text| text.lines().filter_map(request).collect::<Vec<_>>()).collect()
}

/// The routes of a surface that no transcript asks.
fn untold(surface: &str, routes: Vec<&'static Route>) -> Vec<String> {
    let routes: Vec<Entry> = routes.into_iter().map(Entry).collect();
    let mut told = BTreeSet::new();
    for (method, target) in requests(surface) {
        let segments = path::segments(&target).unwrap_or_default();
        let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
        if let Ok((route, _)) = find(&routes, &method, &segments) {
            told.insert(format!("{} {}", route.0.method, route.0.path));
        }
    }
    let all = routes.iter().map(|route| format!("{surface}: {} {}", route.0.method, route.0.path));
    all.filter(|route| !told.iter().any(|told| route.ends_with(&format!(" {told}")))).collect()
}

#[test]
fn every_route_has_a_transcript() {
    let untold = [
        untold("login", bonafide_login::Cx::routes()),
        untold("hosts", bonafide_hosts::Cx::routes()),
        untold("management", bonafide_management::Cx::routes()),
        untold("graph", bonafide_graph::Cx::routes()),
        untold("metadata", bonafide_metadata::dialects::routes()),
    ]
    .concat();
    assert!(untold.is_empty(), "{untold:#?}");
}
