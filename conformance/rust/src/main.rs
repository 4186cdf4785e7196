//! `azure_identity` of the Azure SDK for Rust: `bonafide-conformance-rust imds|app-service|management|outage`.

use azure_core::Error;
use azure_core::base64::decode_url_safe;
use azure_core::credentials::{AccessToken, Secret, TokenCredential};
use azure_core::http::{Method, Request, Url, new_http_client};
use azure_identity::{
    ClientSecretCredential, ManagedIdentityCredential, ManagedIdentityCredentialOptions, UserAssignedId,
};
use serde_json::Value;
use std::process::ExitCode;
use std::time::{Duration, Instant};

type Outcome = Result<(), String>;

const ARM_SCOPE: &str = "https://management.azure.com/.default";
const NOBODY: &str = "00000000-0000-4000-8000-000000000000";

/// The running cloud, as `up --json` described it.
struct Cloud {
    info: Value,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let part = std::env::args().nth(1).unwrap_or_default();
    if part == "outage" {
        outage().await;
        return ExitCode::SUCCESS;
    }
    let cloud = match Cloud::read() {
        Ok(cloud) => cloud,
        Err(why) => {
            println!("FAIL set-up: {why}");
            return ExitCode::FAILURE;
        }
    };
    let mut results = Vec::new();
    if part == "management" {
        results.push(("ClientSecretCredential", cloud.client_secret().await));
        results.push(("a wrong secret is refused", cloud.wrong_secret().await));
    } else {
        results.push(("ManagedIdentityCredential is the system-assigned identity", cloud.system_assigned().await));
        results.push(("ManagedIdentityCredential by client id and object id", cloud.selected().await));
        if part == "imds" {
            // The client itself refuses resource ids for App Service.
            results.push(("ManagedIdentityCredential by resource id", cloud.selected_by_resource().await));
        }
        results.push(("an unknown identity is refused at once", cloud.unknown().await));
        results.push(("the token reads the virtual machine", cloud.reads().await));
    }
    let failed = results.iter().filter(|(_, outcome)| outcome.is_err()).count();
    for (name, outcome) in results {
        match outcome {
            Ok(()) => println!("ok {name}"),
            Err(why) => println!("FAIL {name}: {}", why.replace('\n', " ")),
        }
    }
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

impl Cloud {
    fn read() -> Result<Self, String> {
        let path = std::env::var("BONAFIDE_INFO").map_err(said)?;
        let text = std::fs::read_to_string(path).map_err(said)?;
        Ok(Self { info: serde_json::from_str(&text).map_err(said)? })
    }

    fn text(&self, pointer: &str) -> Result<String, String> {
        self.info.pointer(pointer).and_then(Value::as_str).map(str::to_owned).ok_or(format!("no {pointer} in the info"))
    }

    fn operator(&self, secret: Option<&str>) -> Result<std::sync::Arc<ClientSecretCredential>, String> {
        let known = std::fs::read_to_string(self.text("/operator/secretFile")?).map_err(said)?;
        let secret = Secret::new(secret.unwrap_or(known.trim()).to_owned());
        // The authority is AZURE_AUTHORITY_HOST, which `bonafide env` exports.
        ClientSecretCredential::new(&self.text("/tenantId")?, self.text("/operator/clientId")?, secret, None)
            .map_err(said)
    }

    /// The demo virtual machine, read with `token`.
    async fn demo(&self, token: &AccessToken) -> Result<Value, String> {
        let id = self.text("/workloads/0/resourceId")?;
        let url = format!("{}{id}?api-version=2024-07-01", self.text("/endpoints/management")?.trim_end_matches('/'));
        let mut request = Request::new(Url::parse(&url).map_err(said)?, Method::Get);
        request.insert_header("authorization", format!("Bearer {}", token.token.secret()));
        let answer = new_http_client(None).execute_request(&request).await.map_err(said)?;
        let status = u16::from(answer.status());
        let body = answer.into_body().collect_string().await.map_err(said)?;
        if status != 200 {
            return Err(format!("{status}: {body}"));
        }
        serde_json::from_str(&body).map_err(said)
    }

    async fn identity(&self) -> Result<Value, String> {
        let token = self.operator(None)?.get_token(&[ARM_SCOPE], None).await.map_err(said)?;
        Ok(self.demo(&token).await?["identity"].clone())
    }

