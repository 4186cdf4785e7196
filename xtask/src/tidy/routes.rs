//! Every route has a transcript.
//!
//! A surface says what it serves in `crates/{surface}/src/route.rs`, beside its `match`:
//!
//! ```text
//! pub const ROUTES: &[&str] = &["GET /tenants", "PUT /{scope...}/providers/…/{name}"];
//! ```
//!
//! `{name}` stands for one segment, `{name...}` for any number of them, none included; everything
//! else is compared without case. A transcript, `transcripts/{surface}/*.http`, has request lines
//! `> METHOD /path?query`; each counts for the most literal route that it matches.
//!
//! Management's own tests compare what the routes mean. The other surfaces have their routes as data
//! (`crates/testkit/tests/routes.rs`).

use super::tree::Tree;

/// The surfaces: crates with a `route.rs` and a folder of transcripts.
const SURFACES: [&str; 1] = ["management"];

pub(super) fn check(files: &Tree) -> Vec<String> {
    SURFACES.iter().flat_map(|surface| check_surface(surface, files)).collect()
}

fn check_surface(surface: &str, files: &Tree) -> Vec<String> {
    if !files.contains_key(&format!("crates/{surface}/src/lib.rs")) {
        return Vec::new();
    }
    let path = format!("crates/{surface}/src/route.rs");
    let Some(text) = files.get(&path) else {
        return vec![format!("{path}: missing; a surface declares its ROUTES there")];
    };
    let Some(declared) = declared(text) else {
        return vec![format!("{path}: has no `const ROUTES: &[&str] = &[…]`")];
    };
    let mut problems = Vec::new();
    let routes: Vec<Route<'_>> = declared.iter().filter_map(|route| Route::parse(route)).collect();
    if declared.is_empty() || routes.len() < declared.len() {
        problems.push(format!("{path}: ROUTES must hold \"METHOD /path\" entries, one for each route"));
    }
    let folder = format!("transcripts/{surface}/");
    let transcripts = files.iter().filter(|(path, _)| path.starts_with(&folder) && path.ends_with(".http"));
    let mut requests: Vec<usize> = transcripts
        .flat_map(|(_, text)| text.lines().filter_map(request))
        .filter_map(|(method, path)| most_literal(&routes, method, path))
        .collect();
    requests.sort_unstable();
    let untold = (0..routes.len()).filter(|at| requests.binary_search(at).is_err());
    problems.extend(untold.map(|at| format!("{folder}: no transcript of `{}`", routes[at].text)));
    problems
}

/// The strings of the `ROUTES` of a `route.rs`; `None` when it has none.
fn declared(text: &str) -> Option<Vec<&str>> {
    let (_, after) = text.split_once("const ROUTES: &[&str] = &[")?;
    let (list, _) = after.split_once("];")?;
    let code = list.lines().map(str::trim_start).filter(|line| !line.starts_with("//"));
    Some(code.flat_map(|line| line.split('"').skip(1).step_by(2)).collect())
}

/// The method and path of a transcript's request line; headers have a colon right after their name.
fn request(line: &str) -> Option<(&str, &str)> {
    let (method, target) = line.strip_prefix("> ")?.split_once(' ')?;
    let is_method = !method.is_empty() && method.bytes().all(|byte| byte.is_ascii_uppercase());
    (is_method && target.starts_with('/')).then(|| (method, target.split(['?', ' ']).next().unwrap_or(target)))
}

struct Route<'a> {
    text: &'a str,
    method: &'a str,
    segments: Vec<&'a str>,
}

impl<'a> Route<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let (method, path) = text.split_once(' ')?;
        Some(Self { text, method, segments: path.strip_prefix('/')?.split('/').collect() })
    }

    /// More literal segments first, then fewer that stand for any number.
    fn rank(&self) -> (usize, usize) {
        let any = self.segments.iter().filter(|segment| is_any(segment)).count();
        (self.segments.iter().filter(|segment| !segment.starts_with('{')).count(), usize::MAX - any)
    }
}

fn most_literal(routes: &[Route<'_>], method: &str, path: &str) -> Option<usize> {
    // Clients send double slashes, and servers take them for one.
    let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
    let fits = |route: &Route<'_>| route.method == method && matches(&route.segments, &segments);
    (0..routes.len()).filter(|at| fits(&routes[*at])).max_by_key(|at| routes[*at].rank())
}

fn is_any(segment: &str) -> bool {
    segment.starts_with('{') && segment.ends_with("...}")
}

fn matches(pattern: &[&str], segments: &[&str]) -> bool {
    match (pattern, segments) {
        ([], []) | ([""], []) => true,
        ([any, rest @ ..], _) if is_any(any) => (0..=segments.len()).any(|taken| matches(rest, &segments[taken..])),
        ([one, rest @ ..], [segment, others @ ..]) => {
            (one.starts_with('{') || one.eq_ignore_ascii_case(segment)) && matches(rest, others)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(routes: &str, transcript: &str) -> Tree {
        Tree::from([
            ("crates/management/src/lib.rs".to_owned(), String::new()),
            ("crates/management/src/route.rs".to_owned(), routes.to_owned()),
            ("transcripts/management/a.http".to_owned(), transcript.to_owned()),
        ])
    }

    const ROUTES: &str = r#"
        pub const ROUTES: &[&str] = &[
            // "GET /not-a-route",
            "GET /hosts/v1/desired", "POST /hosts/v1/join",
            "PUT /{scope...}/providers/{namespace}/{type}/{name}",
            "PUT /subscriptions/{id}/resourceGroups/{group}/providers/Microsoft.Compute/virtualMachines/{name}",
        ];"#;

    #[test]
    fn a_route_without_a_transcript_is_a_problem() {
        let told = "> GET /hosts/v1/desired?after=1\n> Metadata: true\n< 200\n> PUT /providers/a/b/c\n";
        let found = check(&tree(ROUTES, told));
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found[0].contains("POST /hosts/v1/join"));
        assert!(found[1].contains("virtualMachines"), "a generic request does not count for a special route");
    }

    #[test]
    fn a_request_counts_for_the_most_literal_route_only() {
        let vm = "> PUT /Subscriptions/1/resourcegroups/g/providers/microsoft.compute//virtualMachines/v?api-version=1 HTTP/1.1\n";
        let found = check(&tree(ROUTES, vm));
        assert!(found.iter().any(|problem| problem.contains("{scope...}")), "{found:?}");
        assert!(!found.iter().any(|problem| problem.contains("virtualMachines")), "{found:?}");
    }

    #[test]
    fn a_surface_that_declares_no_routes_is_a_problem() {
        for text in ["", "const ROUTES: &[&str] = &[];", "const ROUTES: &[&str] = &[\"no method\"];"] {
            assert_eq!(check(&tree(text, "")).len(), 1, "{text}");
        }
        assert!(check(&Tree::new()).is_empty(), "a surface that does not exist declares nothing");
    }
}
