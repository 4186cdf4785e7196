use super::*;
use crate::access::{Plane, roles};
use proptest::prelude::*;

const WRITE: &str = "Microsoft.Authorization/roleAssignments/write";
const DELETE: &str = "Microsoft.Authorization/roleAssignments/delete";
const ROLE: &str = "Microsoft.Authorization/roleAssignments:RoleDefinitionId";
const TYPE: &str = "Microsoft.Authorization/roleAssignments:PrincipalType";

/// The conditions of the built-in roles, with the role's name.
fn conditions() -> impl Iterator<Item = (&'static str, &'static Condition)> {
    roles::all()
        .iter()
        .flat_map(|role| role.permissions.iter().filter_map(|one| Some((role.name, one.condition.as_ref()?))))
}

fn has_unknown(expression: &Expression) -> bool {
    match expression {
        Expression::Unknown => true,
        Expression::All(parts) | Expression::Any(parts) => parts.iter().any(has_unknown),
        Expression::Not(inner) => has_unknown(inner),
        Expression::Action(_) | Expression::Compare(_) => false,
    }
}

#[test]
fn every_condition_of_a_built_in_role_is_understood() {
    assert_eq!(conditions().count(), 31);
    for (role, condition) in conditions() {
        assert!(!has_unknown(&condition.0.expression), "{role}: {condition:?}");
    }
}

/// The GUIDs that stand in a text, in whatever form.
fn guids(text: &str) -> Vec<uuid::Uuid> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '-').filter_map(|word| word.parse().ok()).collect()
}

/// The values of the attribute beside which a text names them: none where it does not name it.
fn named(condition: &Condition, of: &str) -> Vec<uuid::Uuid> {
    let text = condition.as_str();
    let begins = format!("@{of}[{ROLE}]");
    text.split(&begins).skip(1).flat_map(|rest| guids(rest.split('}').next().unwrap())).collect()
}

#[test]
fn tn_13_each_role_lets_those_roles_be_given_and_taken_that_its_condition_names() {
    for (name, condition) in conditions().filter(|(_, condition)| condition.as_str().contains(ROLE)) {
        let on_behalf = condition.as_str().contains("HasObotoken");
        for role in roles::all() {
            let asked = Attributes::default().request(ROLE, role.id).request(TYPE, "ServicePrincipal");
            let stored = Attributes::default().resource(ROLE, role.id).resource(TYPE, "ServicePrincipal");
            for (action, attributes, of) in [(WRITE, &asked, "Request"), (DELETE, &stored, "Resource")] {
                let guards = condition.as_str().contains("ActionMatches");
                let limits = !guards || condition.as_str().contains(action);
                let is_named = named(condition, of).contains(&role.id.uuid());
                let expected = !on_behalf && (!limits || is_named);
                let holds = condition.truth(action, attributes) == Truth::True;
                assert_eq!(holds, expected, "{name} {action} {}", role.name);
            }
        }
    }
}

#[test]
fn tn_13_nothing_that_a_condition_asks_is_taken_for_granted_before_it_is_known() {
    for (name, condition) in conditions() {
        for action in [WRITE, DELETE] {
            if condition.as_str().contains(action) {
                assert_ne!(condition.truth(action, &Attributes::default()), Truth::True, "{name} {action}");
            }
        }
    }
}

#[test]
fn the_type_of_the_principal_is_asked_for_where_a_role_says_so() {
    let role = roles::by_name("Azure File Sync Administrator").unwrap();
    let condition = role.permissions.iter().find_map(|one| one.condition.as_ref()).unwrap();
    let reader = "c12c1c16-33a1-487b-954d-41c89c60f349";
    let asked = |kind: &str| Attributes::default().request(ROLE, reader).request(TYPE, kind);
    assert_eq!(condition.truth(WRITE, &asked("serviceprincipal")), Truth::True);
    assert_eq!(condition.truth(WRITE, &asked("User")), Truth::False);
    assert_eq!(condition.truth(WRITE, &Attributes::default().request(ROLE, reader)), Truth::Unknown);
    assert_eq!(condition.truth("Microsoft.StorageSync/register/action", &Attributes::default()), Truth::True);
}

