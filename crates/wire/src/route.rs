//! The routes of a surface as data.

use http::Method;

/// One thing that a surface serves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// The method.
    pub method: Method,
    /// The path. Literal text is compared without case; `{name}` stands for one segment or, between literal
    /// text, for the part of one (`roles(name='{name}')`); `{name...}` for any number of segments, none included.
    pub path: &'static str,
    /// Largest body, in bytes.
    pub body_bytes_max: usize,
    /// The source of its answer.
    pub needs: Needs,
}

/// The source of a route's answer: it decides on which threads the route may run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    /// The view in memory; the answer waits for nothing.
    View,
    /// The store; the answer may wait for it.
    Store,
}

impl Route {
    /// A route that is answered from the view.
    pub const fn of_view(method: Method, path: &'static str, body_bytes_max: usize) -> Self {
        Self { method, path, body_bytes_max, needs: Needs::View }
    }

    /// A route that touches the store.
    pub const fn of_store(method: Method, path: &'static str, body_bytes_max: usize) -> Self {
        Self { method, path, body_bytes_max, needs: Needs::Store }
    }

    /// The values of the placeholders, when the path of the route is this one.
    pub fn captures<'p>(&self, segments: &[&'p str]) -> Option<Captures<'p>> {
        let mut captures = Captures::default();
        captures.fill(self.path, segments).then_some(captures)
    }
}

/// The values of a route's placeholders, by name.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Captures<'p>(Vec<(&'static str, &'p str)>);

impl<'p> Captures<'p> {
    /// The segment that `{name}` stands for; empty when the route has no such placeholder.
    pub fn get(&self, name: &str) -> &'p str {
        self.0.iter().find(|(of, _)| *of == name).map_or("", |(_, value)| value)
    }

    /// All names and values, in the order of the path.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &'p str)> + '_ {
        self.0.iter().copied()
    }

    fn fill(&mut self, pattern: &'static str, segments: &[&'p str]) -> bool {
        let Some(pattern) = pattern.strip_prefix('/').filter(|pattern| !pattern.is_empty()) else {
            return segments.is_empty();
        };
        let (first, rest) = pattern.split_at(pattern.find('/').unwrap_or(pattern.len()));
        match (placeholder(first), segments.split_first()) {
            (Some((_, name, _)), _) if name.ends_with("...") => {
                (0..=segments.len()).any(|taken| self.fill(rest, &segments[taken..]))
            }
            (_, None) => false,
            (Some((before, name, after)), Some((segment, left))) => {
                let Some(value) = between(segment, before, after) else { return false };
                self.0.push((name, value));
                self.fill(rest, left) || {
                    self.0.pop();
                    false
                }
            }
            (None, Some((segment, left))) => first.eq_ignore_ascii_case(segment) && self.fill(rest, left),
        }
    }
}

/// The placeholder of a pattern's segment: the text before it, its name, the text behind it.
fn placeholder(pattern: &'static str) -> Option<(&'static str, &'static str, &'static str)> {
    let (before, rest) = pattern.split_once('{')?;
    let (name, after) = rest.split_once('}')?;
    Some((before, name, after))
}

/// The part of a segment between two texts, which are compared without case.
fn between<'p>(segment: &'p str, before: &str, after: &str) -> Option<&'p str> {
    let (head, rest) = segment.split_at_checked(before.len())?;
    let (value, tail) = rest.split_at_checked(rest.len().checked_sub(after.len())?)?;
    (head.eq_ignore_ascii_case(before) && tail.eq_ignore_ascii_case(after)).then_some(value)
}

/// The reason why no route is found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoRoute {
    /// No route has this path.
    Path,
    /// Routes have this path, with these methods.
    Method(Vec<Method>),
}

/// The first of `entries` whose route has this method and path, with the values of its placeholders.
///
/// # Errors
/// [`NoRoute`].
pub fn find<'e, 'p, E: AsRef<Route>>(
    entries: &'e [E],
    method: &Method,
    segments: &[&'p str],
) -> Result<(&'e E, Captures<'p>), NoRoute> {
    let mut methods = Vec::new();
    for entry in entries {
        let route = entry.as_ref();
        let Some(captures) = route.captures(segments) else { continue };
        if route.method == *method {
            return Ok((entry, captures));
        }
        methods.push(route.method.clone());
    }
    Err(if methods.is_empty() { NoRoute::Path } else { NoRoute::Method(methods) })
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Entry(Route);

    impl AsRef<Route> for Entry {
        fn as_ref(&self) -> &Route {
            &self.0
        }
    }

    fn entries() -> Vec<Entry> {
        let of = |method, path| Entry(Route::of_view(method, path, 0));
        vec![
            of(Method::GET, "/common/discovery/instance"),
            of(Method::GET, "/{tenant}/discovery/keys"),
            of(Method::POST, "/{tenant}/oauth2/token"),
            of(Method::GET, "/{scope...}/providers/A.B/locks/{name}"),
            of(Method::GET, "/people(name='{name}')/friends"),
        ]
    }

    fn read(method: Method, path: &str) -> Result<(&'static str, String), NoRoute> {
        let segments: Vec<&str> = path.split('/').skip(1).collect();
        let entries = entries();
        let (entry, captures) = find(&entries, &method, &segments)?;
        let values: Vec<&str> = captures.0.iter().map(|(_, value)| *value).collect();
        Ok((entry.0.path, values.join(",")))
    }

    #[test]
    fn a_path_is_compared_without_case_and_its_placeholders_are_kept_as_written() {
        assert_eq!(read(Method::POST, "/TenAnt/OAuth2/TOKEN"), Ok(("/{tenant}/oauth2/token", "TenAnt".to_owned())));
        assert_eq!(read(Method::GET, "/common/discovery/instance").unwrap().0, "/common/discovery/instance");
        assert_eq!(read(Method::GET, "/a/providers/a.b/LOCKS/l").unwrap().1, "l");
        assert_eq!(read(Method::GET, "/providers/a.b/locks/l").unwrap().1, "l");
    }

    #[test]
    fn a_placeholder_can_stand_for_a_part_of_a_segment() {
        assert_eq!(read(Method::GET, "/People(Name='Ada')/friends").unwrap().1, "Ada");
        assert_eq!(read(Method::GET, "/people(name='')/friends").unwrap().1, "");
        for path in
            ["/people(name='Ada'/friends", "/people(name=')/friends", "/people/friends", "/peopl€name='')/friends"]
        {
            assert_eq!(read(Method::GET, path), Err(NoRoute::Path), "{path}");
        }
    }

    #[test]
    fn a_path_without_a_route_is_told_from_one_with_other_methods() {
        assert_eq!(read(Method::GET, "/t/oauth2/token"), Err(NoRoute::Method(vec![Method::POST])));
        for path in ["/", "/t/oauth2/token/x", "/t/oauth2", "/providers/a.b/locks"] {
            assert_eq!(read(Method::POST, path), Err(NoRoute::Path), "{path}");
        }
    }
}
