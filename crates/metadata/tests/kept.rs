//! Tokens that outlast the process, the machine's run and the control plane.
#![allow(clippy::unwrap_used)]

mod support;

use bonafide_metadata::{Agent, KeptAt, KeptToken, UpstreamError};
use bonafide_types::Timestamp;
use std::time::Duration;
use support::*;

const HOUR: u64 = 3_600;
/// The time since the start of the machine at [`NOW`].
const UPTIME: Duration = Duration::from_secs(1_000_000);

fn down() -> UpstreamError {
    UpstreamError::Unreachable("no route".to_owned())
}

/// A moment so many seconds after [`NOW`] in this run of the machine, or in another one.
fn moment(boot: &str, seconds: u64, since_boot: Duration) -> KeptAt {
    KeptAt::new(boot, NOW.plus_seconds(seconds), since_boot)
}

fn before(seconds: u64) -> Timestamp {
    Timestamp::from_unix_seconds(NOW.unix_seconds() - seconds)
}

/// An agent that looked at the clocks at [`NOW`] and holds a token of a day.
fn holding() -> Agent {
    let agent = agent(vec![system(), user(1)]);
    agent.look_at_clock(NOW, UPTIME);
    assert_eq!(ask_imds(&agent, "").status, 200);
    agent
}

/// The tokens that are kept, as they come back from a disk.
fn from_disk(agent: &Agent, now: Timestamp) -> Vec<KeptToken> {
    serde_json::from_slice(&serde_json::to_vec(&agent.kept(workload_id(1), now)).unwrap()).unwrap()
}

/// The status of a request while login is away.
fn status(agent: &Agent, query: &str, now: Timestamp) -> u16 {
    match agent.answer(&imds(), &get(TOKEN, query), &at(now)) {
        bonafide_metadata::Answer::Reply { reply, refresh } => {
            if let Some(duty) = refresh {
                agent.complete(duty, Err(down()), &at(now));
            }
            reply.status.as_u16()
        }
        bonafide_metadata::Answer::Wait { waiting, duty } => {
            agent.complete(duty.expect("nobody else asks"), Err(down()), &at(now));
            agent.finish(waiting, &at(now)).status.as_u16()
        }
        bonafide_metadata::Answer::Ask(_) => panic!("asks the control plane"),
    }
}

/// The seconds after `from` for which the token is handed out, when it is given back at `present`, with a clock that goes on
/// rightly from there.
fn life_after(kept: Vec<KeptToken>, written: &KeptAt, seen: &KeptAt, present: &KeptAt) -> u64 {
    let agent = agent(vec![system(), user(1)]);
    agent.look_at_clock(present.now, Duration::from_micros(present.since_boot));
    agent.give_back(workload_id(1), kept, written, seen, present, &at(present.now));
    let (mut alive, mut dead) = (0, 40 * DAY);
    while dead - alive > 1 {
        let middle = alive.midpoint(dead);
        match status(&agent, QUERY, present.now.plus_seconds(middle)) {
            200 => alive = middle,
            500 => dead = middle,
            other => panic!("{other}"),
        }
    }
    if status(&agent, QUERY, present.now) == 200 { dead } else { 0 }
}

#[test]
fn av_01_through_24_hours_without_login_every_pair_is_answered_to_its_end_and_none_after() {
    let agent = agent(vec![system(), user(1), user(2)]);
    let queries: Vec<String> = (0..3)
        .flat_map(|identity| (0..4).map(move |resource| (identity, resource)))
        .map(|(identity, resource)| {
            let id = client(identity);
            format!("api-version=2018-02-01&resource=api%3A%2F%2Fservice-{resource}&client_id={id}")
        })
        .collect();
    // Fetched over six hours, and refused by nobody since.
    let fetched = |number: usize| NOW.plus_seconds(number as u64 * HOUR / 2);
    for (number, query) in queries.iter().enumerate() {
        let reply = ask(&agent, &imds(), &get(TOKEN, query), fetched(number));
        assert_eq!(reply.status, 200);
    }
    for minute in (6 * 60)..(31 * 60) {
        let now = NOW.plus_seconds(minute * 60);
        for (number, query) in queries.iter().enumerate() {
            let is_alive = now < fetched(number).plus_seconds(DAY);
            assert_eq!(status(&agent, query, now), if is_alive { 200 } else { 500 }, "{number} at minute {minute}");
        }
    }
}

#[test]
fn av_03_after_a_restart_a_token_goes_on_to_its_end_and_no_longer() {
    let agent = holding();
    let written = moment("this", 0, UPTIME);
    for hours in [0, 1, 23] {
        let present = moment("this", hours * HOUR, UPTIME + Duration::from_secs(hours * HOUR));
        let left = life_after(from_disk(&agent, NOW), &written, &written, &present);
        assert_eq!(left, DAY - hours * HOUR, "{hours} h later");
        let other = moment("next", hours * HOUR, Duration::from_secs(20));
        assert_eq!(life_after(from_disk(&agent, NOW), &written, &written, &other), DAY - hours * HOUR, "a new run");
    }
    let present = moment("this", DAY, UPTIME + Duration::from_secs(DAY));
    assert_eq!(life_after(from_disk(&agent, NOW), &written, &written, &present), 0);
}

