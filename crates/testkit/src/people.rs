//! Clients with a secret or a certificate: applications, the operator among them.

use crate::ask::{Answer, Ask};
use crate::keys::{client_certificate, client_header, sign_as_client};
use crate::plane::{MANAGEMENT, ORIGIN, Plane};
use bonafide_core::access::{Allowed, Chain, NewAssignment, assignments, roles};
use bonafide_core::directory::{
    self, Application, PRINCIPALS, add_certificate, add_secret, create_service_principal, register_application,
};
use bonafide_core::tokens::TokenVersion;
use bonafide_store::Read;
use bonafide_types::{Audience, ClientId, CredentialId, ObjectId, RoleAssignmentId, TenantId};
use serde_json::{Value, json};

/// Lifetime of a secret, in seconds (30 days).
const SECRET_SECONDS: u64 = 30 * 86_400;

/// An application of a tenant, with a secret and a certificate.
#[derive(Debug, Clone)]
pub struct Person {
    /// Its tenant.
    pub tenant: TenantId,
    /// The object id of its service principal.
    pub principal: ObjectId,
    /// The id that it signs in with.
    pub client: ClientId,
    /// Its secret.
    pub secret: String,
}

impl Plane {
    /// Registers an application, which has no surface yet.
    pub fn application(&self, tenant: TenantId, name: &str) -> Person {
        let world = self.world();
        let (id, secret) = (CredentialId::random(world.entropy), format!("bfs_{}", world.entropy.guid().simple()));
        let hash = self.login.pepper.hash(&id.to_string(), &secret);
        let not_after = world.now.plus_seconds(SECRET_SECONDS);
        let (principal, row) = self.change(|tx| {
            let application = Application::new(&world, tenant, name);
            let object = register_application(tx, &world, &application)?;
            add_secret(tx, &world, object, id, hash, not_after)?;
            add_certificate(tx, &world, object, &client_certificate(), None)?;
            create_service_principal(tx, &world, &application)
        });
        Person { tenant, principal, client: row.client_id, secret }
    }

    /// Makes somebody the owner of a tenant's root, as the first start does with the operator.
    pub(crate) fn grant_owner(&self, person: &Person) {
        let world = self.world();
        let role = roles::by_name("Owner").unwrap().id;
        let name = RoleAssignmentId::random(world.entropy);
        let owns = NewAssignment { name, principal: person.principal, role, description: None };
        let (root, system) = (Chain::root(person.tenant), Allowed::system(person.tenant));
        let made = self.store.write(|tx| assignments::create(tx, &world, &system, &root, &owns));
        let _ = made.unwrap();
    }

    /// Disables a service principal, or enables it again. There is no surface for it yet.
    pub fn set_enabled(&self, principal: ObjectId, enabled: bool) {
        self.change(|tx| {
            let mut row = tx.get(&PRINCIPALS, &principal)?.unwrap();
            row.enabled = enabled;
            tx.put(&PRINCIPALS, &principal, &row)
        });
    }

    /// Registers an application as a resource that its tenant can ask tokens for. There is no surface
    /// for it yet.
    pub fn register_resource(&self, person: &Person, uri: &str, version: TokenVersion) {
        let uri = Audience::parse(uri).unwrap();
        let made = self
            .store
            .write(|tx| directory::register(tx, &self.login.audiences, person.tenant, person.client, &uri, version));
        made.unwrap();
    }

    /// Asks login for a token with a secret, at the endpoint of version 1.
    pub fn sign_in(&self, person: &Person, resource: &str) -> Answer {
        let fields = [
            ("grant_type", "client_credentials"),
            ("client_id", &person.client.to_string()),
            ("client_secret", &person.secret),
            ("resource", resource),
        ];
        self.login(Ask::new("POST", &format!("/{}/oauth2/token", person.tenant)).form(&fields).request()).into()
    }

    /// A token of somebody for a resource.
    #[track_caller]
    pub fn token(&self, person: &Person, resource: &str) -> String {
        self.sign_in(person, resource).expect(200).text_at("/access_token").to_owned()
    }

    /// Sends a request to the resource manager as somebody.
    #[track_caller]
    pub fn manage(&self, person: &Person, ask: Ask) -> Answer {
        let token = self.token(person, MANAGEMENT);
        self.management(ask.bearer(&token).request()).into()
    }

    /// A client assertion of somebody, good for ten minutes at the token endpoint of version 2.
    pub fn client_assertion(&self, person: &Person) -> String {
        sign_as_client(&client_header(), &self.client_claims(person))
    }

    /// The claims of [`Plane::client_assertion`].
    pub fn client_claims(&self, person: &Person) -> Value {
        let now = self.world().now.unix_seconds();
        json!({
            "iss": person.client, "sub": person.client, "jti": self.world().entropy.guid().to_string(),
            "aud": format!("{ORIGIN}/{}/oauth2/v2.0/token", person.tenant), "iat": now, "nbf": now, "exp": now + 600,
        })
    }
}
