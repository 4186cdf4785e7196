//! The last `azure_identity` of the unofficial Azure SDK for Rust. It chooses no identity, and asks for the machine's own.

use azure_core::auth::{AccessToken, TokenCredential};
use azure_core::{Method, Request, Url, new_http_client};
use azure_identity::{
    AppServiceManagedIdentityCredential, ClientSecretCredential, DefaultAzureCredentialBuilder, TokenCredentialOptions,
    VirtualMachineManagedIdentityCredential,
};
use serde_json::Value;
use std::process::ExitCode;

type Error = Box<dyn std::error::Error>;
type Outcome = Result<(), Error>;

const ARM_SCOPE: &str = "https://management.azure.com/.default";

/// The running cloud, as `up --json` described it.
struct Cloud {
    info: Value,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let part = std::env::args().nth(1).unwrap_or_default();
    let results = match Cloud::read() {
        Err(error) => vec![("set-up", Err(error))],
        Ok(cloud) if part == "management" => vec![
            ("ClientSecretCredential", cloud.client_secret().await),
            ("ClientSecretCredential: a wrong secret is refused", cloud.wrong_secret().await),
        ],
        Ok(cloud) => vec![
            ("the managed identity is the system-assigned one", cloud.managed(&part).await),
            ("DefaultAzureCredential", cloud.default().await),
            ("an unknown resource is refused", cloud.unknown_resource(&part).await),
        ],
    };
    let failed = results.iter().any(|(_, outcome)| outcome.is_err());
    for (name, outcome) in results {
        match outcome {
            Ok(()) => println!("ok {name}"),
            Err(error) => println!("FAIL {name}: {}", error.to_string().replace('\n', " ")),
        }
    }
    if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

impl Cloud {
    fn read() -> Result<Self, Error> {
        Ok(Self { info: serde_json::from_slice(&std::fs::read(std::env::var("BONAFIDE_INFO")?)?)? })
    }

    fn text(&self, pointer: &str) -> Result<String, Error> {
        Ok(self.info.pointer(pointer).and_then(Value::as_str).ok_or(format!("no {pointer} in the info"))?.to_owned())
    }

    async fn operator(&self, secret: Option<&str>) -> Result<AccessToken, Error> {
        let known = std::fs::read_to_string(self.text("/operator/secretFile")?)?;
        let secret = secret.unwrap_or(known.trim()).to_owned();
        let login = Url::parse(&self.text("/endpoints/login")?)?;
        let (tenant, client) = (self.text("/tenantId")?, self.text("/operator/clientId")?);
        Ok(ClientSecretCredential::new(new_http_client(), login, tenant, client, secret)
            .get_token(&[ARM_SCOPE])
            .await?)
    }

    /// The object id of the demo machine's system-assigned identity, as the machine shows it to who has the token.
    async fn demo(&self, token: &AccessToken) -> Result<Value, Error> {
        let management = self.text("/endpoints/management")?;
        let id = self.text("/workloads/0/resourceId")?;
        let url = Url::parse(&format!("{}{id}?api-version=2024-07-01", management.trim_end_matches('/')))?;
        let mut request = Request::new(url, Method::Get);
        request.insert_header("authorization", format!("Bearer {}", token.token.secret()));
        let answer = new_http_client().execute_request(&request).await?;
        let body = answer.into_body().collect().await?;
        Ok(serde_json::from_slice::<Value>(&body)?["identity"]["principalId"].clone())
    }

    async fn client_secret(&self) -> Outcome {
        let token = self.operator(None).await?;
        if self.demo(&token).await?.is_string() { Ok(()) } else { Err("the machine cannot be read".into()) }
    }

    async fn wrong_secret(&self) -> Outcome {
        match self.operator(Some("wrong")).await {
            Err(_) => Ok(()),
            Ok(_) => Err("it was given a token".into()),
        }
    }

    /// The token reads the machine, whose own identity is the token's.
    async fn is_system(&self, token: &AccessToken) -> Outcome {
        let shown = self.demo(token).await?;
        let operator = self.demo(&self.operator(None).await?).await?;
        let claims = claims(token)?;
        if shown.is_string() && shown == operator && claims["oid"] == shown {
            return Ok(());
        }
        Err(format!("{} is not {operator}", claims["oid"]).into())
    }

    async fn managed(&self, part: &str) -> Outcome {
        self.is_system(&credential(part)?.get_token(&[ARM_SCOPE]).await?).await
    }

    async fn default(&self) -> Outcome {
        let credential = DefaultAzureCredentialBuilder::new().exclude_azure_cli_credential().build()?;
        self.is_system(&credential.get_token(&[ARM_SCOPE]).await?).await
    }

    async fn unknown_resource(&self, part: &str) -> Outcome {
        match credential(part)?.get_token(&["https://nobody.example/.default"]).await {
            Err(_) => Ok(()),
            Ok(_) => Err("it was given a token".into()),
        }
    }
}

fn credential(part: &str) -> Result<Box<dyn TokenCredential>, Error> {
    let options = TokenCredentialOptions::default();
    if part == "imds" {
        return Ok(Box::new(VirtualMachineManagedIdentityCredential::new(options)));
    }
    Ok(Box::new(AppServiceManagedIdentityCredential::create(options)?))
}

/// The claims of a token, not verified.
fn claims(token: &AccessToken) -> Result<Value, Error> {
    let part = token.token.secret().split('.').nth(1).ok_or("not a token")?;
    Ok(serde_json::from_slice(&azure_core::base64::decode_url_safe(part)?)?)
}
