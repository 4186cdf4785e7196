//! The command line as a client of the control plane: it signs in like any other, and calls the resource manager.

mod https;
mod sign_in;

use crate::DataDirOption;
use crate::data_dir::DataDir;
use bonafide_files::{FilesError, Readers, read, read_named, system_authorities};
use bonafide_plane::Description;
use bonafide_types::Secret;
use clap::Args;
use http::{Method, StatusCode};
use https::Https;
use serde_json::Value;
use sign_in::Identity;
use std::path::PathBuf;

/// The version of the resource manager's compute types that is spoken.
const COMPUTE: &str = "2024-11-01";
/// The version of its resource groups and subscriptions.
const GROUPS: &str = "2021-04-01";
/// Pages of a list that are read. Source: ours; a page has hundreds of entries.
const PAGES_MAX: usize = 1_000;

/// The control plane to call, where it is not that of the data directory.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct ClientOptions {
    /// Address of the control plane's public origin, as in https://id.example.org:8443. The sign-in is that of
    /// AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET or AZURE_CLIENT_CERTIFICATE_PATH [default: the control
    /// plane of the data directory, as its operator]
    #[arg(long, value_name = "URL", value_parser = origin)]
    url: Option<String>,
    /// File with the authority that --url is to be trusted by (PEM), beside those of the system
    #[arg(long, value_name = "FILE", requires = "url")]
    ca: Option<PathBuf>,
}

fn origin(text: &str) -> Result<String, String> {
    let text = text.strip_suffix('/').unwrap_or(text);
    let is_origin =
        text.strip_prefix("https://").is_some_and(|rest| !rest.is_empty() && !rest.contains(['/', '?', '@']));
    if is_origin {
        Ok(text.to_owned())
    } else {
        Err("give https://NAME:PORT, as in https://id.example.org:8443".to_owned())
    }
}

impl ClientOptions {
    /// True where a control plane was named.
    pub(crate) fn is_elsewhere(&self) -> bool {
        self.url.is_some()
    }
}

/// The reason why the control plane did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ClientError {
    /// There is nobody to sign in as.
    #[error(
        "there is no control plane here to sign in to: name its data directory with --data-dir, or its address with --url \
         (and --ca), and set AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET or AZURE_CLIENT_CERTIFICATE_PATH"
    )]
    NoControlPlane,
    /// A variable is missing.
    #[error("--url needs the sign-in of a client: set {0}")]
    NoVariable(&'static str),
    /// A file.
    #[error(transparent)]
    Files(#[from] FilesError),
    /// A file that has something else in it.
    #[error("{} {what}", path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// The wrong in it.
        what: &'static str,
    },
    /// It was not reached.
    #[error("cannot reach {url}: {reason}")]
    Unreachable {
        /// Its address.
        url: String,
        /// The reason.
        reason: String,
    },
    /// It refused.
    #[error("{code}: {message}")]
    Refused {
        /// The status of the answer.
        status: StatusCode,
        /// The code of the error.
        code: String,
        /// Its words.
        message: String,
    },
    /// The token service refused a client of the environment.
    #[error("{refusal}; see {variable}")]
    SignIn {
        /// Its words.
        refusal: Box<ClientError>,
        /// The variable that is likely wrong.
        variable: &'static str,
    },
    /// Its answer has another form than the resource manager's.
    #[error("the answer of {url} cannot be read: {reason}")]
    Unreadable {
        /// The address.
        url: String,
        /// The reason.
        reason: String,
    },
    /// Something that was named is not there, or is not one thing.
    #[error("{0}")]
    Named(String),
}

/// A client that has signed in.
pub(crate) struct Client {
    https: Https,
    management: String,
    token: Secret<String>,
    /// The description of the data directory, where the control plane is that of one.
    description: Option<Description>,
}

impl Client {
    /// Signs in.
    pub(crate) async fn sign_in(option: &DataDirOption, options: &ClientOptions) -> Result<Self, ClientError> {
        let system = system_authorities().unwrap_or_default();
        let (login, management, identity, authorities, description) = match &options.url {
            Some(url) => {
                let ca = options.ca.as_ref().map(|path| text(path, read_named(path)?)).transpose()?;
                (url.clone(), url.clone(), Identity::of_environment()?, ca, None)
            }
            None => {
                let dir = DataDir::at(option).map_err(|_| ClientError::NoControlPlane)?;
                let described = Description::read(&dir.plane).map_err(|_| ClientError::NoControlPlane)?;
                let (path, endpoints) = (dir.plane.ca_file(), described.endpoints.clone());
                let ca = text(&path, read(&path, Readers::Anybody)?)?;
                let identity = Identity::of_operator(&described)?;
                (endpoints.login, endpoints.management, identity, Some(ca), Some(described))
            }
        };
        let https = Https::trusting([system, authorities.unwrap_or_default()])?;
        let token = identity.token(&https, &login).await?;
        Ok(Self { https, management, token, description })
    }

