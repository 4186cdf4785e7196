//! Bare operations, for orientation: what one core of this machine signs and verifies in a second
//! with aws-lc-rs, in this process, and with `openssl speed`.

use crate::bare::{Bare, Costs};
use crate::child::command;
use crate::machine::{LOAD_CORE, has_program, pin, unpin};
use crate::report::Row;
use crate::{Bench, Failure};
use std::time::Duration;

pub(super) fn measure(bench: &Bench) -> Result<Vec<Row>, Failure> {
    let (rounds, each) = bench.amount((5, Duration::from_millis(300)), (2, Duration::from_millis(50)));
    let bare = Bare::new()?;
    pin(LOAD_CORE)?;
    let costs = (0..rounds).map(|_| bare.round(each)).collect::<Result<Vec<_>, _>>();
    unpin()?;
    let costs = Costs::median(&costs?);
    let rate = |micros: f64| 1e6 / micros;
    let mut rows = vec![Row::plain(
        "aws-lc-rs, one core, operations per second of processor time",
        format!(
            "RSA-2048 sign {:.0}, verify {:.0}; P-256 verify {:.0}",
            rate(costs.sign),
            rate(costs.verify_rsa),
            rate(costs.verify_p256)
        ),
    )];
    let what = "`openssl speed rsa2048`";
    rows.push(match openssl(bench)? {
        Some((sign, verify)) => Row::plain(
            what,
            format!(
                "sign {sign:.0}, verify {verify:.0} per second; aws-lc-rs is {:.2} and {:.2} × that",
                rate(costs.sign) / sign,
                rate(costs.verify_rsa) / verify
            ),
        ),
        None => Row::skipped(what, "", "there is no openssl here"),
    });
    Ok(rows)
}

/// Signatures and verifications per second.
fn openssl(bench: &Bench) -> Result<Option<(f64, f64)>, Failure> {
    if !has_program("openssl") {
        return Ok(None);
    }
    let seconds = bench.amount("3", "1");
    let output = command("openssl", Some(LOAD_CORE)).args(["speed", "-mr", "-seconds", seconds, "rsa2048"]).output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    // +F2:INDEX:BITS:SIGNATURES PER SECOND:VERIFICATIONS PER SECOND
    let line = text.lines().find(|line| line.starts_with("+F2:")).ok_or("openssl says something else")?;
    let mut fields = line.split(':').skip(3).map(str::parse::<f64>);
    let mut next = || fields.next().ok_or("openssl says something else")?.map_err(Failure::from);
    Ok(Some((next()?, next()?)))
}
