//! Running transcripts.

use super::compare::{self, Comparison, Kept};
use super::parse::{Exchange, Expected, What, parse};
use super::script::{Script, found};
use super::variables::SECRET;
use crate::ask::{Answer, Ask, encoded};
use crate::plane::{GRAPH, MANAGEMENT};
use crate::report::without_secrets;
use crate::token;
use bonafide_metadata::dialects;
use bonafide_wire::hosts::VM_EXTENSION;
use serde_json::Value;
use std::fmt;
use std::path::{Path, PathBuf};

/// A difference from a transcript.
#[derive(Debug)]
pub struct Problem {
    /// The transcript.
    pub path: PathBuf,
    /// The number of the line.
    pub line: usize,
    /// The difference, in one or more lines.
    pub what: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path.display(), self.line, self.what)
    }
}

/// Runs every `*.http` below `root`, which has one folder for each surface. With `rewrite`, what differs
/// is put into the file as it came. Returns how many were run, and all that differs.
pub fn run_all(root: &Path, rewrite: bool) -> (usize, Vec<Problem>) {
    let mut paths = Vec::new();
    for surface in std::fs::read_dir(root).unwrap().flatten().filter(|entry| entry.path().is_dir()) {
        paths.extend(std::fs::read_dir(surface.path()).unwrap().flatten().map(|entry| entry.path()));
    }
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "http"));
    paths.sort();
    let problems = paths.iter().flat_map(|path| run(path, rewrite)).collect();
    (paths.len(), problems)
}

/// Runs one transcript in a cloud of its own.
pub fn run(path: &Path, rewrite: bool) -> Vec<Problem> {
    let text = std::fs::read_to_string(path).unwrap();
    let surface = path.parent().and_then(Path::file_name).and_then(|name| name.to_str()).unwrap_or_default();
    let problem = |(line, what): (usize, String)| Problem { path: path.to_owned(), line, what: without_secrets(&what) };
    let mut stage = Stage { script: Script::new(), surface: surface.to_owned(), last: None };
    let (mut problems, mut changes) = (Vec::new(), Vec::new());
    let steps = match parse(&text) {
        Ok(steps) => steps,
        Err(error) => return vec![problem(error)],
    };
    for step in &steps {
        let result = match &step.what {
            What::Words(word, rest) => stage.words(word, rest).map(|()| None),
            What::Exchange(exchange) => stage.exchange(exchange),
            What::Token(part, expected) => stage.token(part, expected),
        };
        match result {
            Ok(None) => {}
            Ok(Some((what, lines, new))) => {
                problems.push(problem((step.line, what)));
                changes.push((lines, new));
            }
            Err(what) => {
                problems.push(problem((step.line, what)));
                break;
            }
        }
    }
    if rewrite && !changes.is_empty() {
        std::fs::write(path, rewritten(&text, changes)).unwrap();
    }
    problems
}

/// A file with other lines in the place of some, last ones first.
fn rewritten(text: &str, mut changes: Vec<((usize, usize), Vec<String>)>) -> String {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    changes.sort_by_key(|((from, _), _)| std::cmp::Reverse(*from));
    for ((from, to), new) in changes {
        // In a transcript, too: what is left out stands for anything.
        let new = new.iter().map(|line| without_secrets(line));
        lines.splice(from..to, new);
    }
    lines.join("\n") + "\n"
}

/// A difference: what is wrong, which lines say otherwise, and what they would have to say.
type Difference = Option<(String, (usize, usize), Vec<String>)>;

/// A transcript being played.
struct Stage {
    script: Script,
    surface: String,
    last: Option<Answer>,
}

