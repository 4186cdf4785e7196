//! `If-Match` and `If-None-Match` (RFC 9110, section 13) on every route that writes: a route that is new is in here.

#![allow(clippy::unwrap_used, reason = "a test may insist")]

mod stage;

use bonafide_store::Read;
use bonafide_testkit::{Answer, Ask, version};
use bonafide_wire::Surface;
use stage::Stage;

/// POSTs that write nothing. Their preconditions are not looked at, as those of a GET are not.
const READING: [&str; 8] = [
    "/subscriptions/{subscription}/providers/{namespace}/checkNameAvailability",
    "/providers/Microsoft.Management/getEntities",
    "/providers/Microsoft.Management/checkNameAvailability",
    "/providers/Microsoft.Management/tenantBackfillStatus",
    "/providers/Microsoft.Management/startTenantBackfill",
    "/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.Resources/deployments/{deployment}/validate",
    "/{scope...}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/{name}/listAssociatedResources",
    "/{scope...}/providers/Microsoft.Compute/hostGroups/{name}/hosts/{childName}/listWorkloads",
];

/// Routes whose change the stage does not allow, with its status.
const REFUSED: [(&str, u16); 7] = [
    ("POST /subscriptions/{subscription}/providers/{namespace}/unregister", 409),
    (
        "POST /subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.Resources/deployments/{deployment}/cancel",
        409,
    ),
    ("POST /{scope...}/providers/Microsoft.Compute/virtualMachineScaleSets/{name}/manualupgrade", 400),
    ("POST /{scope...}/providers/Microsoft.Compute/virtualMachineScaleSets/{name}/delete", 400),
    ("POST /{scope...}/providers/Microsoft.Compute/virtualMachines/{name}/generalize", 409),
    ("POST /{scope...}/providers/Microsoft.Compute/virtualMachines/{name}/simulateEviction", 409),
    (
        "POST /{scope...}/providers/Microsoft.Compute/virtualMachineScaleSets/{name}/virtualMachines/{childName}/simulateEviction",
        409,
    ),
];

/// A route on a stage of its own.
struct Asked {
    stage: Stage,
    method: &'static str,
    template: &'static str,
    path: String,
}

impl Asked {
    fn new(method: &'static str, template: &'static str) -> Self {
        let stage = Stage::new();
        let path = stage.path(method, template);
        Self { stage, method, template, path }
    }

    fn send(&self, method: &str, path: &str, condition: Option<(&str, &str)>) -> Answer {
        let mut ask = Ask::new(method, &format!("{path}?api-version={}", version(path)));
        if let Some(body) = self.stage.body(method, path) {
            ask = ask.json(&body);
        }
        if let Some((name, value)) = condition {
            ask = ask.header(name, value);
        }
        self.stage.cloud.manage(&self.stage.cloud.home.operator, ask)
    }

    fn with(&self, name: &str, value: &str) -> Answer {
        self.send(self.method, &self.path, Some((name, value)))
    }

    /// The etag of what the route is about, as its GET or else its PUT says it; `None` if nothing is there.
    fn etag(&self) -> Option<String> {
        let about = match self.method {
            "POST" => self.path.rsplit_once('/').unwrap().0,
            _ => &self.path,
        };
        let shown = self.send("GET", about, None);
        match shown.status {
            200 => Some(shown.header("etag").to_owned()),
            404 => None,
            // A name of a tag, or one of its values: a PUT of one that is there changes nothing.
            405 => {
                let is_there = Self::new(self.method, self.template).with_put().status == 412;
                is_there.then(|| self.send("PUT", about, None).header("etag").to_owned())
            }
            status => panic!("GET {about}: {status}"),
        }
    }

    fn with_put(&self) -> Answer {
        self.send("PUT", &self.path, Some(("if-none-match", "*")))
    }

    fn revision(&self) -> String {
        format!("{:?}", self.stage.cloud.store.read(|tx| Ok::<_, bonafide_store::StoreError>(tx.cursor())).unwrap())
    }
}

#[test]
fn tn_08_every_route_that_writes_keeps_its_preconditions() {
    let mut wrong = Vec::new();
    let mut written = 0;
    for route in <bonafide_management::Cx<'_> as Surface>::routes() {
        let method: &'static str = match route.method.as_str() {
            "PUT" => "PUT",
            "PATCH" => "PATCH",
            "DELETE" => "DELETE",
            "POST" => "POST",
            _ => continue,
        };
        let name = format!("{method} {}", route.path);
        let mut check = |what: &str, is: u16, wanted: &dyn Fn(u16) -> bool| {
            if !wanted(is) {
                wrong.push(format!("{name}: {what}: {is}"));
            }
        };
        let asked = Asked::new(method, route.path);
        if READING.contains(&route.path) {
            check("a read with a condition", asked.with("if-match", "\"other\"").status, &|is| is == 200);
            continue;
        }
        written += 1;
        let etag = asked.etag();
        let needs_it = etag.is_none() && ["PATCH", "POST"].contains(&method);
        let refused = if needs_it { 404 } else { 412 };
        let before = asked.revision();
        let other = asked.with("if-match", "\"other\"");
        check("another etag", other.status, &|is| is == refused);
        if etag.as_ref().is_some_and(|etag| !etag.is_empty() && other.text.contains(etag.trim_matches('"'))) {
            check("the refusal tells the etag", other.status, &|_| false);
        }
        check("no list of etags", asked.with("if-match", "").status, &|is| is == refused);
        match &etag {
            Some(etag) if etag.is_empty() => check("GET shows no etag", 0, &|_| false),
            Some(etag) => {
                check("not this one", asked.with("if-none-match", etag).status, &|is| is == 412);
                check("not any", asked.with("if-none-match", "*").status, &|is| is == 412);
            }
            None => check("any, of nothing", asked.with("if-match", "*").status, &|is| is == refused),
        }
        if asked.revision() != before {
            check("a refusal changed something", 0, &|_| false);
        }
        let expected = REFUSED.iter().find(|(of, _)| *of == name).map(|(_, status)| *status);
        let is_done = |is: u16| match expected {
            Some(expected) => is == expected,
            None if needs_it => is == 404,
            None => (200..=204).contains(&is),
        };
        match &etag {
            Some(etag) => check("its etag", asked.with("if-match", etag).status, &is_done),
            None => check("nothing yet", asked.with("if-none-match", "*").status, &is_done),
        }
    }
    assert!(written > 60, "{written}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
