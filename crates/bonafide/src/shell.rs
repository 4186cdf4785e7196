//! The syntax of variables, for shells and for programs that read variables in their place.

use crate::Failure;
use clap::ValueEnum;

/// A syntax in which variables are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Shell {
    Sh,
    Fish,
    Powershell,
    /// One object of names and values
    Json,
    /// Lines NAME=value for docker --env-file and dotenv libraries
    Dotenv,
}

/// Variables with their values.
pub(crate) type Variables = [(&'static str, String)];

impl Shell {
    /// The text that sets the variables.
    pub(crate) fn print(self, variables: &Variables) -> Result<String, Failure> {
        let lines = |line: fn(&str, &str) -> String| variables.iter().map(|(name, value)| line(name, value)).collect();
        Ok(match self {
            Self::Sh => lines(|name, value| format!("export {name}={}\n", sh_quoted(value))),
            Self::Fish => {
                lines(|name, value| format!("set -gx {name} '{}'\n", value.replace('\\', r"\\").replace('\'', r"\'")))
            }
            Self::Powershell => lines(|name, value| format!("$env:{name} = {}\n", powershell_quoted(value))),
            Self::Json => json(variables)?,
            Self::Dotenv => variables.iter().map(|(name, value)| dotenv(name, value)).collect::<Result<_, _>>()?,
        })
    }
}

/// One word for a POSIX shell, whatever is in it.
pub(crate) fn sh_quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// One string for PowerShell, to which the typographic single quotes are as good as the plain one. Source:
/// about_Quoting_Rules, learn.microsoft.com.
fn powershell_quoted(text: &str) -> String {
    let mut quoted = String::from("'");
    for c in text.chars() {
        if matches!(c, '\'' | '\u{2018}'..='\u{201b}') {
            quoted.push(c);
        }
        quoted.push(c);
    }
    quoted + "'"
}

fn json(variables: &Variables) -> Result<String, Failure> {
    let object: serde_json::Map<_, _> =
        variables.iter().map(|(name, value)| ((*name).to_owned(), value.as_str().into())).collect();
    Ok(format!("{}\n", serde_json::to_string(&object)?))
}

/// A line without quotes: `docker --env-file` and podman keep quotes as part of the value, and dotenv libraries do
/// not need them. What these read in different ways is refused and not written: a line's end, blanks at the ends, a
/// quote at the beginning, `#` (a comment for Node), `$` (a variable for Python, Go and compose), `\` (an escape for
/// systemd).
fn dotenv(name: &str, value: &str) -> Result<String, Failure> {
    let differs = value.contains(|c: char| c.is_control() || matches!(c, '#' | '$' | '\\'))
        || value.trim() != value
        || value.starts_with(['"', '\'', '`']);
    if differs {
        return Err(format!("readers of NAME=value lines disagree about the value of {name}; use --shell json").into());
    }
    Ok(format!("{name}={value}\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_for_dotenv_has_no_quotes_and_nothing_that_readers_disagree_about() {
        let clouds = r#"[{"resourceManagerEndpoint":"https://localhost:8443"}]"#;
        for good in ["", "/a b/c", clouds, "-Da=b -Dc=\"d e\"", "https://localhost:8443/?a=b&c=d"] {
            assert_eq!(dotenv("NAME", good).unwrap(), format!("NAME={good}\n"));
        }
        for bad in ["a#b", "a #b", "$HOME", "a\nb", " a", "a ", "\"a\"", "'a'", "`a`", r"a\b", "a\0b"] {
            let refusal = dotenv("NAME", bad).unwrap_err().to_string();
            assert!(refusal.contains("NAME") && refusal.contains("--shell json"), "{refusal}");
        }
    }

    #[test]
    fn every_quote_that_would_end_a_string_is_written_twice() {
        assert_eq!(sh_quoted("it's"), r"'it'\''s'");
        assert_eq!(
            powershell_quoted("it's \u{2018}here\u{2019} \"now\""),
            "'it''s \u{2018}\u{2018}here\u{2019}\u{2019} \"now\"'"
        );
    }

    #[test]
    fn json_is_one_object_on_a_line() {
        let text = Shell::Json.print(&[("A", "it's \"1\"".to_owned()), ("B", "\n".to_owned())]).unwrap();
        assert_eq!(text, "{\"A\":\"it's \\\"1\\\"\",\"B\":\"\\n\"}\n");
    }
}