#[test]
fn what_is_not_understood_is_never_true() {
    let id = "acdd72a7-3385-48ef-bd42-f606fba81ae7";
    let known = Attributes::default().request(ROLE, id).resource(ROLE, id);
    for text in [
        "",
        "(",
        "true",
        "()",
        "!(",
        "ActionMatches{}",
        "ActionMatches{'a','b'}",
        "@Request",
        "@Request[x] GuidEquals",
        &format!("@Request[{ROLE}] ForAnyOfAnyValues:GuidNotEquals{{{id}}}"),
        &format!("!(@Request[{ROLE}] ForAnyOfAnyValues:Guidequal{{{id}}})"),
        &format!("!(@Principal[{ROLE}] ForAnyOfAnyValues:GuidEquals{{{id}}})"),
        &format!("!(@Environment[{ROLE}] ForAnyOfAnyValues:GuidEquals{{{id}}})"),
        &format!("@Request[{ROLE}] ForNoneOfValues:GuidEquals{{{id}}}"),
        &format!("@Request[{ROLE}] ForAnyOfAnyValues:GuidEquals{{{id}}} ("),
        &format!("@Request[{ROLE}] ForAnyOfAnyValues:GuidEquals{{{id}}} XOR @Request[{ROLE}] GuidEquals{{{id}}}"),
        &format!("!(@Request[other] ForAnyOfAnyValues:GuidEquals{{{id}}})"),
        &format!("{}ActionMatches{{'*'}}{}", "(".repeat(50_000), ")".repeat(50_000)),
        &"!".repeat(50_000),
    ] {
        assert_ne!(Condition::new(text.to_owned()).truth(WRITE, &known), Truth::True, "{text:.60}");
    }
}

#[test]
fn guids_are_equal_with_and_without_dashes_and_words_and_signs_connect_alike() {
    let known = Attributes::default().request(ROLE, "ACDD72A7-3385-48ef-bd42-f606fba81ae7");
    for (text, expected) in [
        (format!("@Request[{ROLE}] ForAnyOfAnyValues:GuidEquals{{acdd72a7338548efbd42f606fba81ae7}}"), true),
        (format!("@request[{ROLE}] GuidEquals acdd72a7338548efbd42f606fba81ae7"), false),
        (format!("@Request[{}] guidequals 'acdd72a7338548efbd42f606fba81ae7'", ROLE.to_uppercase()), true),
        (format!("@Request[{ROLE}] GuidEquals {{{0}, acdd72a7338548efbd42f606fba81ae7}}", uuid::Uuid::nil()), true),
        (format!("@Request[{ROLE}] GuidEquals {{{0}}}", uuid::Uuid::nil()), false),
        ("ActionMatches{'*/write'} && !ActionMatches{'*/delete'}".to_owned(), true),
        ("ActionMatches{'*/write'} and not ActionMatches{'*/WRITE'}".to_owned(), false),
        ("ActionMatches{'a'} AND ActionMatches{'b'} OR ActionMatches{'*'}".to_owned(), true),
        ("ActionMatches{'*'} || ActionMatches{'a'} && ActionMatches{'b'}".to_owned(), true),
        ("(ActionMatches{'*'} || ActionMatches{'a'}) && ActionMatches{'b'}".to_owned(), false),
        ("@Resource[HasObotoken] boolequals true".to_owned(), false),
        ("@Resource[HasObotoken] boolequals true || ActionMatches{'*'}".to_owned(), true),
    ] {
        assert_eq!(Condition::new(text.clone()).truth(WRITE, &known) == Truth::True, expected, "{text}");
    }
}

#[test]
fn an_action_that_a_guarded_condition_does_not_name_is_granted_before_anything_is_known() {
    let role = roles::by_name("Key Vault Data Access Administrator").unwrap();
    assert!(role.grants("Microsoft.Authorization/roleAssignments/read", Plane::Control));
    assert!(!role.grants(WRITE, Plane::Control));
}

proptest! {
    #[test]
    fn any_text_is_read(text in "[()!&|{}@\\[\\]',: A-Za-z0-9]{0,60}") {
        let _ = Condition::new(text).truth(WRITE, &Attributes::default());
    }
}
