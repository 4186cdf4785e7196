//! Endpoints that are no resources: one line each.

mod endpoints;
mod identity_operations;
mod inventory;
mod locations;
mod operations;
mod providers;
mod subscriptions;

pub(crate) use inventory::{known, passes};

use crate::config::Config;
use crate::fault::Fault;
use crate::resource_type::ReadFn;
use crate::right::Right;
use bonafide_types::limits::MANAGEMENT_BODY_BYTES_MAX;
use bonafide_types::{ApiVersion, OperationId, ResourceId, Scope, SubscriptionId};
use bonafide_wire::Route;
use http::Method;
use serde_json::Value;
use std::fmt;

/// An endpoint that is no resource.
pub(crate) struct Fixed {
    pub(crate) route: Route,
    /// The right that a caller needs. An [`Answer::Public`] is given before any right is looked at.
    pub(crate) right: fn(&Named) -> Right,
    pub(crate) answer: Answer,
}

/// The source of a fixed endpoint's answer.
pub(crate) enum Answer {
    /// Without a token, from configuration alone.
    Public(fn(&Config, Option<&ApiVersion>) -> Value),
    /// From what is stored.
    Read(ReadFn),
    /// With the state of an operation, after a step of it.
    Operation(operations::Poll),
}

/// The parameters in the path of a fixed endpoint.
#[derive(Debug, Clone, Default)]
pub(crate) struct Named {
    pub(crate) subscription: Option<SubscriptionId>,
    pub(crate) group: Option<ResourceId>,
    pub(crate) namespace: Option<String>,
    pub(crate) operation: Option<OperationId>,
}

impl Named {
    pub(crate) fn subscription(&self) -> Result<SubscriptionId, Fault> {
        self.subscription.ok_or(Fault::NoSuchRoute)
    }

    pub(crate) fn operation(&self) -> Result<(SubscriptionId, OperationId), Fault> {
        Ok((self.subscription()?, self.operation.ok_or(Fault::NoSuchRoute)?))
    }

    /// The group, or else the subscription.
    pub(crate) fn scope(&self) -> Result<ResourceId, Fault> {
        match &self.group {
            Some(group) => Ok(group.clone()),
            None => Ok(ResourceId::of_subscription(self.subscription()?)),
        }
    }
}

impl AsRef<Route> for Fixed {
    fn as_ref(&self) -> &Route {
        &self.route
    }
}

impl fmt::Debug for Fixed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.route.method, self.route.path)
    }
}

/// A path as the types of a subscription have it, for their [`Right`]s.
const SUBSCRIPTIONS: &str = "Microsoft.Resources/subscriptions";

const fn get(path: &'static str, right: fn(&Named) -> Right, answer: ReadFn) -> Fixed {
    Fixed { route: Route::of_store(Method::GET, path, MANAGEMENT_BODY_BYTES_MAX), right, answer: Answer::Read(answer) }
}

const fn poll(path: &'static str, answer: operations::Poll) -> Fixed {
    Fixed {
        route: Route::of_store(Method::GET, path, MANAGEMENT_BODY_BYTES_MAX),
        right: right_to_operation,
        answer: Answer::Operation(answer),
    }
}

/// All of them.
pub(crate) static FIXED: [Fixed; 15] = [
    Fixed {
        route: Route::of_view(Method::GET, "/metadata/endpoints", MANAGEMENT_BODY_BYTES_MAX),
        right: |_| Right::SignedIn,
        answer: Answer::Public(endpoints::endpoints),
    },
    get("/tenants", |_| Right::SignedIn, subscriptions::tenants),
    get("/providers", |_| Right::SignedIn, providers::list),
    get("/providers/{namespace}", |_| Right::SignedIn, providers::read),
    get("/providers/Microsoft.ManagedIdentity/operations", |_| Right::SignedIn, identity_operations::list),
    get("/subscriptions", |_| Right::SignedIn, subscriptions::list),
    get("/subscriptions/{subscription}", right_of_any_role, subscriptions::read),
    get("/subscriptions/{subscription}/locations", right_of_any_role, locations::list),
    get("/subscriptions/{subscription}/providers", right_to_providers, providers::list),
    get("/subscriptions/{subscription}/providers/{namespace}", right_to_providers, providers::read),
    Fixed {
        route: Route::of_store(
            Method::POST,
            "/subscriptions/{subscription}/providers/{namespace}/register",
            MANAGEMENT_BODY_BYTES_MAX,
        ),
        right: right_to_register,
        answer: Answer::Read(providers::read),
    },
    poll(
        "/subscriptions/{subscription}/providers/{namespace}/locations/{location}/operations/{operation}",
        operations::status,
    ),
    poll("/subscriptions/{subscription}/operationresults/{operation}", operations::result),
    get("/subscriptions/{subscription}/resources", right_to_inventory, inventory::page),
    get("/subscriptions/{subscription}/resourceGroups/{group}/resources", right_to_inventory, inventory::page),
];

/// A path names what its placeholders say, so that none of these is without its subscription; one that
/// were would be nobody's.
fn in_subscription(named: &Named, right: impl FnOnce(SubscriptionId) -> Right) -> Right {
    named.subscription.map_or_else(|| Right::Action("*".to_owned(), Scope::Root), right)
}

fn right_of_any_role(named: &Named) -> Right {
    in_subscription(named, Right::AnyRole)
}

fn right_to_providers(named: &Named) -> Right {
    in_subscription(named, |id| {
        Right::Action(format!("{SUBSCRIPTIONS}/providers/read"), Scope::Id(ResourceId::of_subscription(id)))
    })
}

fn right_to_register(named: &Named) -> Right {
    let namespace = named.namespace.as_deref().unwrap_or("*");
    in_subscription(named, |id| {
        Right::Action(format!("{namespace}/register/action"), Scope::Id(ResourceId::of_subscription(id)))
    })
}

fn right_to_inventory(named: &Named) -> Right {
    in_subscription(named, |id| match &named.group {
        Some(group) => Right::Listing(format!("{SUBSCRIPTIONS}/resourceGroups/resources/read"), group.clone()),
        None => Right::Listing(format!("{SUBSCRIPTIONS}/resources/read"), ResourceId::of_subscription(id)),
    })
}

fn right_to_operation(named: &Named) -> Right {
    match named.operation() {
        Ok((subscription, operation)) => Right::Operation(subscription, operation),
        Err(_) => Right::Action("*".to_owned(), Scope::Root),
    }
}
