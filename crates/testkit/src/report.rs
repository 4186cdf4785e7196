//! Reports of failed tests, which are logs, and logs hold no tokens and no secrets.
//!
//! Test crates that do not use the rest of the testkit take this file alone.

#![allow(unreachable_pub, reason = "in a test crate that takes this file it is no part of a library")]

use std::backtrace::Backtrace;
use std::sync::Once;

/// Stands for what is left out.
const LEFT_OUT: &str = "…";
/// The beginning of every token: `{"` in base64url.
const TOKEN: &str = "eyJ";
/// The beginning of a form's field that holds a secret.
const SECRET_FIELD: &str = "client_secret=";
/// The beginning of every client secret that is made here (`SECRET_PREFIX` of the crypto crate).
const SECRET: &str = "bfs_";
/// The first line of a private key of each form, in part.
const PRIVATE_KEYS: [&str; 3] = ["BEGIN PRIVATE KEY-----", "BEGIN RSA PRIVATE KEY-----", "BEGIN EC PRIVATE KEY-----"];
/// The beginning of the last line of a private key, without which the rest of the text is of the key.
const PRIVATE_KEY_END: &str = "-----END";

/// The text with no more than the beginning of each token, secret and private key in it.
pub fn without_secrets(text: &str) -> String {
    let is_of_token = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let is_of_field = |c: char| !c.is_whitespace() && !matches!(c, '&' | '"' | '\'' | '\\');
    let text = shortened(text, TOKEN, |rest| rest.find(|c| !is_of_token(c)).unwrap_or(rest.len()));
    let text = shortened(&text, SECRET_FIELD, |rest| rest.find(|c| !is_of_field(c)).unwrap_or(rest.len()));
    let text = shortened(&text, SECRET, |rest| rest.find(|c| !is_of_token(c)).unwrap_or(rest.len()));
    PRIVATE_KEYS
        .iter()
        .fold(text, |text, begin| shortened(&text, begin, |rest| rest.find(PRIVATE_KEY_END).unwrap_or(rest.len())))
}

/// The text without what follows each `begin`, as long as `length` says of the rest.
fn shortened(text: &str, begin: &str, length: impl Fn(&str) -> usize) -> String {
    let (mut shown, mut rest) = (String::new(), text);
    while let Some(at) = rest.find(begin) {
        let (before, after) = rest.split_at(at + begin.len());
        let length = length(after);
        shown += before;
        if length > 0 {
            shown += LEFT_OUT;
        }
        rest = &after[length..];
    }
    shown + rest
}

/// Lets every failed assertion of this process be reported so. Whatever a test starts with calls it.
pub fn report_without_secrets() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        std::panic::set_hook(Box::new(|panic| {
            let thread = std::thread::current();
            let said = format!("thread '{}' {panic}", thread.name().unwrap_or("<unnamed>"));
            eprintln!("\n{}\n{}", without_secrets(&said), Backtrace::capture());
        }));
    });
}
