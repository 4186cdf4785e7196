//! A client of the cloud under test: it connects again, and signs in again, as stock clients do.

use super::keys::{Cloud, Key};
use super::model::{Outcome, Value};
use super::shared::Shared;
use crate::connection::{Answer, Connection, Target, request, request_to};
use serde_json::Value as Json;
use std::time::Duration;

/// Longest time that a client waits for an answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// The longest time that it waits for a byte before it looks at the clock.
const GLANCE: Duration = Duration::from_secs(1);
/// The resource of all tokens, and its form in a query.
const RESOURCE: &str = "https://management.azure.com/";

/// A client on a thread of its own.
pub(super) struct Caller<'a> {
    shared: &'a Shared,
    public: Line,
    metadata: Line,
    /// The operator's token.
    token: Option<String>,
}

/// A connection that is kept, and the process that it was made to.
#[derive(Default)]
struct Line(Option<(Connection, u64)>);

impl Line {
    /// A request that may be carried out twice is sent again when a kept connection was closed.
    fn call(&mut self, to: &Target, life: u64, request: &[u8], twice: bool) -> Result<Answer, String> {
        let kept = self.0.take().filter(|(_, of)| *of == life);
        let was_kept = kept.is_some();
        let connection = match kept {
            Some((connection, _)) => Ok(connection),
            None => to.connect_within(GLANCE),
        };
        let mut connection = connection.map_err(|error| format!("connecting: {error}"))?;
        match connection.call_within(request, PATIENCE) {
            Ok(answer) => {
                self.0 = Some((connection, life));
                Ok(answer)
            }
            // The server may have closed it while it was idle.
            Err(error) if was_kept && twice && !error.to_string().starts_with("no answer") => {
                self.call(to, life, request, twice)
            }
            Err(error) => Err(error.to_string()),
        }
    }
}

impl<'a> Caller<'a> {
    pub(super) fn new(shared: &'a Shared) -> Self {
        Self { shared, public: Line::default(), metadata: Line::default(), token: None }
    }

    fn cloud(&self) -> Result<std::sync::Arc<Cloud>, String> {
        self.shared.cloud()
    }

    /// A request to the public origin.
    pub(super) fn public(&mut self, request: &[u8], twice: bool) -> Result<Answer, String> {
        let cloud = self.cloud()?;
        self.public.call(&cloud.public, self.shared.life(), request, twice)
    }

    /// A token for an identity of the machine, its own unless a client id is named.
    pub(super) fn metadata_token(&mut self, client_id: Option<&str>) -> Result<Answer, String> {
        let cloud = self.cloud()?;
        let selector = client_id.map(|id| format!("&client_id={id}")).unwrap_or_default();
        let target = format!("/metadata/identity/oauth2/token?api-version=2018-02-01&resource={RESOURCE}{selector}");
        let bytes = request_to("169.254.169.254", "GET", &target, &[("Metadata", "true")], "");
        self.metadata.call(&cloud.metadata, self.shared.life(), &bytes, true)
    }

    /// A new token of the operator's.
    pub(super) fn operator_token(&mut self) -> Result<Answer, String> {
        let cloud = self.cloud()?;
        let form = format!(
            "grant_type=client_credentials&client_id={}&client_secret={}&resource=https%3A%2F%2Fmanagement.azure.com%2F",
            cloud.client_id, cloud.secret
        );
        let path = format!("/{}/oauth2/token", cloud.tenant);
        self.public(&request("POST", &path, &[("Content-Type", "application/x-www-form-urlencoded")], &form), true)
    }

    /// A request to the resource manager with some token.
    pub(super) fn manage_with(
        &mut self,
        token: &str,
        (method, id, version): (&str, &str, &str),
        body: Option<&Json>,
    ) -> Result<Answer, String> {
        let authorization = format!("Bearer {token}");
        let headers = [("Authorization", authorization.as_str()), ("Content-Type", "application/json")];
        let body = body.map(Json::to_string).unwrap_or_default();
        let bytes = request(method, &format!("{id}?api-version={version}"), &headers, &body);
        self.public(&bytes, method == "GET")
    }

