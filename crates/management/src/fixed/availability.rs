//! `/subscriptions/{s}/providers/{namespace}/checkNameAvailability`: whether a name can be had for a resource whose name
//! is part of an address.

use super::{Answer, Fixed, Named, in_subscription};
use crate::command::Call;
use crate::fault::Fault;
use crate::order::access::Access;
use crate::outcome::Outcome;
use crate::right::Right;
use crate::types::{self, names};
use bonafide_core::directory::{RESOURCES, RESOURCES_OF_TYPE, SUBSCRIPTIONS_OF_TENANT};
use bonafide_store::{Read, ReadTx};
use bonafide_types::{Excerpt, TypeName};
use http::Method;
use serde_json::{Value, json};

/// Rows read at once. Source: ours.
const ROWS_AT_ONCE: usize = 256;

pub(super) static ENDPOINTS: &[Fixed] = &[Fixed::of_store(
    Method::POST,
    "/subscriptions/{subscription}/providers/{namespace}/checkNameAvailability",
    right,
    Answer::Read(check),
)];

/// It tells of no more than a name: a right to read.
fn right(named: &Named) -> Right {
    in_subscription(named, format!("{}/checkNameAvailability/read", named.text("namespace")))
}

fn check(tx: &ReadTx<'_>, call: &Call<'_>, _access: &Access) -> Result<Outcome, Fault> {
    let body = call.body()?;
    let text = |member: &str| {
        let value = body.get(member).and_then(Value::as_str).filter(|value| !value.is_empty());
        value.ok_or_else(|| Fault::BodyInvalid(format!("'{member}' is missing or not a string")))
    };
    let (name, asked) = (text("name")?, text("type")?);
    let namespace = call.named()?.text("namespace");
    let asked = full_name(namespace, asked);
    let wrong = || Fault::BodyInvalid(format!("'type' is '{}' and not a type of '{namespace}'", Excerpt::of(asked)));
    let type_name: TypeName = asked.parse().map_err(|_| wrong())?;
    if !type_name.namespace().eq_ignore_ascii_case(namespace) || type_name.types().contains('/') {
        return Err(wrong());
    }
    let kind = types::kind(&type_name)?;
    if let Err(fault) = (kind.of.check_name)(name).and_then(|()| names::check(&kind.name, name)) {
        return Ok(refused("AccountNameInvalid", &fault.failure().message));
    }
    if is_taken(tx, call, &type_name, name)? {
        return Ok(refused("AlreadyExists", &format!("The name {name} is already taken.")));
    }
    Ok(Outcome::shown(json!({ "nameAvailable": true })))
}

/// Types that a namespace calls by a word of its own. Source: `CheckNameResourceTypes` of azure-mgmt-web; `az webapp create`
/// asks for `Site` (observed with 2.91).
const WORDS: [(&str, &str, &str); 2] = [
    ("Microsoft.Web", "Site", "Microsoft.Web/sites"),
    ("Microsoft.Web", "HostingEnvironment", "Microsoft.Web/hostingEnvironments"),
];

fn full_name<'a>(namespace: &str, asked: &'a str) -> &'a str {
    let is_it =
        |(of, word, _): &&(&str, &str, &str)| of.eq_ignore_ascii_case(namespace) && word.eq_ignore_ascii_case(asked);
    WORDS.iter().find(is_it).map_or(asked, |(_, _, name)| name)
}

fn refused(reason: &str, message: &str) -> Outcome {
    Outcome::shown(json!({ "nameAvailable": false, "reason": reason, "message": message }))
}

/// True when a resource of the type has the name, in any subscription of the caller's tenant: of others nothing is told.
fn is_taken(tx: &impl Read, call: &Call<'_>, type_name: &TypeName, name: &str) -> Result<bool, Fault> {
    for subscription in tx.many(&SUBSCRIPTIONS_OF_TENANT, &call.command.by.tenant, None, usize::MAX)? {
        let of_type = (subscription, type_name.fold());
        let mut after = None;
        loop {
            let keys = tx.many(&RESOURCES_OF_TYPE, &of_type, after.as_ref(), ROWS_AT_ONCE)?;
            for uuid in &keys {
                if tx.get(&RESOURCES, uuid)?.is_some_and(|row| row.id.name().eq_ignore_ascii_case(name)) {
                    return Ok(true);
                }
            }
            if keys.len() < ROWS_AT_ONCE {
                break;
            }
            after = keys.last().copied();
        }
    }
    Ok(false)
}
