//! Clocks that are set, and machines that sleep.

#![allow(clippy::unwrap_used, reason = "a test may insist")]
#![allow(clippy::disallowed_methods, reason = "whole processes: they have a clock and an environment")]

mod support;

use std::time::Duration;
use support::clock::Clock;
use support::{Up, eventually, run};

const MANAGEMENT: &str = "https://management.azure.com/";
const HOUR: i64 = 3_600;
/// Longest time that everything takes to be as it was, once the clock has been set.
const RECOVERY: Duration = Duration::from_secs(20);

/// A resource that no token was asked for yet: its token is new.
fn new_token(up: &Up, name: &mut u32) -> Result<String, (u16, String)> {
    const RESOURCES: [&str; 8] = [
        "https://vault.azure.net",
        "https://storage.azure.com/",
        "https://graph.microsoft.com/",
        "https://management.core.windows.net/",
        "https://database.windows.net/",
        "https://management.azure.com",
        "https://storage.azure.com",
        "https://vault.azure.net/",
    ];
    let resource = RESOURCES[*name as usize % RESOURCES.len()];
    let token = up.token(resource);
    *name += u32::from(token.is_ok());
    token
}

fn recovers(up: &Up, name: &mut u32, after: &str, word: &str) {
    eventually(RECOVERY, after, || new_token(up, name).is_ok());
    eventually(RECOVERY, after, || up.readiness() == word);
}

#[test]
fn ky_09_a_machine_that_slept_past_its_certificate_has_new_tokens_when_it_wakes() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Clock::ahead(dir.path(), 0);
    let (up, mut name) = (clock.start(dir.path()), 0);
    let cached = up.token(MANAGEMENT).unwrap();
    // Eleven hours of work, and thirteen of sleep.
    clock.set(11 * HOUR);
    assert_eq!(up.token(MANAGEMENT).unwrap(), cached, "cached tokens go on");
    for (seconds, after, word) in [
        (24 * HOUR + HOUR / 12, "13 h asleep with a certificate of 11 h", "ok"),
        (50 * HOUR, "a jump of 26 h", "ok"),
        (24 * HOUR, "a step back of 26 h", "ok"),
        // Its certificate is good still, and younger than the clock: one of the two is wrong.
        (23 * HOUR, "a step back of an hour", "degraded"),
        (40 * 24 * HOUR, "forty days asleep", "ok"),
        (0, "a step back of forty days", "ok"),
    ] {
        clock.set(seconds);
        recovers(&up, &mut name, after, word);
    }
    // In 2099 the authorities have ended; what is tried meanwhile leaves nothing behind.
    clock.set(73 * 365 * 24 * HOUR);
    eventually(RECOVERY, "2099", || up.log().contains(r#""event":"hostNotJoined""#) && up.readiness() != "ok");
    clock.set(0);
    recovers(&up, &mut name, "back from 2099", "ok");
}

#[test]
fn av_08_after_an_outage_or_a_sleep_of_a_minute_to_four_months_a_host_is_one_again_by_itself() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Clock::ahead(dir.path(), 0);
    let (mut up, mut now) = (clock.start(dir.path()), 0);
    for (length, named) in [
        (HOUR / 60, "a minute"),
        (HOUR, "an hour"),
        (13 * HOUR, "more than half of a certificate"),
        (25 * HOUR, "more than all of it"),
        (29 * 24 * HOUR, "as long as its key brings it back"),
        (120 * 24 * HOUR, "four months"),
    ] {
        up.kill();
        now += length;
        clock.set(now);
        up = clock.start(dir.path());
        recovers(&up, &mut 0, &format!("away for {named}"), "ok");
        now += length;
        clock.set(now);
        recovers(&up, &mut 1, &format!("asleep for {named}"), "ok");
    }
}

#[test]
fn ky_12_a_clock_that_was_wrong_at_the_first_start_is_forgiven_once_it_is_right() {
    for (wrong, when) in [(26 * HOUR, "26 h ahead"), (10 * 365 * 24 * HOUR, "10 years ahead")] {
        let dir = tempfile::tempdir().unwrap();
        let clock = Clock::ahead(dir.path(), wrong);
        let up = clock.start(dir.path());
        up.token(MANAGEMENT).unwrap();
        drop(up);
        clock.set(0);
        let up = clock.start(dir.path());
        up.token(MANAGEMENT).unwrap_or_else(|refused| panic!("{when}: {refused:?}"));
        up.operator_token();
    }
}

#[test]
fn ky_12_one_start_with_a_clock_ahead_does_not_prevent_the_next() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Clock::ahead(dir.path(), 0);
    drop(clock.start(dir.path()));
    for wrong in [26 * HOUR, 3 * 24 * HOUR] {
        clock.set(wrong);
        clock.start(dir.path()).token(MANAGEMENT).unwrap();
        clock.set(0);
        clock.start(dir.path()).token(MANAGEMENT).unwrap();
    }
    let info = run(support::bonafide(dir.path(), "info"));
    assert!(info.status.success());
}

#[test]
fn op_08_a_machine_that_starts_in_1970_says_so_signs_nothing_and_goes_on_when_its_clock_is_set() {
    let dir = tempfile::tempdir().unwrap();
    let since_1970 = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let clock = Clock::ahead(dir.path(), HOUR - i64::try_from(since_1970).unwrap());
    let up = clock.start(dir.path());
    let note = "bonafide: the clock shows 1970-01-01T01:0";
    eventually(RECOVERY, note, || up.log().contains(note) && up.log().contains("set the clock"));
    assert_eq!(up.readiness(), "unavailable");
    assert!(up.token(MANAGEMENT).is_err(), "a token of 1970 is of no use");
    eventually(RECOVERY, "the log names the clock", || up.log().contains("shows a time before this program was made"));
    clock.set(0);
    recovers(&up, &mut 0, "its clock was set", "ok");
    up.operator_token();
}
