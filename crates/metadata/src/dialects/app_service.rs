//! The dialect of App Service, version 2019-08-01 (docs/wire/app-service.md).

use super::Rules;
use crate::query::SelectorKind;
use crate::token::Token;
use bonafide_types::Timestamp;
use bonafide_wire::Reply;
use http::StatusCode;

pub(crate) static RULES: Rules = Rules {
    oldest: "2019-08-01",
    selectors: &[
        ("client_id", SelectorKind::Client),
        ("principal_id", SelectorKind::Principal),
        ("object_id", SelectorKind::Principal),
        ("mi_res_id", SelectorKind::Resource),
        ("msi_res_id", SelectorKind::Resource),
        ("resource_id", SelectorKind::Resource),
    ],
    fault: crate::fault::app_service,
    reply: token,
};

fn token(token: &Token, _: Timestamp) -> Reply {
    let body = token.app_service_body();
    Reply::bytes(StatusCode::OK, "application/json; charset=utf-8", body).with("cache-control", "no-store")
}
