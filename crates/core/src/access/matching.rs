//! The match of a pattern of a role definition with an operation.

/// True when `pattern` matches `action`, in any case.
///
/// `*` stands for any run of characters, `/` included, and may occur anywhere and any number of
/// times; a pattern without it must be the whole action (Azure documentation, "Understand role
/// definitions"). `/*/` also matches a single `/`: Managed Identity Operator holds only
/// `…/userAssignedIdentities/*/assign/action`, and Resource Manager asks for
/// `…/userAssignedIdentities/assign/action` (docs/wire/management-access.md).
///
/// Costs at most the product of both lengths, without backtracking: each piece between two stars is
/// taken where it first occurs, which leaves the most for the pieces after it.
pub fn matches(pattern: &str, action: &str) -> bool {
    let action = action.as_bytes();
    let mut pieces = pattern.as_bytes().split(|byte| *byte == b'*');
    let (Some(first), Some(last)) = (pieces.next(), pieces.next_back()) else {
        return pattern.as_bytes().eq_ignore_ascii_case(action);
    };
    if !starts_with(action, first) {
        return false;
    }
    let mut before = first;
    let mut at = first.len();
    for piece in pieces {
        let from = at - shared_slash(before, piece);
        let Some(found) = find(&action[from..], piece) else { return false };
        at = from + found + piece.len();
        before = piece;
    }
    let from = at - shared_slash(before, last);
    action.len() >= from + last.len() && starts_with(&action[action.len() - last.len()..], last)
}

/// One, when the star between the two pieces is that of `/*/`: both may be the same slash.
fn shared_slash(before: &[u8], after: &[u8]) -> usize {
    usize::from(before.ends_with(b"/") && after.starts_with(b"/"))
}

fn starts_with(text: &[u8], piece: &[u8]) -> bool {
    text.get(..piece.len()).is_some_and(|start| start.eq_ignore_ascii_case(piece))
}

fn find(text: &[u8], piece: &[u8]) -> Option<usize> {
    (0..=text.len().checked_sub(piece.len())?).find(|at| starts_with(&text[*at..], piece))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn patterns_match_as_the_documentation_says() {
        for (pattern, action, expected) in [
            ("*", "Microsoft.Compute/virtualMachines/read", true),
            ("*/read", "Microsoft.Compute/virtualMachines/read", true),
            ("*/read", "Microsoft.Compute/virtualMachines/write", false),
            ("*/read", "read", false),
            ("Microsoft.Compute/*", "Microsoft.Compute/virtualMachines/start/action", true),
            ("Microsoft.Compute/*", "Microsoft.ComputeX/virtualMachines/read", false),
            ("Microsoft.Compute/virtualMachines/*", "Microsoft.Compute/virtualMachines/extensions/read", true),
            ("Microsoft.Compute/virtualMachines/*", "Microsoft.Compute/virtualMachineScaleSets/read", false),
            ("Microsoft.Authorization/*/Delete", "microsoft.authorization/roleassignments/delete", true),
            ("Microsoft.Authorization/*/Delete", "Microsoft.Authorization/delete", true),
            ("Microsoft.Authorization/*/read", "Microsoft.Authorization/a/b/c/read", true),
            ("Microsoft.Compute/virtualMachines/read", "Microsoft.Compute/virtualMachines/READ", true),
            ("Microsoft.Compute/virtualMachines/read", "Microsoft.Compute/virtualMachines/read/x", false),
            ("Microsoft.Compute/virtualMachines/read", "xMicrosoft.Compute/virtualMachines/read", false),
            ("Microsoft.M/u/*/assign/action", "Microsoft.M/u/assign/action", true),
            ("Microsoft.M/u/*/assign/action", "Microsoft.M/u/x/assign/action", true),
            ("Microsoft.M/u/*/assign/action", "Microsoft.M/uassign/action", false),
            ("Microsoft.M/u/*/assign/action", "Microsoft.M/u/xassign/action", false),
            ("Microsoft.M/u*/assign", "Microsoft.M/u/assign", true),
            ("a*a", "a", false),
            ("", "a", false),
            ("", "", true),
        ] {
            assert_eq!(matches(pattern, action), expected, "{pattern} {action}");
        }
    }

    /// The rules, word for word.
    fn naive(pattern: &[u8], action: &[u8]) -> bool {
        match pattern {
            [] => action.is_empty(),
            [b'*', rest @ ..] => naive(rest, action) || (!action.is_empty() && naive(pattern, &action[1..])),
            [byte, rest @ ..] => {
                (pattern.starts_with(b"/*/") && naive(&pattern[2..], action))
                    || (action.first().is_some_and(|a| a.eq_ignore_ascii_case(byte)) && naive(rest, &action[1..]))
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4096))]
        #[test]
        fn tn_13_the_matcher_agrees_with_a_naive_one(pattern in "[aAb/*]{0,8}", action in "[abB/]{0,10}") {
            prop_assert_eq!(matches(&pattern, &action), naive(pattern.as_bytes(), action.as_bytes()));
        }
    }
}
