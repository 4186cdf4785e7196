//! The token endpoints: `POST /{tenant}/oauth2/token` and `POST /{tenant}/oauth2/v2.0/token`.

use crate::asked::Asked;
use crate::fault::Fault;
use crate::grants::{GRANTS, Granted};
use crate::tenant::Named;
use crate::{Form, headers};
use bonafide_core::tokens::TokenVersion;
use bonafide_types::Timestamp;
use bonafide_types::limits::TOKEN_BODY_BYTES_MAX;
use bonafide_wire::token::{TokenV1, TokenV2};
use bonafide_wire::{ParameterError, Parameters, Reply, Request};
use http::{Method, StatusCode};

/// Answers a token request.
pub(crate) fn handle(asked: Asked<'_>, version: TokenVersion) -> Result<Reply, Fault> {
    let Asked { cx, request, tenant, form, sign_in } = asked;
    let tenant = Named::find(cx, tenant)?.one().ok_or(Fault::NoTenant)?;
    sign_in.tenant = Some(tenant);
    let form = form?;
    let name = form.get("grant_type").filter(|grant| !grant.is_empty());
    let name = name.ok_or(Fault::MissingParameter("grant_type"))?;
    let grant = GRANTS.iter().find(|(served, _)| *served == name);
    let (_, grant) = grant.ok_or_else(|| Fault::GrantType(name.to_owned()))?;
    let granted = grant(cx, request, &form, tenant, version, sign_in)?;
    Ok(headers::no_store(reply(version, granted, cx.world.now)))
}

/// The form of a request: empty when there is none.
pub(crate) fn read_form(request: &Request) -> Form {
    if request.method != Method::POST {
        return Ok(Parameters::default());
    }
    if request.body.len() > TOKEN_BODY_BYTES_MAX {
        return Err(Fault::Malformed);
    }
    // Entra reads nothing from a body of another type, and then misses `grant_type`.
    let is_form = request.header("content-type").is_none_or(|value| {
        let media_type = value.split(';').next().unwrap_or_default().trim();
        media_type.eq_ignore_ascii_case("application/x-www-form-urlencoded")
    });
    if !is_form {
        return Ok(Parameters::default());
    }
    let text = std::str::from_utf8(&request.body).map_err(|_| Fault::Malformed)?;
    Parameters::parse(text.trim_end_matches(['\r', '\n'])).map_err(|error| match error {
        ParameterError::Duplicate(name) => Fault::DuplicateParameter(name),
        ParameterError::Encoding | ParameterError::TooMany => Fault::Malformed,
    })
}

fn reply(version: TokenVersion, granted: Granted, now: Timestamp) -> Reply {
    let Granted { issued, asked } = granted;
    let expires_at = issued.validity.expires_at;
    // A second less than the whole: the part of one that has passed already is not promised.
    let expires_in = expires_at.saturating_sub(now.unix_seconds()).saturating_sub(1);
    let token_type = "Bearer".to_owned();
    match version {
        TokenVersion::V1 => Reply::json(
            StatusCode::OK,
            &TokenV1 {
                token_type,
                expires_in: expires_in.to_string(),
                ext_expires_in: expires_in.to_string(),
                expires_on: expires_at.to_string(),
                not_before: issued.validity.not_before.to_string(),
                resource: asked.as_str().to_owned(),
                access_token: issued.token,
            },
        ),
        TokenVersion::V2 => Reply::json(
            StatusCode::OK,
            &TokenV2 { token_type, expires_in, ext_expires_in: expires_in, access_token: issued.token },
        ),
    }
}
