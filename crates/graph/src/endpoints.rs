//! All that is served: paths, who may ask, and what answers.

use crate::about::About;
use crate::asked::Asked;
use crate::change::{Change, Done};
use crate::fault::Fault;
use crate::kind::Kind;
use crate::lifetime_policies as lifetimes;
use crate::limits::BODY_BYTES_MAX;
use crate::{
    app_roles, applications, directory_objects, organization, owners, passwords, people, service_principals, unserved,
};
use bonafide_wire::{Lane, Route};
use http::Method;
use serde_json::Value;

/// A route, the part of the directory that it is about, and its answer.
pub(crate) struct Endpoint {
    pub(crate) version: &'static str,
    pub(crate) route: Route,
    pub(crate) about: About,
    pub(crate) run: Run,
}

/// The answer of an endpoint.
#[derive(Clone, Copy)]
pub(crate) enum Run {
    /// It reads, with the right to read.
    Read(fn(&Asked<'_>) -> Result<Value, Fault>),
    /// It changes something, with the right to change it, and its audit record has this action. Source of the names:
    /// Microsoft Learn, "Microsoft Entra built-in roles".
    Change(&'static str, fn(&mut Change<'_, '_>) -> Result<Done, Fault>),
}

impl AsRef<Route> for Endpoint {
    fn as_ref(&self) -> &Route {
        &self.route
    }
}

impl Endpoint {
    const fn new(method: Method, (version, path): (&'static str, &'static str), about: About, run: Run) -> Self {
        let bytes = match method {
            Method::POST | Method::PATCH => BODY_BYTES_MAX,
            _ => 0,
        };
        Self { version, route: Route::of_store(method, path, bytes), about, run }
    }

    /// The lane in which its requests wait.
    pub(crate) fn lane(&self) -> Lane {
        match self.run {
            Run::Change(..) if self.route.method == Method::DELETE || self.route.path.ends_with("/removePassword") => {
                Lane::Removal
            }
            Run::Change(..) => Lane::Write,
            // A request by an id gets one thing.
            Run::Read(_) if self.route.path.contains('{') => Lane::Read,
            Run::Read(_) => Lane::List,
        }
    }
}

/// Each line is served under both versions: nothing here differs between them.
macro_rules! in_both_versions {
    ($($method:ident $path:expr, $about:expr, $run:expr;)*) => {
        &[$(
            Endpoint::new(Method::$method, ("v1.0", concat!("/v1.0", $path)), $about, $run),
            Endpoint::new(Method::$method, ("beta", concat!("/beta", $path)), $about, $run),
        )*]
    };
}

/// Paths below a collection, whose objects are named by their object ids and by their application ids.
macro_rules! by_both_ids {
    ($collection:literal, $about:expr, $($method:ident $path:literal, $run:expr;)*) => {
        in_both_versions! {
            $($method concat!("/", $collection, "/{id}", $path), $about, $run;)*
            $($method concat!("/", $collection, "(appId='{appId}')", $path), $about, $run;)*
        }
    };
}

/// Whole collections, and what has neither an owner nor an application id.
const COLLECTIONS: &[Endpoint] = in_both_versions! {
    GET "/applications", About::Directory, Run::Read(applications::list);
    POST "/applications", About::Directory, Run::Change("microsoft.directory/applications/create", applications::create);
    GET "/servicePrincipals", About::Directory, Run::Read(service_principals::list);
    POST "/servicePrincipals", About::Directory, Run::Change("microsoft.directory/servicePrincipals/create", service_principals::create);
    GET "/directoryObjects/{id}", About::Directory, Run::Read(directory_objects::by_id);
    POST "/directoryObjects/getByIds", About::Directory, Run::Read(directory_objects::by_ids);
    POST "/directoryObjects/microsoft.graph.getByIds", About::Directory, Run::Read(directory_objects::by_ids);
    GET "/organization", About::Directory, Run::Read(organization::list);
    GET "/organization/{id}", About::Directory, Run::Read(organization::get);
    GET "/policies/tokenLifetimePolicies", About::Directory, Run::Read(lifetimes::list);
    POST "/policies/tokenLifetimePolicies", About::Directory, Run::Change("microsoft.directory/policies/create", lifetimes::create);
    GET "/policies/tokenLifetimePolicies/{policy}", About::Directory, Run::Read(lifetimes::get);
    PATCH "/policies/tokenLifetimePolicies/{policy}", About::Directory, Run::Change("microsoft.directory/policies/basic/update", lifetimes::update);
    DELETE "/policies/tokenLifetimePolicies/{policy}", About::Directory, Run::Change("microsoft.directory/policies/delete", lifetimes::delete);
    GET "/policies/tokenLifetimePolicies/{policy}/appliesTo", About::Directory, Run::Read(lifetimes::applies_to);
    GET "/oauth2PermissionGrants", About::Directory, Run::Read(unserved::grants);
    POST "/oauth2PermissionGrants", About::Directory, Run::Change("microsoft.directory/oAuth2PermissionGrants/create", unserved::grant);
    GET "/oauth2PermissionGrants/{grant}", About::Directory, Run::Read(unserved::no_grant);
    DELETE "/oauth2PermissionGrants/{grant}", About::Directory, Run::Change("microsoft.directory/oAuth2PermissionGrants/delete", unserved::no_grant_to_change);
    GET "/directory/deletedItems/{item}", About::Directory, Run::Read(unserved::deleted);
    DELETE "/directory/deletedItems/{item}", About::Directory, Run::Change("microsoft.directory/deletedItems/delete", unserved::not_kept);
    POST "/directory/deletedItems/{item}/restore", About::Directory, Run::Change("microsoft.directory/deletedItems/restore", unserved::not_kept);
    GET "/users", About::Directory, Run::Read(people::users);
    GET "/users/{id}", About::Directory, Run::Read(people::by_id);
    GET "/groups", About::Directory, Run::Read(people::groups);
    GET "/groups/{id}", About::Directory, Run::Read(people::by_id);
    GET "/me", About::Directory, Run::Read(people::me);
    GET "/me/ownedObjects", About::Directory, Run::Read(people::me);
};

const APPLICATIONS: &[Endpoint] = by_both_ids! {
    "applications", About::Owned(Kind::Application),
    GET "", Run::Read(applications::get);
    PATCH "", Run::Change("microsoft.directory/applications/allProperties/update", applications::update);
    DELETE "", Run::Change("microsoft.directory/applications/delete", applications::delete);
    POST "/addPassword", Run::Change("microsoft.directory/applications/credentials/update", passwords::add);
    POST "/removePassword", Run::Change("microsoft.directory/applications/credentials/update", passwords::remove);
    GET "/owners", Run::Read(owners::list);
    POST "/owners/$ref", Run::Change("microsoft.directory/applications/owners/update", owners::add);
    DELETE "/owners/{owner}/$ref", Run::Change("microsoft.directory/applications/owners/update", owners::remove);
};

const SERVICE_PRINCIPALS: &[Endpoint] = by_both_ids! {
    "servicePrincipals", About::Owned(Kind::ServicePrincipal),
    GET "", Run::Read(service_principals::get);
    PATCH "", Run::Change("microsoft.directory/servicePrincipals/allProperties/update", service_principals::update);
    DELETE "", Run::Change("microsoft.directory/servicePrincipals/delete", service_principals::delete);
    POST "/addPassword", Run::Change("microsoft.directory/servicePrincipals/credentials/update", passwords::add);
    POST "/removePassword", Run::Change("microsoft.directory/servicePrincipals/credentials/update", passwords::remove);
    GET "/owners", Run::Read(owners::list);
    POST "/owners/$ref", Run::Change("microsoft.directory/servicePrincipals/owners/update", owners::add);
    DELETE "/owners/{owner}/$ref", Run::Change("microsoft.directory/servicePrincipals/owners/update", owners::remove);
    GET "/ownedObjects", Run::Read(owners::owned);
    GET "/oauth2PermissionGrants", Run::Read(unserved::grants_of_principal);
    GET "/appRoleAssignments", Run::Read(app_roles::held);
    GET "/appRoleAssignments/{assignment}", Run::Read(app_roles::one_held);
    GET "/appRoleAssignedTo", Run::Read(app_roles::given);
    GET "/appRoleAssignedTo/{assignment}", Run::Read(app_roles::one_given);
    POST "/appRoleAssignedTo", Run::Change(ASSIGN_APP_ROLE, app_roles::give);
    DELETE "/appRoleAssignedTo/{assignment}", Run::Change(ASSIGN_APP_ROLE, app_roles::take);
};

/// The action of giving and taking roles at a service.
const ASSIGN_APP_ROLE: &str = "microsoft.directory/servicePrincipals/appRoleAssignedTo/update";

/// A role is the service's to give: the owners of who gets it have no say, and those of the service go by `appRoleAssignedTo`.
const ROLES_OF_PRINCIPALS: &[Endpoint] = by_both_ids! {
    "servicePrincipals", About::Object(Kind::ServicePrincipal),
    POST "/appRoleAssignments", Run::Change(ASSIGN_APP_ROLE, app_roles::give_to);
    DELETE "/appRoleAssignments/{assignment}", Run::Change(ASSIGN_APP_ROLE, app_roles::take_from);
};

/// A policy binds the owners of an object, too: it is not theirs to give.
const POLICIES_OF_APPLICATIONS: &[Endpoint] = by_both_ids! {
    "applications", About::Object(Kind::Application),
    GET "/tokenLifetimePolicies", Run::Read(lifetimes::of);
    POST "/tokenLifetimePolicies/$ref", Run::Change("microsoft.directory/applications/policies/update", lifetimes::assign);
    DELETE "/tokenLifetimePolicies/{policy}/$ref", Run::Change("microsoft.directory/applications/policies/update", lifetimes::unassign);
};

const POLICIES_OF_PRINCIPALS: &[Endpoint] = by_both_ids! {
    "servicePrincipals", About::Object(Kind::ServicePrincipal),
    GET "/tokenLifetimePolicies", Run::Read(lifetimes::of);
    POST "/tokenLifetimePolicies/$ref", Run::Change("microsoft.directory/servicePrincipals/policies/update", lifetimes::assign);
    DELETE "/tokenLifetimePolicies/{policy}/$ref", Run::Change("microsoft.directory/servicePrincipals/policies/update", lifetimes::unassign);
};

/// All of them.
pub(crate) fn all() -> impl Iterator<Item = &'static Endpoint> {
    [
        COLLECTIONS,
        APPLICATIONS,
        SERVICE_PRINCIPALS,
        ROLES_OF_PRINCIPALS,
        POLICIES_OF_APPLICATIONS,
        POLICIES_OF_PRINCIPALS,
    ]
    .into_iter()
    .flatten()
}