    async fn user(&self) -> Result<(String, Value), String> {
        let identity = self.identity().await?;
        let users =
            identity["userAssignedIdentities"].as_object().ok_or("the demo machine has no user-assigned identity")?;
        users.iter().next().map(|(id, user)| (id.clone(), user.clone())).ok_or("no user-assigned identity".to_owned())
    }

    async fn client_secret(&self) -> Outcome {
        let token = self.operator(None)?.get_token(&[ARM_SCOPE], None).await.map_err(said)?;
        same(&claims(&token)?["appid"], &self.info["operator"]["clientId"])?;
        self.demo(&token).await.map(|_| ())
    }

    async fn wrong_secret(&self) -> Outcome {
        match self.operator(Some("wrong"))?.get_token(&[ARM_SCOPE], None).await {
            Ok(_) => Err("it was given a token".to_owned()),
            Err(_) => Ok(()),
        }
    }

    async fn system_assigned(&self) -> Outcome {
        let token = managed(None).await.map_err(said)?;
        let said = claims(&token)?;
        same(&said["oid"], &self.identity().await?["principalId"])?;
        same(&said["tid"], &self.info["tenantId"])?;
        same(&said["exp"], &token.expires_on.unix_timestamp().into())
    }

    async fn selected(&self) -> Outcome {
        let (_, user) = self.user().await?;
        let by_client = UserAssignedId::ClientId(user["clientId"].as_str().unwrap_or_default().to_owned());
        let by_object = UserAssignedId::ObjectId(user["principalId"].as_str().unwrap_or_default().to_owned());
        for id in [by_client, by_object] {
            same(&claims(&managed(Some(id)).await.map_err(said)?)?["oid"], &user["principalId"])?;
        }
        Ok(())
    }

    async fn selected_by_resource(&self) -> Outcome {
        let (id, user) = self.user().await?;
        same(&claims(&managed(Some(UserAssignedId::ResourceId(id))).await.map_err(said)?)?["oid"], &user["principalId"])
    }

    async fn unknown(&self) -> Outcome {
        let started = Instant::now();
        match managed(Some(UserAssignedId::ClientId(NOBODY.to_owned()))).await {
            Ok(_) => Err("it was given a token".to_owned()),
            Err(_) if started.elapsed() > Duration::from_secs(2) => Err("the client retried".to_owned()),
            Err(error) if error.to_string().contains("has not been assigned") => Ok(()),
            Err(error) => Err(error.to_string()),
        }
    }

    async fn reads(&self) -> Outcome {
        let token = managed(None).await.map_err(said)?;
        same(&self.demo(&token).await?["identity"]["principalId"], &claims(&token)?["oid"])
    }
}

async fn managed(user_assigned_id: Option<UserAssignedId>) -> Result<AccessToken, Error> {
    let options = ManagedIdentityCredentialOptions { user_assigned_id, ..Default::default() };
    ManagedIdentityCredential::new(Some(options))?.get_token(&[ARM_SCOPE], None).await
}

/// Asks for one token after the other, by a credential that is kept and by new ones, and prints each: until there is
/// the file `LOOP_UNTIL`, of the resources `api://outage/0` to `LOOP_RESOURCES` - 1, so that no cache of a library's answers.
async fn outage() {
    let until = std::env::var("LOOP_UNTIL").unwrap_or_default();
    let resources: u64 = std::env::var("LOOP_RESOURCES").ok().and_then(|text| text.parse().ok()).unwrap_or(1);
    let new = || ManagedIdentityCredential::new(None);
    let kept = new();
    let mut asked = 0;
    while !std::path::Path::new(&until).exists() {
        for credential in [kept.as_ref().map_err(said).cloned(), new().map_err(said)] {
            let scope = format!("api://outage/{}/.default", asked % resources);
            let got = match credential {
                Ok(credential) => credential.get_token(&[&scope], None).await.map_err(said),
                Err(why) => Err(why),
            };
            match got {
                Ok(token) => println!("token ManagedIdentityCredential {}", token.token.secret()),
                Err(why) => println!("failed ManagedIdentityCredential {}", why.replace('\n', " ")),
            }
            asked += 1;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// The claims of a token, not verified.
fn claims(token: &AccessToken) -> Result<Value, String> {
    let part = token.token.secret().split('.').nth(1).ok_or("not a token")?;
    serde_json::from_slice(&decode_url_safe(part).map_err(said)?).map_err(said)
}

fn same(one: &Value, other: &Value) -> Outcome {
    if one == other && !one.is_null() { Ok(()) } else { Err(format!("{one} is not {other}")) }
}

/// An error with what caused it.
fn said(error: impl std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}
