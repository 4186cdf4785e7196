//! All that is served: paths, who may ask, and what answers.

use crate::asked::Asked;
use crate::change::{Change, Done};
use crate::fault::Fault;
use crate::kind::Kind;
use crate::lifetime_policies as lifetimes;
use crate::limits::BODY_BYTES_MAX;
use crate::{applications, directory_objects, organization, owners, passwords, people, service_principals};
use bonafide_wire::{Lane, Route};
use http::Method;
use serde_json::Value;

/// A route, who may ask it besides those with a right to the whole directory, and its answer.
pub(crate) struct Endpoint {
    pub(crate) version: &'static str,
    pub(crate) route: Route,
    /// The type of the object that the path names, whose owners may ask, too.
    pub(crate) owned: Option<Kind>,
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
    const fn new(method: Method, (version, path): (&'static str, &'static str), owned: Option<Kind>, run: Run) -> Self {
        let bytes = match method {
            Method::POST | Method::PATCH => BODY_BYTES_MAX,
            _ => 0,
        };
        Self { version, route: Route::of_store(method, path, bytes), owned, run }
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
    ($($method:ident $path:expr, $owned:expr, $run:expr;)*) => {
        &[$(
            Endpoint::new(Method::$method, ("v1.0", concat!("/v1.0", $path)), $owned, $run),
            Endpoint::new(Method::$method, ("beta", concat!("/beta", $path)), $owned, $run),
        )*]
    };
}

/// Paths below a collection, whose objects are named by their object ids and by their application ids.
macro_rules! by_both_ids {
    ($collection:literal, $owned:expr, $($method:ident $path:literal, $run:expr;)*) => {
        in_both_versions! {
            $($method concat!("/", $collection, "/{id}", $path), $owned, $run;)*
            $($method concat!("/", $collection, "(appId='{appId}')", $path), $owned, $run;)*
        }
    };
}

/// Whole collections, and what has neither an owner nor an application id.
const COLLECTIONS: &[Endpoint] = in_both_versions! {
    GET "/applications", None, Run::Read(applications::list);
    POST "/applications", None, Run::Change("microsoft.directory/applications/create", applications::create);
    GET "/servicePrincipals", None, Run::Read(service_principals::list);
    POST "/servicePrincipals", None, Run::Change("microsoft.directory/servicePrincipals/create", service_principals::create);
    GET "/directoryObjects/{id}", None, Run::Read(directory_objects::by_id);
    POST "/directoryObjects/getByIds", None, Run::Read(directory_objects::by_ids);
    POST "/directoryObjects/microsoft.graph.getByIds", None, Run::Read(directory_objects::by_ids);
    GET "/organization", None, Run::Read(organization::list);
    GET "/organization/{id}", None, Run::Read(organization::get);
    GET "/policies/tokenLifetimePolicies", None, Run::Read(lifetimes::list);
    POST "/policies/tokenLifetimePolicies", None, Run::Change("microsoft.directory/policies/create", lifetimes::create);
    GET "/policies/tokenLifetimePolicies/{policy}", None, Run::Read(lifetimes::get);
    PATCH "/policies/tokenLifetimePolicies/{policy}", None, Run::Change("microsoft.directory/policies/basic/update", lifetimes::update);
    DELETE "/policies/tokenLifetimePolicies/{policy}", None, Run::Change("microsoft.directory/policies/delete", lifetimes::delete);
    GET "/policies/tokenLifetimePolicies/{policy}/appliesTo", None, Run::Read(lifetimes::applies_to);
    GET "/users", None, Run::Read(people::users);
    GET "/users/{id}", None, Run::Read(people::by_id);
    GET "/groups", None, Run::Read(people::groups);
    GET "/groups/{id}", None, Run::Read(people::by_id);
    GET "/me", None, Run::Read(people::me);
    GET "/me/ownedObjects", None, Run::Read(people::me);
};

const APPLICATIONS: &[Endpoint] = by_both_ids! {
    "applications", Some(Kind::Application),
    GET "", Run::Read(applications::get);
    PATCH "", Run::Change("microsoft.directory/applications/allProperties/update", applications::update);
    DELETE "", Run::Change("microsoft.directory/applications/delete", applications::delete);
    POST "/addPassword", Run::Change("microsoft.directory/applications/credentials/update", passwords::add_to_application);
    POST "/removePassword", Run::Change("microsoft.directory/applications/credentials/update", passwords::remove_from_application);
    GET "/owners", Run::Read(owners::of_application);
    POST "/owners/$ref", Run::Change("microsoft.directory/applications/owners/update", owners::add_to_application);
    DELETE "/owners/{owner}/$ref", Run::Change("microsoft.directory/applications/owners/update", owners::remove_from_application);
};

const SERVICE_PRINCIPALS: &[Endpoint] = by_both_ids! {
    "servicePrincipals", Some(Kind::ServicePrincipal),
    GET "", Run::Read(service_principals::get);
    PATCH "", Run::Change("microsoft.directory/servicePrincipals/allProperties/update", service_principals::update);
    DELETE "", Run::Change("microsoft.directory/servicePrincipals/delete", service_principals::delete);
    POST "/addPassword", Run::Change("microsoft.directory/servicePrincipals/credentials/update", passwords::add_to_principal);
    POST "/removePassword", Run::Change("microsoft.directory/servicePrincipals/credentials/update", passwords::remove_from_principal);
    GET "/owners", Run::Read(owners::of_principal);
    POST "/owners/$ref", Run::Change("microsoft.directory/servicePrincipals/owners/update", owners::add_to_principal);
    DELETE "/owners/{owner}/$ref", Run::Change("microsoft.directory/servicePrincipals/owners/update", owners::remove_from_principal);
    GET "/ownedObjects", Run::Read(owners::owned);
};

/// A policy binds the owners of an object, too: it is not theirs to give.
const POLICIES_OF_APPLICATIONS: &[Endpoint] = by_both_ids! {
    "applications", None,
    GET "/tokenLifetimePolicies", Run::Read(lifetimes::of_application);
    POST "/tokenLifetimePolicies/$ref", Run::Change("microsoft.directory/applications/policies/update", lifetimes::assign_to_application);
    DELETE "/tokenLifetimePolicies/{policy}/$ref", Run::Change("microsoft.directory/applications/policies/update", lifetimes::unassign_from_application);
};

const POLICIES_OF_PRINCIPALS: &[Endpoint] = by_both_ids! {
    "servicePrincipals", None,
    GET "/tokenLifetimePolicies", Run::Read(lifetimes::of_principal);
    POST "/tokenLifetimePolicies/$ref", Run::Change("microsoft.directory/servicePrincipals/policies/update", lifetimes::assign_to_principal);
    DELETE "/tokenLifetimePolicies/{policy}/$ref", Run::Change("microsoft.directory/servicePrincipals/policies/update", lifetimes::unassign_from_principal);
};

/// All of them.
pub(crate) fn all() -> impl Iterator<Item = &'static Endpoint> {
    [COLLECTIONS, APPLICATIONS, SERVICE_PRINCIPALS, POLICIES_OF_APPLICATIONS, POLICIES_OF_PRINCIPALS]
        .into_iter()
        .flatten()
}
