//! Signing in with a client secret or a certificate.

use super::https::Https;
use super::{ClientError, read_answer};
use bonafide_crypto::{SigningKey, pem, random, thumbprint};
use bonafide_files::{Readers, read, read_named_secret};
use bonafide_http::clock;
use bonafide_plane::Description;
use bonafide_types::{Secret, base64url};
use http::Method;
use serde_json::json;
use std::path::{Path, PathBuf};

/// The resource whose token is asked for. Source: stock clients.
const MANAGEMENT: &str = "https://management.azure.com/";
/// Lifetime of a client assertion, in seconds. Source: MSAL; ten minutes.
const ASSERTION_SECONDS: u64 = 600;

/// A client that can sign in.
pub(super) struct Identity {
    tenant: String,
    client: String,
    proof: Proof,
    /// Its variables are the user's own.
    is_of_environment: bool,
}

/// The variables of a client, as SDKs read them. Source: azure-identity 1.27 (Python), `environment.py`.
const TENANT: &str = "AZURE_TENANT_ID";
const CLIENT: &str = "AZURE_CLIENT_ID";
const SECRET: &str = "AZURE_CLIENT_SECRET";
const CERTIFICATE: &str = "AZURE_CLIENT_CERTIFICATE_PATH";

enum Proof {
    Secret(Secret<String>),
    /// A PEM file with key and certificate.
    Certificate(PathBuf),
}

impl Identity {
    /// The operator of a data directory.
    pub(super) fn of_operator(description: &Description) -> Result<Self, ClientError> {
        let (path, operator) = (&description.operator.secret_file, &description.operator);
        let proof = if path.exists() {
            Proof::Secret(secret_text(path, read(path, Readers::Owner)?)?)
        } else {
            Proof::Certificate(operator.certificate_file.clone())
        };
        let (tenant, client) = (description.tenant_id.to_string(), operator.client_id.to_string());
        Ok(Self { tenant, client, proof, is_of_environment: false })
    }

    /// The one of the variables that the SDKs read, too.
    pub(super) fn of_environment() -> Result<Self, ClientError> {
        let variable = |name: &'static str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let needed = |name| variable(name).ok_or(ClientError::NoVariable(name));
        let proof = match (variable(SECRET), variable(CERTIFICATE)) {
            (Some(secret), _) => Proof::Secret(Secret::new(secret)),
            (None, Some(path)) => Proof::Certificate(path.into()),
            (None, None) => {
                return Err(ClientError::NoVariable("AZURE_CLIENT_SECRET or AZURE_CLIENT_CERTIFICATE_PATH"));
            }
        };
        Ok(Self { tenant: needed(TENANT)?, client: needed(CLIENT)?, proof, is_of_environment: true })
    }

    /// A token for the resource manager.
    pub(super) async fn token(&self, https: &Https, login: &str) -> Result<Secret<String>, ClientError> {
        let url = format!("{login}/{}/oauth2/token", self.tenant);
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("grant_type", "client_credentials").append_pair("client_id", &self.client);
        form.append_pair("resource", MANAGEMENT);
        match &self.proof {
            Proof::Secret(secret) => form.append_pair("client_secret", secret.expose().trim()),
            Proof::Certificate(path) => form
                .append_pair("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
                .append_pair("client_assertion", &self.assertion(path, &url)?),
        };
        let sent = https.send(Method::POST, &url, None, "application/x-www-form-urlencoded", form.finish());
        let (status, answer) = sent.await?;
        let answer = read_answer(&url, status, &answer).map_err(|refusal| self.explained(refusal))?;
        let token = answer["access_token"].as_str().map(|token| Secret::new(token.to_owned()));
        token.ok_or_else(|| ClientError::Unreadable { url, reason: "it has no token".to_owned() })
    }

    /// A refusal of the token service, with the variable that it is about. Source of the codes: Azure's list of AADSTS errors.
    fn explained(&self, refusal: ClientError) -> ClientError {
        let ClientError::Refused { message, .. } = &refusal else { return refusal };
        let variable = match (message.split(':').next().unwrap_or_default(), &self.proof) {
            ("AADSTS90002" | "AADSTS900023", _) => TENANT,
            ("AADSTS700016", _) => CLIENT,
            (_, Proof::Secret(_)) => SECRET,
            (_, Proof::Certificate(_)) => CERTIFICATE,
        };
        match self.is_of_environment {
            true => ClientError::SignIn { refusal: Box::new(refusal), variable },
            false => refusal,
        }
    }

    /// RFC 7523, as the SDKs make it.
    fn assertion(&self, path: &Path, audience: &str) -> Result<String, ClientError> {
        let wrong = |what| ClientError::Content { path: path.to_owned(), what };
        let text = read_named_secret(path)?;
        let text = String::from_utf8_lossy(text.expose());
        let key =
            pem::find(&text, pem::PRIVATE_KEY).map(Secret::new).ok_or_else(|| wrong("has no PRIVATE KEY (PEM)"))?;
        let certificate = pem::find(&text, pem::CERTIFICATE).ok_or_else(|| wrong("has no CERTIFICATE (PEM)"))?;
        let key = SigningKey::from_pkcs8(&key, &certificate);
        let key = key.map_err(|_| wrong("has not an RSA key of 2048 bits and its certificate"))?;
        let x5t = base64url::encode(&thumbprint::sha256(&certificate));
        let header = json!({ "alg": "RS256", "typ": "JWT", "x5t#S256": x5t });
        let now = clock::now().unix_seconds();
        let claims = json!({
            "aud": audience, "iss": self.client, "sub": self.client,
            "jti": thumbprint::hex(&random::bytes::<16>()), "nbf": now, "iat": now, "exp": now + ASSERTION_SECONDS,
        });
        key.sign_jwt(header.to_string().as_bytes(), claims.to_string().as_bytes())
            .map_err(|_| wrong("has a key that does not sign"))
    }
}

fn secret_text(path: &Path, bytes: Vec<u8>) -> Result<Secret<String>, ClientError> {
    let text =
        String::from_utf8(bytes).map_err(|_| ClientError::Content { path: path.to_owned(), what: "is no text" })?;
    Ok(Secret::new(text))
}
