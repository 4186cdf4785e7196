//! Errors on the wire: the only place that knows the error object.
//!
//! Codes, statuses and texts: Microsoft Learn, "Microsoft Graph error responses and resource types", and
//! public reports of each; docs/wire/graph.md says which, and what is ours.

use crate::Cx;
use crate::ids::Ids;
use crate::kind::Kind;
use crate::limits::{IDS_MAX, PAGE_ITEMS_MAX};
use crate::options_error::OptionsError;
use bonafide_core::directory::RegisterError;
use bonafide_core::lifecycle::DirectoryError;
use bonafide_core::tokens::TokenError;
use bonafide_store::StoreError;
use bonafide_types::{Excerpt, Timestamp};
use bonafide_wire::{Reply, Unserved};
use http::{Method, StatusCode};
use serde_json::json;

/// The reason why a request is refused. Texts in it are the caller's own.
#[derive(Debug)]
pub(crate) enum Fault {
    /// No route has this path; below the version.
    NoSuchPath(String),
    /// The path has other methods.
    Method(Vec<Method>),
    /// The token is absent or not valid.
    Token(TokenError),
    /// The token's principal is gone or disabled.
    PrincipalGone,
    /// The caller may not do this.
    MayNot,
    /// The view is too old to decide whose token is valid.
    ViewTooOld { seconds: u64 },
    /// The tenant has no such object; the name under which it was asked for.
    NotFound(String),
    /// Not a GUID where an object id belongs.
    ObjectId(String),
    /// A property is compared with a value that it cannot have.
    Value(&'static str, Kind),
    /// The same of any property.
    PropertyValue(String, Kind),
    /// The type has no such property, or it is not kept here.
    Property(String, Kind),
    /// A property that nobody can set.
    ReadOnly(String, Kind),
    /// A member that must be there.
    Missing(&'static str),
    /// Secrets come and go by their own operations.
    PasswordsAreAdded,
    /// A key that is no certificate to verify with.
    KeyType,
    /// A certificate that cannot be used.
    Certificate(String),
    /// A credential that would end before it begins, or after its certificate; `Password` or `Key`.
    EndDate(&'static str),
    /// The definition of a token lifetime policy.
    Lifetime(&'static str),
    /// Accounts of other directories.
    Audience,
    /// The object would be too large.
    TooLarge,
    /// A service principal for an application that the tenant does not have.
    NoApplication(String),
    /// The application has a service principal already; its application id.
    PrincipalExists(String),
    /// The member of a body names another object than the path.
    OtherObject(&'static str),
    /// A delegated permission.
    NoDelegation,
    /// An object that was deleted, which is final; the name under which it was asked for.
    NotKept(String),
    /// The value of a role that cannot be.
    RoleValue(String),
    /// The service principal of a managed identity.
    Locked,
    /// The directory is not changed.
    Directory(DirectoryError),
    /// The filter cannot be read.
    Filter(&'static str),
    /// The filter asks for a property in a way that is not served.
    FilterProperty(String, Kind),
    /// `$select` names an unknown property.
    Select(String, Kind),
    /// `$top` is not a number from 1 to the largest.
    PageSize(String),
    /// `$skiptoken` was not given out here.
    SkipToken,
    /// The query options cannot be read.
    Options(OptionsError),
    /// The body cannot be read.
    Body(String),
    /// More ids than one request may have.
    TooManyIds,
    /// `/me` was asked without a user.
    NoUser,
    /// The store failed; the reason is for the log.
    Store(StoreError),
    /// The shell refuses the request.
    Unserved(Unserved),
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<DirectoryError> for Fault {
    fn from(error: DirectoryError) -> Self {
        match error {
            DirectoryError::Store(error) | DirectoryError::Register(RegisterError::Store(error)) => Self::Store(error),
            error => Self::Directory(error),
        }
    }
}

impl From<Unserved> for Fault {
    fn from(why: Unserved) -> Self {
        Self::Unserved(why)
    }
}

impl Fault {
    /// Status, code and message: the whole table.
    #[rustfmt::skip]
    fn row(&self) -> (StatusCode, &'static str, String) {
        const BAD: StatusCode = StatusCode::BAD_REQUEST;
        const UNAUTHORIZED: StatusCode = StatusCode::UNAUTHORIZED;
        const INVALID_TOKEN: &str = "InvalidAuthenticationToken";
        match self {
            Self::NoSuchPath(path) => (StatusCode::NOT_FOUND, "Request_ResourceNotFound", format!("Resource '{}' does not exist or one of its queried reference-property objects are not present. Of Microsoft Graph, applications and service principals are served here.", Excerpt::of(path))),
            Self::Method(_) => (StatusCode::METHOD_NOT_ALLOWED, "Request_BadRequest", "Specified HTTP method is not allowed for the request target.".into()),
            Self::Token(TokenError::Missing) => (UNAUTHORIZED, INVALID_TOKEN, "Access token is empty.".into()),
            Self::Token(TokenError::Scheme | TokenError::Malformed(_) | TokenError::Claim(_)) => (UNAUTHORIZED, INVALID_TOKEN, "CompactToken parsing failed with error code: 80049217".into()),
            Self::Token(TokenError::Expired { .. }) => (UNAUTHORIZED, INVALID_TOKEN, "Lifetime validation failed, the token is expired.".into()),
            Self::Token(TokenError::NotYetValid { .. }) => (UNAUTHORIZED, INVALID_TOKEN, "Lifetime validation failed, the token is not yet valid.".into()),
            Self::Token(TokenError::Audience { .. }) => (UNAUTHORIZED, INVALID_TOKEN, "Access token validation failure. Invalid audience.".into()),
            Self::Token(TokenError::UnknownKey | TokenError::Signature | TokenError::Issuer { .. } | TokenError::Principal) | Self::PrincipalGone => (UNAUTHORIZED, INVALID_TOKEN, "Access token validation failure.".into()),
            Self::MayNot => (StatusCode::FORBIDDEN, "Authorization_RequestDenied", "Insufficient privileges to complete the operation.".into()),
            Self::NotFound(name) => (StatusCode::NOT_FOUND, "Request_ResourceNotFound", format!("Resource '{}' does not exist or one of its queried reference-property objects are not present.", Excerpt::of(name))),
            Self::ObjectId(text) => (BAD, "Request_BadRequest", format!("Invalid object identifier '{}'.", Excerpt::of(text))),
            Self::Value(property, of) => (BAD, "Request_BadRequest", format!("Invalid value specified for property '{property}' of resource '{}'.", of.resource())),
            Self::PropertyValue(property, of) => (BAD, "Request_BadRequest", format!("Invalid value specified for property '{}' of resource '{}'.", Excerpt::of(property), of.resource())),
            Self::Property(name, of) => (BAD, "Request_BadRequest", format!("Property '{}' does not exist on resource '{}' or cannot be set here.", Excerpt::of(name), of.resource())),
            Self::ReadOnly(name, of) => (BAD, "Request_BadRequest", format!("Property '{}' on the resource '{}' is read-only and cannot be set.", Excerpt::of(name), of.resource())),
            Self::Missing(name) => (BAD, "Request_BadRequest", format!("A value is required for property '{name}' of the request.")),
            Self::PasswordsAreAdded => (BAD, "Request_BadRequest", "Property 'passwordCredentials' cannot be set: use addPassword and removePassword.".into()),
            Self::KeyType => (BAD, "Request_BadRequest", "A key credential must have the type 'AsymmetricX509Cert' and the usage 'Verify'.".into()),
            Self::Certificate(why) => (BAD, "KeyCredentialsInvalidValue", format!("Key credential value is invalid: {why}.")),
            Self::EndDate(of) => (BAD, "Request_BadRequest", format!("{of} credential end date is invalid: it must lie in the future and behind its start, and not behind the end of its certificate.")),
            Self::Lifetime(why) => (BAD, "Request_BadRequest", format!("Invalid value specified for property 'definition' of resource 'TokenLifetimePolicy': {why}.")),
            Self::Audience => (BAD, "Request_BadRequest", "Invalid value specified for property 'signInAudience' of resource 'Application'. Accounts of one directory only sign in here: 'AzureADMyOrg'.".into()),
            Self::TooLarge => (BAD, "Request_BadRequest", "The application would be too large to be stored: remove some of its properties.".into()),
            Self::NoApplication(client) => (BAD, "Request_BadRequest", format!("The appId '{}' of the service principal does not reference a valid application object.", Excerpt::of(client))),
            Self::PrincipalExists(client) => (StatusCode::CONFLICT, "Request_MultipleObjectsWithSameKeyValue", format!("The service principal cannot be created, updated, or restored because the service principal name {client} is already in use.")),
            Self::OtherObject(name) => (BAD, "Request_BadRequest", format!("The value of property '{name}' must be the id of the service principal that the request is sent to.")),
            Self::NoDelegation => (BAD, "Request_BadRequest", NO_DELEGATION.into()),
            Self::NotKept(name) => (StatusCode::NOT_FOUND, "Request_ResourceNotFound", format!("Resource '{}' does not exist or one of its queried reference-property objects are not present. A deletion is final here: nothing is kept that could be restored.", Excerpt::of(name))),
            Self::RoleValue(value) => (BAD, "Request_BadRequest", format!("Invalid value specified for property 'value' of resource 'AppRole': '{}'. It must be of 1 to 120 letters, digits and marks without blanks or quotes, begin with no '.', and be of one role only.", Excerpt::of(value))),
            Self::Locked => (StatusCode::FORBIDDEN, "Authorization_RequestDenied", LOCKED.into()),
            Self::Directory(why) => directory(why),
            Self::Filter(detail) => (BAD, "BadRequest", format!("Invalid filter clause: {detail}.")),
            Self::FilterProperty(name, of) => (BAD, "Request_UnsupportedQuery", format!("Unsupported or invalid query filter clause specified for property '{}' of resource '{}'.", Excerpt::of(name), of.resource())),
            Self::Select(name, of) => (BAD, "BadRequest", format!("Parsing OData Select and Expand failed: Could not find a property named '{}' on type 'microsoft.graph.{}'.", Excerpt::of(name), of.name())),
            Self::PageSize(text) => (BAD, "Request_UnsupportedQuery", format!("Invalid page size specified: '{}'. Must be between 1 and {} inclusive.", Excerpt::of(text), PAGE_ITEMS_MAX)),
            Self::SkipToken => (BAD, "Request_BadRequest", "The specified '$skiptoken' is not valid.".into()),
            Self::Options(OptionsError::Unserved(name)) => (BAD, "Request_UnsupportedQuery", format!("The query option '{}' is not supported here.", Excerpt::of(name))),
            Self::Options(OptionsError::Query(error)) => (BAD, "BadRequest", format!("The query string is not valid: {error}.")),
            Self::Body(detail) => (BAD, "BadRequest", format!("Unable to read JSON request payload: {detail}.")),
            Self::TooManyIds => (BAD, "Request_BadRequest", format!("Too many identifiers. At most {} can be specified.", IDS_MAX)),
            Self::NoUser => (BAD, "BadRequest", "/me request is only valid with delegated authentication flow.".into()),
            Self::ViewTooOld { seconds } => (StatusCode::SERVICE_UNAVAILABLE, "serviceNotAvailable", format!("The directory was last read {seconds} s ago, too long to decide whose token is valid. Try again later.")),
            Self::Store(_) => (StatusCode::SERVICE_UNAVAILABLE, "serviceNotAvailable", UNAVAILABLE.into()),
            Self::Unserved(Unserved::Busy) => (StatusCode::SERVICE_UNAVAILABLE, "serviceNotAvailable", "The service is temporarily busy. Try again later.".into()),
            Self::Unserved(Unserved::ShareTaken) => (StatusCode::TOO_MANY_REQUESTS, "TooManyRequests", "Too many requests. Try again later.".into()),
            Self::Unserved(Unserved::Failed) => (StatusCode::INTERNAL_SERVER_ERROR, "InternalServerError", "An unknown error occurred while processing the request.".into()),
            Self::Unserved(why) => (why.status(), "Request_BadRequest", format!("The request is not served: {why}.")),
        }
    }

    /// The refusal. One that says that we failed names the log, where the request id leads to the cause.
    pub(crate) fn reply(&self, cx: &Cx<'_>, ids: &Ids) -> Reply {
        let (status, code, message) = self.row();
        let message = match cx.log_file {
            Some(file) if status == StatusCode::INTERNAL_SERVER_ERROR => {
                format!("{message} For details see logs in {file}")
            }
            Some(_) | None => message,
        };
        let inner = json!({
            "date": seconds(cx.world.now),
            "request-id": ids.request(),
            "client-request-id": ids.client(),
        });
        let reply = Reply::json(status, &json!({ "error": { "code": code, "message": message, "innerError": inner } }));
        let reply = match self {
            Self::Store(error) | Self::Directory(DirectoryError::Store(error)) => reply.because(error),
            Self::Token(error) => reply.because(error),
            _ => reply,
        };
        match status {
            StatusCode::UNAUTHORIZED => reply.with("www-authenticate", &challenge(cx)),
            StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS => reply.with("retry-after", "1"),
            StatusCode::METHOD_NOT_ALLOWED => reply.with("allow", &self.allowed()),
            _ => reply,
        }
    }

    fn allowed(&self) -> String {
        let Self::Method(methods) = self else { return String::new() };
        methods.iter().map(Method::as_str).collect::<Vec<_>>().join(", ")
    }
}

/// The end is **ours**: it says what helps.
const LOCKED: &str = "Insufficient privileges to complete the operation. The service principal is of the type ManagedIdentity: it \
    has no secret, certificate or owner of its own, lives and ends with its resource, and only 'accountEnabled' of it can be changed.";

/// Status, code and message of a change that is refused.
#[rustfmt::skip]
fn directory(why: &DirectoryError) -> (StatusCode, &'static str, String) {
    const BAD: StatusCode = StatusCode::BAD_REQUEST;
    match why {
        DirectoryError::Locked(_) => (StatusCode::FORBIDDEN, "Authorization_RequestDenied", LOCKED.into()),
        DirectoryError::LastOwner => (StatusCode::FORBIDDEN, "Authorization_RequestDenied", "The application is the last owner of the root scope '/' and can be neither disabled nor deleted: nobody could give anybody a right any more. Make another application Owner there first.".into()),
        DirectoryError::Register(RegisterError::Taken(_)) => (BAD, "Request_MultipleObjectsWithSameKeyValue", "Another object with the same value for property identifierUris already exists.".into()),
        DirectoryError::Register(RegisterError::Store(_)) | DirectoryError::Store(_) => (StatusCode::SERVICE_UNAVAILABLE, "serviceNotAvailable", UNAVAILABLE.into()),
        DirectoryError::Register(why) => (BAD, "Request_BadRequest", format!("Invalid value specified for property 'identifierUris' of resource 'Application': {}.", Excerpt::of(&why.to_string()))),
        DirectoryError::PrincipalExists => (StatusCode::CONFLICT, "Request_MultipleObjectsWithSameKeyValue", "The application has a service principal already.".into()),
        DirectoryError::OwnerExists => (BAD, "Request_BadRequest", "One or more added object references already exist for the following modified properties: 'owners'.".into()),
        DirectoryError::NoOwner(id) | DirectoryError::PolicyNotAssigned(id) => (StatusCode::NOT_FOUND, "Request_ResourceNotFound", format!("Resource '{id}' does not exist or one of its queried reference-property objects are not present.")),
        DirectoryError::NoPrincipal(id) => (StatusCode::NOT_FOUND, "Request_ResourceNotFound", format!("Resource '{id}' does not exist or one of its queried reference-property objects are not present.")),
        DirectoryError::NoAppRole(_) => (BAD, "Request_BadRequest", "Permission being assigned was not found on application".into()),
        DirectoryError::AppRoleNotGiven(id) => (BAD, "Request_BadRequest", format!("The app role '{id}' cannot be assigned to a service principal: it must be enabled, and 'Application' must be one of its allowedMemberTypes.")),
        DirectoryError::AppRoleAssigned => (BAD, "Request_BadRequest", "Permission being assigned already exists on the object".into()),
        DirectoryError::AppRoleHeld(id) => (BAD, "Request_BadRequest", format!("The app role '{id}' has too many assignments to be deleted with them: disable it, delete its assignments (appRoleAssignedTo), and then delete it.")),
        DirectoryError::NoCredential(_) => (BAD, "Request_BadRequest", "No password credential or key credential found with keyId.".into()),
        DirectoryError::DefaultExists => (BAD, "Request_BadRequest", "The organization has a default token lifetime policy already: change that one, or take isOrganizationDefault from it first.".into()),
        DirectoryError::PolicyInUse => (BAD, "Request_BadRequest", "The policy is assigned: take it from every object that appliesTo lists first.".into()),
        DirectoryError::PolicyExists => (BAD, "Request_BadRequest", "The object has a token lifetime policy already, and can have one: take that one away first.".into()),
        DirectoryError::TooMany(what, max) => (BAD, "Directory_QuotaExceeded", format!("The object can have at most {max} {what}.")),
        DirectoryError::WrongProof(_) => (StatusCode::INTERNAL_SERVER_ERROR, "InternalServerError", "An unknown error occurred while processing the request.".into()),
    }
}

/// Words **ours**.
const NO_DELEGATION: &str = "Delegated permissions cannot be granted here: nobody signs in as a user. What an application or a \
    managed identity may do at a service is a role of that service's application: POST \
    /servicePrincipals/{id}/appRoleAssignments {\"principalId\", \"resourceId\", \"appRoleId\"}.";

const UNAVAILABLE: &str = "The service is temporarily unavailable. Try again later.";

/// The place for a token, and the application it is for: clients read the tenant and nothing else of it.
fn challenge(cx: &Cx<'_>) -> String {
    format!(
        "Bearer realm=\"\", authorization_uri=\"{}/common/oauth2/authorize\", client_id=\"{}\"",
        cx.authority.origin(),
        cx.audiences.app_id()
    )
}

/// A time without fraction and zone, as `innerError` has it.
fn seconds(at: Timestamp) -> String {
    at.second().trim_end_matches('Z').to_owned()
}