    /// The description of the data directory, where the control plane is that of one.
    pub(crate) fn description(&self) -> Option<&Description> {
        self.description.as_ref()
    }

    /// A request to the resource manager: its answer, `null` where that has no body.
    pub(crate) async fn send(&self, method: Method, id: &str, body: Option<&Value>) -> Result<Value, ClientError> {
        let version = if id.contains("/providers/Microsoft.Compute/") { COMPUTE } else { GROUPS };
        let url = format!("{}{id}?api-version={version}", self.management);
        self.ask(method, &url, body).await
    }

    /// A resource with its instance view.
    pub(crate) async fn expanded(&self, id: &str) -> Result<Value, ClientError> {
        let url = format!("{}{id}?api-version={COMPUTE}&$expand=instanceView", self.management);
        self.ask(Method::GET, &url, None).await
    }

    /// All entries of a list.
    pub(crate) async fn list(&self, id: &str) -> Result<Vec<Value>, ClientError> {
        let mut answer = self.send(Method::GET, id, None).await?;
        let mut found = Vec::new();
        for _ in 0..PAGES_MAX {
            if let Some(Value::Array(entries)) = answer.get_mut("value") {
                found.append(entries);
            }
            let Some(next) = answer["nextLink"].as_str().map(str::to_owned) else { break };
            if !next.starts_with(&format!("{}/", self.management)) {
                break;
            }
            answer = self.ask(Method::GET, &next, None).await?;
        }
        Ok(found)
    }

    /// The subscription that is meant where none is named.
    pub(crate) async fn subscription(&self) -> Result<String, ClientError> {
        if let Some(description) = &self.description {
            return Ok(description.subscription_id.to_string());
        }
        if let Some(id) = std::env::var("AZURE_SUBSCRIPTION_ID").ok().filter(|id| !id.is_empty()) {
            return Ok(id);
        }
        let all = self.list("/subscriptions").await?;
        match all.as_slice() {
            [one] => Ok(one["subscriptionId"].as_str().unwrap_or_default().to_owned()),
            _ => Err(ClientError::Named(
                "there is not one subscription: name yours with AZURE_SUBSCRIPTION_ID".to_owned(),
            )),
        }
    }

    async fn ask(&self, method: Method, url: &str, body: Option<&Value>) -> Result<Value, ClientError> {
        let authorization = Secret::new(format!("Bearer {}", self.token.expose()));
        let body = body.map(ToString::to_string).unwrap_or_default();
        let (status, answer) = self.https.send(method, url, Some(&authorization), "application/json", body).await?;
        read_answer(url, status, &answer)
    }
}

fn text(path: &std::path::Path, bytes: Vec<u8>) -> Result<String, ClientError> {
    String::from_utf8(bytes)
        .map_err(|_| ClientError::Content { path: path.to_owned(), what: "is no PEM file: give certificates in PEM" })
}

/// An answer of the resource manager, or of the token service, with its error as it words it.
fn read_answer(url: &str, status: StatusCode, answer: &[u8]) -> Result<Value, ClientError> {
    let read = if answer.is_empty() { Ok(Value::Null) } else { serde_json::from_slice(answer) };
    let read: Value =
        read.map_err(|error| ClientError::Unreadable { url: url.to_owned(), reason: format!("{status}, {error}") })?;
    if status.is_success() {
        return Ok(read);
    }
    let word = |value: &Value| value.as_str().map(str::to_owned);
    let (code, message) = match &read["error"] {
        Value::String(code) => (Some(code.clone()), word(&read["error_description"])),
        error => (word(&error["code"]), word(&error["message"])),
    };
    Err(ClientError::Refused {
        status,
        code: code.unwrap_or_else(|| status.to_string()),
        message: message.and_then(|text| text.lines().next().map(str::to_owned)).unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn errors_of_both_services_come_out_in_their_words() {
        let said =
            |body: Value| read_answer("u", StatusCode::FORBIDDEN, body.to_string().as_bytes()).unwrap_err().to_string();
        assert_eq!(
            said(json!({"error": {"code": "AuthorizationFailed", "message": "No."}})),
            "AuthorizationFailed: No."
        );
        let login = json!({"error": "invalid_client", "error_description": "AADSTS7000215: No.\r\nTrace ID: x"});
        assert_eq!(said(login), "invalid_client: AADSTS7000215: No.");
        assert_eq!(read_answer("u", StatusCode::NO_CONTENT, b"").unwrap(), Value::Null);
        assert!(read_answer("u", StatusCode::OK, b"<html>").is_err());
    }

    #[test]
    fn op_06_an_address_of_a_control_plane_is_an_origin() {
        assert_eq!(origin("https://id.example.org:8443/").unwrap(), "https://id.example.org:8443");
        for wrong in ["", "id:8443", "http://id", "https://", "https://id/x", "https://u@id"] {
            assert!(origin(wrong).is_err(), "{wrong}");
        }
    }
}