#[test]
fn ky_12_a_clock_that_is_set_back_prolongs_no_token() {
    let agent = holding();
    // Twenty hours later the clock is set back by twenty hours.
    let later = UPTIME + Duration::from_secs(20 * HOUR);
    agent.look_at_clock(NOW, later);
    assert_eq!(status(&agent, QUERY, NOW.plus_seconds(4 * HOUR - 1)), 200);
    assert_eq!(status(&agent, QUERY, NOW.plus_seconds(4 * HOUR)), 500, "twenty-four hours after it came");
    // Set right again, it is as it was.
    agent.look_at_clock(NOW.plus_seconds(20 * HOUR), later);
    assert_eq!(status(&agent, QUERY, NOW.plus_seconds(DAY - 1)), 200);
    assert_eq!(status(&agent, QUERY, NOW.plus_seconds(DAY)), 500);
}

#[test]
fn ky_12_a_clock_that_is_set_back_over_a_restart_prolongs_no_token() {
    let agent = holding();
    let written = moment("this", 0, UPTIME);
    // The same run of the machine: its other clock says that twenty hours have passed.
    let later = UPTIME + Duration::from_secs(20 * HOUR);
    let present = moment("this", 0, later);
    assert_eq!(life_after(from_disk(&agent, NOW), &written, &written, &present), 4 * HOUR);
    // A new run: the last moment on record says it.
    for seen in [moment("this", 20 * HOUR, later), moment("next", 20 * HOUR, Duration::from_secs(60))] {
        let present = moment("third", 0, Duration::from_secs(20));
        let left = life_after(from_disk(&agent, NOW), &written, &seen, &present);
        assert_eq!(left, 4 * HOUR, "{seen:?}");
    }
    // A clock of long ago: whatever it issued would begin later, and so it is not handed out.
    let present = KeptAt::new("third", before(30 * DAY), Duration::from_secs(20));
    assert_eq!(life_after(from_disk(&agent, NOW), &written, &written, &present), 0);
}

#[test]
fn ky_12_a_clock_that_was_behind_when_a_token_came_does_not_prolong_it_either() {
    let agent = agent(vec![system()]);
    let behind = before(2 * HOUR);
    agent.look_at_clock(behind, UPTIME);
    let (waiting, duty) = waits(agent.answer(&imds(), &get(TOKEN, QUERY), &at(behind)));
    agent.complete(duty.unwrap(), Ok(token_at(NOW, DAY, "t")), &at(behind));
    assert_eq!(agent.finish(waiting, &at(behind)).status, 200);
    assert_eq!(status(&agent, QUERY, behind.plus_seconds(DAY - 1)), 200);
    assert_eq!(status(&agent, QUERY, behind.plus_seconds(DAY)), 500);
}

#[test]
fn id_06_a_token_is_given_back_only_to_an_identity_that_is_assigned() {
    let holder = holding();
    assert_eq!(ask_imds(&holder, &format!("&client_id={}", client(1))).status, 200);
    let written = moment("this", 0, UPTIME);
    let back = |agent: &Agent| {
        agent.give_back(workload_id(1), from_disk(&holder, NOW), &written, &written, &written, &at(NOW))
    };
    assert_eq!(back(&agent(vec![system(), user(1)])), 2);
    assert_eq!(back(&agent(vec![system()])), 1);
    assert_eq!(back(&agent(vec![])), 0);
    assert_eq!(back(&Agent::new(unlimited())), 0, "a workload that is not here");
    // An identity that was deleted and made again is another one.
    let mut again = user(1);
    again.client_id = client(7);
    assert_eq!(back(&agent(vec![again])), 0);
    // Nothing that is taken away is kept.
    holder.apply(change(vec![workload(1, vec![system()])], vec![]));
    assert_eq!(holder.kept(workload_id(1), NOW).len(), 1);
}

#[test]
fn a_newer_token_is_not_replaced_by_one_that_is_given_back() {
    let old = holding();
    let later = NOW.plus_seconds(HOUR);
    let agent = agent(vec![system()]);
    let reply = ask(&agent, &imds(), &get(TOKEN, QUERY), later);
    let written = moment("this", 0, UPTIME);
    agent.give_back(workload_id(1), from_disk(&old, NOW), &written, &written, &written, &at(later));
    let again = reply_of(&agent, later);
    assert_eq!(body(&again)["expires_on"], body(&reply)["expires_on"]);
}

fn reply_of(agent: &Agent, now: Timestamp) -> bonafide_wire::Reply {
    support::reply(agent.answer(&imds(), &get(TOKEN, QUERY), &at(now)))
}

#[test]
fn capabilities_and_the_spelling_of_a_resource_come_back() {
    let holder = holding();
    assert_eq!(ask_imds(&holder, "&xms_cc=cp1").status, 200);
    let agent = agent(vec![system()]);
    let written = moment("this", 0, UPTIME);
    assert_eq!(agent.give_back(workload_id(1), from_disk(&holder, NOW), &written, &written, &written, &at(NOW)), 2);
    for query in [QUERY.to_owned(), format!("{QUERY}&xms_cc=cp1")] {
        let reply = support::reply(agent.answer(&imds(), &get(TOKEN, &query), &at(NOW)));
        assert_eq!(body(&reply)["resource"], ARM);
    }
    assert_eq!(agent.counters().fetches, 0);
}
