//! The report on an extension, from how it is at each site of its workload.

use bonafide_wire::hosts::ExtensionState;

/// The endpoint at one site.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum At<'a> {
    /// It answers.
    Answers,
    /// It is not known yet whether it answers.
    Awaited,
    /// It answered, and stopped by itself.
    Stopped(&'a str),
    /// It cannot be served.
    Refused(ExtensionState, &'a str),
}

/// The way out for a workload without a site.
const NO_SITE: &str = "the machine has no network namespace and no device here: attach it with `bonafide host attach`, or start \
                       `bonafide up --link-local` in a namespace of its own";
const SITE_GONE: &str = "the network namespace or device that it answered in was detached, or is gone";

/// The state of all sites together: each of them has to answer. One that refuses says more than one that stopped. `None` while
/// it is not known yet.
pub(super) fn outcome<'a>(
    points: impl Iterator<Item = At<'a>>,
    has_answered: bool,
) -> Option<(ExtensionState, String)> {
    let (mut any, mut awaited, mut stopped) = (false, false, None);
    for point in points {
        any = true;
        match point {
            At::Answers => {}
            At::Awaited => awaited = true,
            At::Stopped(why) => stopped = Some(why),
            At::Refused(state, detail) => return Some((state, detail.to_owned())),
        }
    }
    Some(match (any, stopped) {
        (true, None) if awaited => return None,
        (true, None) => (ExtensionState::Answers, String::new()),
        (_, Some(why)) => (ExtensionState::Stopped, why.to_owned()),
        (false, None) if has_answered => (ExtensionState::Stopped, SITE_GONE.to_owned()),
        (false, None) => (ExtensionState::Failed, NO_SITE.to_owned()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use bonafide_wire::hosts::DETAIL_CHARS_MAX;

    #[test]
    fn every_site_has_to_answer() {
        let state = |points: &[At<'_>], has_answered| outcome(points.iter().copied(), has_answered).unwrap().0;
        let taken = At::Refused(ExtensionState::PortTaken, "");
        for (points, expected) in [
            (&[At::Answers][..], ExtensionState::Answers),
            (&[At::Answers, At::Answers], ExtensionState::Answers),
            (&[At::Answers, At::Stopped("")], ExtensionState::Stopped),
            (&[At::Stopped(""), taken], ExtensionState::PortTaken),
            (&[At::Answers, taken], ExtensionState::PortTaken),
        ] {
            assert_eq!(state(points, true), expected, "{points:?}");
        }
        assert_eq!(state(&[], false), ExtensionState::Failed);
        assert_eq!(state(&[], true), ExtensionState::Stopped);
    }

    #[test]
    fn nothing_is_said_while_a_site_may_still_answer() {
        let of = |points: &[At<'_>]| outcome(points.iter().copied(), false);
        assert_eq!(of(&[At::Answers, At::Awaited]), None);
        assert_eq!(
            of(&[At::Awaited, At::Refused(ExtensionState::PortTaken, "")]).unwrap().0,
            ExtensionState::PortTaken
        );
        assert_eq!(of(&[At::Awaited, At::Stopped("")]).unwrap().0, ExtensionState::Stopped);
    }

    #[test]
    fn its_sentences_are_not_cut_off() {
        assert!([NO_SITE, SITE_GONE].iter().all(|text| text.chars().count() <= DETAIL_CHARS_MAX));
    }
}
