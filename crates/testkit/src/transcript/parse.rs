//! Reading a transcript.

/// One step of a transcript, with the number of its first line.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) line: usize,
    pub(super) what: What,
}

#[derive(Debug)]
pub(super) enum What {
    /// A line in words: its first word and the rest.
    Words(String, String),
    Exchange(Exchange),
    /// The expected contents of the token in the last reply: `claims` or `header`, and the pattern.
    Token(String, Expected),
}

/// A request and what is expected of its reply.
#[derive(Debug)]
pub(super) struct Exchange {
    pub(super) method: String,
    pub(super) target: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<String>,
    pub(super) expected: Expected,
}

/// The expected text, and its lines (from, to, one past the last) in the transcript.
#[derive(Debug, Default)]
pub(super) struct Expected {
    pub(super) lines: (usize, usize),
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) in_order: bool,
    pub(super) any_body: bool,
    pub(super) body: String,
}

/// Words that begin a line in words.
const WORDS: [&str; 7] = ["given", "as", "on", "from", "over", "at", "keep"];

/// The steps of a transcript, or the number of a line that cannot be read and why.
pub(super) fn parse(text: &str) -> Result<Vec<Step>, (usize, String)> {
    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    let mut steps = Vec::new();
    let mut at = 0;
    while at < lines.len() {
        let line = lines[at];
        let number = at + 1;
        if line.is_empty() || line.starts_with('#') {
            at += 1;
            continue;
        }
        let what = if line.starts_with('>') {
            let (request, next) = block(&lines, at, '>');
            let (expected, end) = block(&lines, next, '<');
            at = end;
            What::Exchange(exchange(&request, &expected, (next, end)).map_err(|why| (number, why))?)
        } else if line == "claims" || line == "header" {
            let (expected, end) = block(&lines, at + 1, '<');
            let from = std::mem::replace(&mut at, end) + 1;
            What::Token(
                line.to_owned(),
                Expected { lines: (from, end), body: expected.join("\n"), ..Expected::default() },
            )
        } else {
            at += 1;
            let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
            if !WORDS.contains(&word) {
                return Err((number, format!("'{word}' begins no line of a transcript")));
            }
            What::Words(word.to_owned(), rest.to_owned())
        };
        steps.push(Step { line: number, what });
    }
    Ok(steps)
}

/// The lines from `at` on that begin with `mark`, without it, and where they end.
fn block<'a>(lines: &[&'a str], at: usize, mark: char) -> (Vec<&'a str>, usize) {
    let taken: Vec<&str> = lines[at..]
        .iter()
        .map_while(|line| line.strip_prefix(mark).map(|rest| rest.strip_prefix(' ').unwrap_or(rest)))
        .collect();
    let end = at + taken.len();
    (taken, end)
}

fn exchange(request: &[&str], expected: &[&str], lines: (usize, usize)) -> Result<Exchange, String> {
    let (method, target) = request[0].split_once(' ').ok_or("a request begins with its method and target")?;
    let mut rest = request[1..].iter();
    let mut headers = Vec::new();
    for line in rest.by_ref().take_while(|line| !line.is_empty()) {
        headers.push(header(line)?);
    }
    Ok(Exchange {
        method: method.to_owned(),
        target: target.to_owned(),
        headers,
        body: rest.map(|line| (*line).to_owned()).collect(),
        expected: expectation(expected, lines)?,
    })
}

fn expectation(lines: &[&str], numbers: (usize, usize)) -> Result<Expected, String> {
    let status = lines.first().and_then(|line| line.parse().ok()).ok_or("a reply begins with its status")?;
    let mut expected = Expected { lines: numbers, status, ..Expected::default() };
    let mut rest = lines[1..].iter().peekable();
    while let Some(line) = rest.next_if(|line| !line.is_empty() && !line.starts_with(['{', '['])) {
        match *line {
            "(any body)" => expected.any_body = true,
            "(in this order)" => expected.in_order = true,
            line => expected.headers.push(header(line)?),
        }
    }
    expected.body = rest.copied().collect::<Vec<_>>().join("\n").trim().to_owned();
    Ok(expected)
}

fn header(line: &str) -> Result<(String, String), String> {
    let (name, value) = line.split_once(':').ok_or_else(|| format!("'{line}' is no header field"))?;
    Ok((name.trim().to_owned(), value.trim().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exchange_has_its_parts() {
        let text = "# why\ngiven vm a\n> PUT /x?y=1\n> If-Match: *\n>\n> {\"a\":\n>  1}\n< 201\n< ETag: …\n<\n< {}\nclaims\n< {\"b\": 1}\n";
        let steps = parse(text).unwrap();
        assert_eq!(steps.iter().map(|step| step.line).collect::<Vec<_>>(), [2, 3, 12]);
        let What::Exchange(exchange) = &steps[1].what else { panic!("{steps:?}") };
        assert_eq!((exchange.method.as_str(), exchange.target.as_str()), ("PUT", "/x?y=1"));
        assert_eq!(exchange.headers, [("If-Match".to_owned(), "*".to_owned())]);
        assert_eq!(exchange.body.join("\n"), "{\"a\":\n 1}");
        assert_eq!((exchange.expected.status, exchange.expected.body.as_str()), (201, "{}"));
        assert_eq!((exchange.expected.headers.len(), exchange.expected.lines), (1, (7, 11)));
        assert!(parse("> GET /\n").is_err() && parse("whatever\n").is_err() && parse("> GET /\n< x\n").is_err());
    }
}