    /// A request to the resource manager as the operator, who signs in where that is needed.
    pub(super) fn manage(&mut self, what: (&str, &str, &str), body: Option<&Json>) -> Result<Answer, String> {
        for at_last in [false, true] {
            let token = match self.token.take() {
                Some(token) => token,
                None => access_token(&self.operator_token()?).map_err(|why| format!("signing in: {why}"))?,
            };
            let answer = self.manage_with(&token, what, body)?;
            if answer.status != 401 || at_last {
                self.token = (answer.status != 401).then_some(token);
                return Ok(answer);
            }
        }
        Err("it cannot sign in".to_owned())
    }

    /// The value of a key.
    pub(super) fn read(&mut self, key: &Key) -> Result<Value, String> {
        let answer = self.manage(("GET", &key.id, key.version()), None)?;
        key.read(&answer)
    }

    /// Carries out a write and tells the model; a status that nothing explains is a violation.
    pub(super) fn write(&mut self, kind: &'static str, key: &Key, write: &Write) -> Option<Answer> {
        let shared = self.shared;
        let _may = shared.writing();
        let before = shared.excuse().now();
        let answer = self.manage((write.method, &key.id, key.version()), write.body.as_ref());
        let excuses = shared.excuse().since(before);
        let outcome = match &answer {
            Ok(answer) => outcome(answer.status),
            Err(why) => Outcome::Unknown(why.clone()),
        };
        let life = shared.life();
        let name = key.name();
        let was_absent = tells_absence(write.method, &outcome);
        // A deletion in steps that was interrupted goes on, and nothing new is taken meanwhile.
        let is_going = outcome == Outcome::Refused(409) && shared.model().may_be(&name, Value::Absent);
        if was_absent {
            let seen = shared.model().seen(&name, Value::Absent, life);
            shared.check(seen);
        }
        shared.model().ended(&name, write.method, write.value, &outcome, life);
        let explained = match &answer {
            Ok(answer) => answer.status < 300 || was_absent || is_going || excuses.status(answer.status),
            Err(_) => excuses.silence(),
        };
        if !explained {
            let body = answer.as_ref().map(|answer| String::from_utf8_lossy(&answer.body).into_owned());
            shared.violation(format!("{} {name}: {outcome}, which nothing explains: {body:?}", write.method));
        }
        shared.tally().operation(kind, short(&outcome));
        answer.ok()
    }
}

/// A write of a key.
pub(super) struct Write {
    method: &'static str,
    body: Option<Json>,
    /// The value that it leaves.
    value: Value,
}

impl Write {
    /// The resource with a number.
    pub(super) fn put(cloud: &Cloud, key: &Key, number: u64) -> Self {
        let method = if key.taken_away().is_some() { "PATCH" } else { "PUT" };
        Self { method, body: Some(key.body(cloud, number)), value: key.value(number) }
    }

    /// Another number, where there is a resource; of kinds without one the whole resource.
    pub(super) fn patch(cloud: &Cloud, key: &Key, number: u64) -> Self {
        match key.patch(number) {
            Some(body) => Self { method: "PATCH", body: Some(body), value: key.value(number) },
            None => Self::put(cloud, key, number),
        }
    }

    /// Nothing any more.
    pub(super) fn delete(key: &Key) -> Self {
        match key.taken_away() {
            Some(body) => Self { method: "PATCH", body: Some(body), value: Value::Absent },
            None => Self { method: "DELETE", body: None, value: Value::Absent },
        }
    }
}

fn outcome(status: u16) -> Outcome {
    match status {
        200..300 => Outcome::Done(status),
        400..500 => Outcome::Refused(status),
        _ => Outcome::Unknown(format!("answered {status}")),
    }
}

/// Tells whether an answer says that there was no such resource.
fn tells_absence(method: &str, outcome: &Outcome) -> bool {
    match outcome {
        Outcome::Done(204) => method == "DELETE",
        Outcome::Refused(404) => method != "PUT",
        _ => false,
    }
}

/// An outcome as it is counted.
fn short(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Unknown(why) if !why.starts_with("answered") => "no answer".to_owned(),
        Outcome::Unknown(why) => why.clone(),
        known => known.to_string(),
    }
}

/// The token of an answer.
pub(super) fn access_token(answer: &Answer) -> Result<String, String> {
    let body = answer.json().map_err(|error| error.to_string())?;
    body["access_token"].as_str().map(str::to_owned).ok_or_else(|| "an answer without a token".to_owned())
}
