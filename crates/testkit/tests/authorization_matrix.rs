//! Every management route for every kind of caller (TN-06), with real tokens, in a cloud of its own for
//! each. What each is answered is checked in; `MATRIX=rewrite` writes it anew.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "the variable chooses between comparing and rewriting"
)]

mod stage;

use bonafide_testkit::{Ask, MANAGEMENT, Person, version};
use bonafide_wire::Surface;
use stage::{Stage, management_group};
use std::fmt::Write as _;

const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../transcripts/authorization-matrix.txt");
const LIST: &str = "/providers/Microsoft.Management/managementGroups";
const ENTITIES: &str = "/providers/Microsoft.Management/getEntities";
const BACKFILLS: [&str; 2] =
    ["/providers/Microsoft.Management/tenantBackfillStatus", "/providers/Microsoft.Management/startTenantBackfill"];
const CHECK_NAME: &str = "/providers/Microsoft.Management/checkNameAvailability";

/// A caller of the matrix.
#[derive(Clone, Copy)]
enum Caller {
    /// Somebody without a token.
    Nobody,
    /// The owner of another tenant's root.
    Foreigner,
    /// Somebody of the tenant who has no role.
    Stranger,
    /// Somebody with a role at the subscription.
    Holder(&'static str),
}

/// The callers, in the columns' order.
const CALLERS: [(&str, Caller); 6] = [
    ("nobody", Caller::Nobody),
    ("foreigner", Caller::Foreigner),
    ("stranger", Caller::Stranger),
    ("reader", Caller::Holder("Reader")),
    ("contributor", Caller::Holder("Contributor")),
    ("owner", Caller::Holder("Owner")),
];

#[test]
fn tn_06_every_route_answers_each_caller_as_it_is_written_down() {
    let mut matrix = String::from(
        "# Who may do what, by status: management routes, and callers with a role at the subscription or none;\n# the foreigner owns another tenant.\n",
    );
    writeln!(matrix, "{:113}{}", "#", CALLERS.map(|(name, _)| format!("{name:>12}")).concat()).unwrap();
    for route in <bonafide_management::Cx<'_> as Surface>::routes() {
        let route = &format!("{} {}", route.method, route.path);
        let statuses = CALLERS.map(|(_, caller)| format!("{:>12}", status(&Stage::new(), route, caller)));
        writeln!(matrix, "{route:113}{}", statuses.concat()).unwrap();
    }
    if std::env::var("MATRIX").is_ok_and(|mode| mode == "rewrite") {
        return std::fs::write(PATH, matrix).unwrap();
    }
    let known = std::fs::read_to_string(PATH).unwrap_or_default();
    let changed: Vec<String> = matrix
        .lines()
        .filter(|line| !known.lines().any(|known| known == *line))
        .map(|line| format!("now   {line}"))
        .chain(
            known
                .lines()
                .filter(|known| !matrix.lines().any(|line| line == *known))
                .map(|line| format!("was   {line}")),
        )
        .collect();
    assert!(
        changed.is_empty() && known == matrix,
        "transcripts/authorization-matrix.txt differs:\n{}",
        changed.join("\n")
    );
}

#[test]
fn tn_06_only_the_description_of_the_cloud_is_public_and_nobody_without_a_role_here_reads_or_writes() {
    let matrix = std::fs::read_to_string(PATH).unwrap();
    for line in matrix.lines().filter(|line| !line.starts_with('#')) {
        let cells: Vec<&str> = line.split_whitespace().collect();
        let [method, path, nobody, foreigner, stranger, reader, ..] = cells[..] else { panic!("{line}") };
        let public = ["/metadata/endpoints", "/metadata/vmImageAliases"].contains(&path);
        assert_eq!(nobody == "401", !public, "{line}");
        // Answers that are the same for everybody, and lists of a caller's own objects.
        let same_for_all = public
            || ["/tenants", "/subscriptions", "/providers", "/providers/{namespace}"].contains(&path)
            || path == "/providers/Microsoft.ManagedIdentity/operations"
            || path.starts_with("/providers/Microsoft.Authorization/providerOperations")
            || BACKFILLS.contains(&path)
            || [LIST, ENTITIES].contains(&path);
        // Groups of this name are the caller's own tenant's: the foreigner owns that.
        let in_own_tenant = path.starts_with("/providers/Microsoft.Management/");
        assert_eq!(stranger == "403", !same_for_all, "{line}");
        assert_eq!(foreigner == "401", !same_for_all && !in_own_tenant, "{line}");
        // It answers from what is stored, and takes a body.
        let is_check = path.ends_with("/checkNameAvailability");
        let reads = ["GET", "HEAD"].contains(&method)
            || is_check
            || [ENTITIES, CHECK_NAME].contains(&path)
            || BACKFILLS.contains(&path);
        assert!(reads || reader == "403", "a reader writes: {line}");
    }
}

/// The status with which a route answers a caller.
fn status(stage: &Stage, route: &str, caller: Caller) -> u16 {
    let (method, template) = route.split_once(' ').unwrap();
    let path = stage.path(method, template);
    let mut ask = Ask::new(method, &format!("{path}?api-version={}", version(&path)));
    if let Some(body) = stage.body(method, &path) {
        ask = ask.json(&body);
    }
    if let Some(person) = person(stage, caller, template) {
        ask = ask.bearer(&stage.cloud.token(&person, MANAGEMENT));
    }
    stage.cloud.management(ask.request()).status.as_u16()
}

/// The caller, with its role at the place that the route is about.
fn person(stage: &Stage, caller: Caller, template: &str) -> Option<Person> {
    let home = &stage.cloud.home;
    let application = || stage.cloud.application(home.tenant, "caller");
    match caller {
        Caller::Nobody => None,
        Caller::Foreigner => Some(stage.cloud.second_tenant().operator),
        Caller::Stranger => Some(application()),
        Caller::Holder(role) => {
            let person = application();
            let scope = match template {
                path if path == CHECK_NAME || path.contains("/settings") => management_group(&home.tenant.to_string()),
                path if path.starts_with("/providers/Microsoft.Management/") => management_group("mg"),
                _ => home.root(),
            };
            stage.cloud.grant(home, person.principal, role, &scope);
            Some(person)
        }
    }
}
