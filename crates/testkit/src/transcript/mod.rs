//! Transcripts: HTTP exchanges that people can read, run against a cloud.
//!
//! A file is a story on one surface, the one its folder is named after. Lines that begin with `#` are
//! for people. `given …` prepares ([`Script::given`] has the vocabulary); `as`, `on`, `from`, `over` and `at`
//! say who asks and where from then on:
//!
//! | line | says |
//! |---|---|
//! | `as NAME`, `as nobody` | whose token requests to the resource manager carry; the operator's at first |
//! | `on NAME`, `on NAME DIALECT` | the workload whose endpoint is asked, and its dialect; the first machine's `imds` at first |
//! | `from ADDRESS` | the address, with a port, from which a workload's endpoint is asked; one of the loopback device at first |
//! | `over NAME`, `over nobody` | the host, or the kept id of one, over whose mTLS connection login and the hosts surface are asked |
//! | `at SURFACE` | another surface than the folder's |
//! | `keep NAME = TEXT` | what `{NAME}` stands for |
//!
//! An exchange is `> METHOD target`, header lines, and after a `>` of its own the body; then
//! `< STATUS`, those header fields that are compared (`(absent)` for none), and after a `<` of its own,
//! or at once where it begins with `{` or `[`, the body. A form's body has one field a line, its values
//! not yet encoded. Without a body the reply must have none; `< (any body)` takes every one, and
//! `< (in this order)` before a body compares the order of its members too.
//!
//! In JSON, `"…"` is any value and `…` inside a text any text; a member `"…"` allows further members, an
//! element `"…"` any number of further elements. `{name}` is a variable ([`Script::variable`]),
//! `{name=…}` any text, kept as a variable; `{{` and `}}` are braces. After an exchange, `claims` or
//! `header` and `<` lines say what the token in its reply must hold.

mod compare;
mod parse;
mod run;
mod script;
mod variables;

pub use run::{Problem, run, run_all};
pub use script::Script;