impl Stage {
    fn words(&mut self, word: &str, rest: &str) -> Result<(), String> {
        match word {
            "given" => return self.script.given(rest),
            "as" if rest == "nobody" => self.script.caller = None,
            "as" => {
                found(&self.script.people, rest)?;
                self.script.caller = Some(rest.to_owned());
            }
            "on" => {
                let (name, dialect) = rest.split_once(' ').unwrap_or((rest, "imds"));
                found(&self.script.machines, name)?;
                self.script.workload = Some(name.to_owned());
                self.script.dialect = dialects::named(dialect).ok_or_else(|| format!("'{dialect}' is no dialect"))?;
            }
            "from" => {
                let at = rest.parse().map_err(|_| format!("'{rest}' is no address with a port"))?;
                self.script.from = Some(at);
            }
            "over" if rest == "nobody" => self.script.over = Some(None),
            "over" => self.script.over = Some(Some(self.script.host(rest)?)),
            "at" => rest.clone_into(&mut self.surface),
            "keep" => {
                let (name, text) = rest.split_once(" = ").ok_or("a name and a text are kept")?;
                let text = self.script.fill(text)?;
                self.script.kept.insert(name.to_owned(), text);
            }
            _ => return Err(format!("'{word}' says nothing")),
        }
        Ok(())
    }

    fn exchange(&mut self, exchange: &Exchange) -> Result<Difference, String> {
        let answer = self.send(exchange)?;
        // The changes of the request are in force on the host before the next.
        self.script.cloud.round();
        let difference = self.compare(&exchange.expected, &answer)?;
        self.last = Some(answer);
        Ok(difference)
    }

    fn send(&self, exchange: &Exchange) -> Result<Answer, String> {
        let script = &self.script;
        let mut ask = Ask::new(&exchange.method, &script.fill(&exchange.target)?);
        for (name, value) in &exchange.headers {
            ask = ask.header(name, &script.fill(value)?);
        }
        let has = |name: &str| exchange.headers.iter().any(|(other, _)| other.eq_ignore_ascii_case(name));
        let body: Vec<String> = exchange.body.iter().map(|line| script.fill(line)).collect::<Result<_, _>>()?;
        let is_form = self.surface == "login" && !has("content-type");
        if !body.is_empty() {
            let (media_type, text) = if is_form {
                let fields: Vec<String> = body.iter().map(|line| field(line)).collect();
                ("application/x-www-form-urlencoded", fields.join("&"))
            } else {
                ("application/json", body.join("\n"))
            };
            ask = if has("content-type") { ask } else { ask.header("content-type", media_type) }.body(text);
        }
        match self.surface.as_str() {
            "login" => {
                let ask = match script.over {
                    Some(Some(host)) => ask.over(host),
                    Some(None) | None => ask,
                };
                Ok(script.cloud.login(ask.request()).into())
            }
            "hosts" => {
                let ask = match script.over {
                    Some(Some(host)) => ask.over(host),
                    Some(None) => ask,
                    None => ask.over(script.cloud.local.id),
                };
                Ok(script.cloud.hosts(ask.request()).into())
            }
            "management" => {
                let caller = script.caller.as_ref().filter(|_| !has("authorization"));
                let ask = match caller {
                    Some(name) => ask.bearer(&script.cloud.token(found(&script.people, name)?, MANAGEMENT)),
                    None => ask,
                };
                Ok(script.cloud.management(ask.request()).into())
            }
            "graph" => {
                let caller = script.caller.as_ref().filter(|_| !has("authorization"));
                let ask = match caller {
                    Some(name) => ask.bearer(&script.cloud.token(found(&script.people, name)?, GRAPH)),
                    None => ask,
                };
                Ok(script.cloud.graph(ask.request()).into())
            }
            "metadata" => {
                let machine = script.chosen()?;
                let binding = script.cloud.endpoint(machine, script.dialect, SECRET);
                let host = if script.dialect.name() == VM_EXTENSION { "localhost:50342" } else { "169.254.169.254" };
                let ask = if has("host") { ask } else { ask.header("host", host) };
                let ask = match script.from {
                    Some(address) => ask.from(address),
                    None => ask,
                };
                Ok(script.cloud.metadata(&binding, &ask).into())
            }
            other => Err(format!("'{other}' is no surface")),
        }
    }

