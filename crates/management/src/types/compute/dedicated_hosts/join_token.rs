//! `createJoinToken`: a token by which one machine joins as the host, once. **Ours.**

use crate::fault::Fault;
use crate::order::write::Write;
use crate::resource_type::{Action, Beside, Run};
use bonafide_core::lifecycle;
use bonafide_core::placement::ENROLMENT_SECONDS;
use bonafide_crypto::thumbprint;
use bonafide_types::base64url;
use http::Method;
use serde_json::{Value, json};

pub(super) const CREATE: Action = Action {
    method: Method::POST,
    name: "createJoinToken",
    right: "createJoinToken/action",
    run: Run::Beside(&Beside { links: |_| Ok(Vec::new()), run: create }),
};

/// Random bytes of a token. Source: ours; nobody guesses so many, so that its hash needs no salt.
const TOKEN_BYTES: usize = 32;

/// Only the hash is stored: this answer is the one place where the token stands.
fn create(write: &mut Write<'_, '_>) -> Result<Value, Fault> {
    let world = &write.call.cx.world;
    let mut bytes = [0; TOKEN_BYTES];
    world.entropy.fill(&mut bytes);
    let token = base64url::encode(&bytes);
    let hash = thumbprint::sha256_hex(token.as_bytes());
    lifecycle::create_join_token(write.tx, world, write.allowed, (write.uuid, &write.new), hash)?;
    let expires_on = world.now.plus_seconds(ENROLMENT_SECONDS).arm();
    Ok(json!({ "token": token, "expiresOn": expires_on, "hostId": write.uuid.to_string() }))
}