    fn compare(&mut self, expected: &Expected, answer: &Answer) -> Result<Difference, String> {
        let mut kept = Kept::new();
        let mut problems = Vec::new();
        if expected.status != answer.status {
            problems.push(format!("status {} expected, got {}", expected.status, answer.status));
        }
        let mut lines = vec![format!("< {}", answer.status)];
        for (name, pattern) in &expected.headers {
            let actual = if answer.headers.contains_key(name) { answer.header(name) } else { "(absent)" };
            if compare::text(&self.script.fill(pattern)?, actual, &mut kept) {
                lines.push(format!("< {name}: {pattern}"));
            } else {
                problems.push(format!("{name}: {} expected, got {actual}", self.script.fill(pattern)?));
                lines.push(format!("< {name}: {}", self.script.unfill(actual)));
            }
        }
        match (expected.any_body, expected.body.is_empty()) {
            (true, _) => lines.push("< (any body)".to_owned()),
            (false, true) if answer.text.is_empty() => {}
            (false, empty) => {
                let pattern = if empty { Value::Null } else { self.pattern(&expected.body)? };
                self.body(&pattern, &answer.body, expected, &mut kept, &mut problems, &mut lines);
                if answer.body.is_null() && !answer.text.is_empty() {
                    problems.push(format!("the body is no JSON: {}", answer.text));
                }
            }
        }
        self.script.kept.extend(kept);
        if problems.is_empty() {
            return Ok(None);
        }
        let shown = if answer.body.is_null() { answer.text.clone() } else { format!("{:#}", answer.body) };
        Ok(Some((format!("{}\n  the reply: {shown}", problems.join("\n  ")), expected.lines, lines)))
    }

    /// Compares a body, and adds the lines that would say what it is.
    fn body(
        &self,
        pattern: &Value,
        actual: &Value,
        expected: &Expected,
        kept: &mut Kept,
        problems: &mut Vec<String>,
        lines: &mut Vec<String>,
    ) {
        let mut comparison = Comparison { in_order: expected.in_order, kept, problems: Vec::new() };
        comparison.value("", pattern, actual);
        problems.extend(comparison.problems.iter().map(|(at, what)| format!("{at}: {what}")));
        if expected.in_order {
            lines.push("< (in this order)".to_owned());
        }
        if comparison.problems.is_empty() {
            lines.extend(expected.body.lines().map(|line| format!("< {line}")));
        } else {
            let text = format!("{:#}", compare::merged(pattern, actual));
            lines.extend(self.script.unfill(&text).lines().map(|line| format!("< {line}")));
        }
    }

    fn token(&mut self, part: &str, expected: &Expected) -> Result<Difference, String> {
        let answer = self.last.as_ref().ok_or("there was no reply")?;
        let text = answer.body["access_token"].as_str().ok_or("the last reply has no token")?;
        let actual = if part == "claims" { token::claims(text) } else { token::header(text) };
        let pattern = self.pattern(&expected.body)?;
        let (mut kept, mut problems, mut lines) = (Kept::new(), Vec::new(), Vec::new());
        self.body(&pattern, &actual, expected, &mut kept, &mut problems, &mut lines);
        self.script.kept.extend(kept);
        Ok((!problems.is_empty())
            .then(|| (format!("{}\n  the {part}: {actual:#}", problems.join("\n  ")), expected.lines, lines)))
    }

    fn pattern(&self, text: &str) -> Result<Value, String> {
        let text = self.script.fill(text)?;
        serde_json::from_str(&text).map_err(|error| format!("the expected body is no JSON: {error}: {text}"))
    }
}

/// One field of a form, its value encoded.
fn field(line: &str) -> String {
    match line.split_once('=') {
        Some((name, value)) => format!("{name}={}", encoded(value)),
        None => line.to_owned(),
    }
}
