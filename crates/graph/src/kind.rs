//! The types of objects that are served, with their properties in the order of Microsoft Learn.

use crate::merge::merge;
use serde_json::{Map, Value, json};

/// A type of the directory's objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Application,
    AppRoleAssignment,
    Organization,
    ServicePrincipal,
    TokenLifetimePolicy,
}

impl Kind {
    /// The name in the model.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Application => "application",
            Self::AppRoleAssignment => "appRoleAssignment",
            Self::Organization => "organization",
            Self::ServicePrincipal => "servicePrincipal",
            Self::TokenLifetimePolicy => "tokenLifetimePolicy",
        }
    }

    /// The collection's segment of a path.
    pub(crate) fn collection(self) -> &'static str {
        match self {
            Self::Application => "applications",
            Self::AppRoleAssignment => "appRoleAssignments",
            Self::Organization => "organization",
            Self::ServicePrincipal => "servicePrincipals",
            Self::TokenLifetimePolicy => "tokenLifetimePolicies",
        }
    }

    /// The name in messages about a property.
    pub(crate) fn resource(self) -> &'static str {
        match self {
            Self::Application => "Application",
            Self::AppRoleAssignment => "AppRoleAssignment",
            Self::Organization => "Company",
            Self::ServicePrincipal => "ServicePrincipal",
            Self::TokenLifetimePolicy => "TokenLifetimePolicy",
        }
    }

    /// `@odata.type`, where an answer can have objects of other types too.
    pub(crate) fn odata_type(self) -> String {
        format!("#microsoft.graph.{}", self.name())
    }

    /// Every property, as it is for an object that has no more than it must: those that nothing here fills have their
    /// empty value, as with Entra.
    pub(crate) fn empty(self) -> Map<String, Value> {
        let properties = match self {
            Self::Application => application(),
            Self::AppRoleAssignment => app_role_assignment(),
            Self::Organization => organization(),
            Self::ServicePrincipal => service_principal(),
            Self::TokenLifetimePolicy => token_lifetime_policy(),
        };
        match properties {
            Value::Object(properties) => properties,
            _ => Map::new(),
        }
    }
}

/// Source: Microsoft Learn, "servicePrincipal resource type".
fn service_principal() -> Value {
    json!({
        "id": null,
        "deletedDateTime": null,
        "accountEnabled": null,
        "addIns": [],
        "alternativeNames": [],
        "appDescription": null,
        "appDisplayName": null,
        "appId": null,
        "applicationTemplateId": null,
        "appOwnerOrganizationId": null,
        "appRoleAssignmentRequired": false,
        "appRoles": [],
        "createdDateTime": null,
        "description": null,
        "disabledByMicrosoftStatus": null,
        "displayName": null,
        "homepage": null,
        "info": null,
        "keyCredentials": [],
        "loginUrl": null,
        "logoutUrl": null,
        "notes": null,
        "notificationEmailAddresses": [],
        "oauth2PermissionScopes": [],
        "passwordCredentials": [],
        "preferredSingleSignOnMode": null,
        "preferredTokenSigningKeyThumbprint": null,
        "replyUrls": [],
        "resourceSpecificApplicationPermissions": [],
        "samlSingleSignOnSettings": null,
        "servicePrincipalNames": [],
        "servicePrincipalType": null,
        "signInAudience": null,
        "tags": [],
        "tokenEncryptionKeyId": null,
        "verifiedPublisher": null,
    })
}

/// Source: Microsoft Learn, "application resource type".
fn application() -> Value {
    let api = json!({
        "acceptMappedClaims": null,
        "knownClientApplications": [],
        "oauth2PermissionScopes": [],
        "preAuthorizedApplications": [],
        "requestedAccessTokenVersion": null,
    });
    let info = json!({
        "logoUrl": null,
        "marketingUrl": null,
        "privacyStatementUrl": null,
        "supportUrl": null,
        "termsOfServiceUrl": null,
    });
    let grants = json!({ "enableAccessTokenIssuance": false, "enableIdTokenIssuance": false });
    let web = json!({
        "homePageUrl": null,
        "implicitGrantSettings": grants,
        "logoutUrl": null,
        "redirectUriSettings": [],
        "redirectUris": [],
    });
    let first = json!({
        "id": null,
        "deletedDateTime": null,
        "addIns": [],
        "api": api,
        "appId": null,
        "applicationTemplateId": null,
        "appRoles": [],
        "certification": null,
        "createdDateTime": null,
        "defaultRedirectUri": null,
        "description": null,
        "disabledByMicrosoftStatus": null,
        "displayName": null,
        "groupMembershipClaims": null,
        "identifierUris": [],
        "info": info,
        "isDeviceOnlyAuthSupported": null,
        "isFallbackPublicClient": null,
    });
    let second = json!({
        "keyCredentials": [],
        "nativeAuthenticationApisEnabled": null,
        "notes": null,
        "optionalClaims": null,
        "parentalControlSettings": { "countriesBlockedForMinors": [], "legalAgeGroupRule": "Allow" },
        "passwordCredentials": [],
        "publicClient": { "redirectUris": [] },
        "publisherDomain": null,
        "requestSignatureVerification": null,
        "requiredResourceAccess": [],
        "samlMetadataUrl": null,
        "serviceManagementReference": null,
        "servicePrincipalLockConfiguration": null,
        "signInAudience": null,
        "spa": { "redirectUris": [] },
        "tags": [],
        "tokenEncryptionKeyId": null,
        "uniqueName": null,
        "verifiedPublisher": { "addedDateTime": null, "displayName": null, "verifiedPublisherId": null },
        "web": web,
    });
    let mut whole = first;
    merge(&mut whole, second);
    whole
}

/// Source: Microsoft Learn, "appRoleAssignment resource type".
fn app_role_assignment() -> Value {
    json!({
        "id": null,
        "deletedDateTime": null,
        "appRoleId": null,
        "createdDateTime": null,
        "principalDisplayName": null,
        "principalId": null,
        "principalType": "ServicePrincipal",
        "resourceDisplayName": null,
        "resourceId": null,
    })
}

/// Source: Microsoft Learn, "organization resource type".
fn organization() -> Value {
    json!({
        "id": null,
        "deletedDateTime": null,
        "assignedPlans": [],
        "businessPhones": [],
        "city": null,
        "country": null,
        "countryLetterCode": null,
        "createdDateTime": null,
        "defaultUsageLocation": null,
        "displayName": null,
        "marketingNotificationEmails": [],
        "onPremisesLastSyncDateTime": null,
        "onPremisesSyncEnabled": null,
        "partnerTenantType": null,
        "postalCode": null,
        "preferredLanguage": null,
        "privacyProfile": null,
        "provisionedPlans": [],
        "securityComplianceNotificationMails": [],
        "securityComplianceNotificationPhones": [],
        "state": null,
        "street": null,
        "technicalNotificationMails": [],
        "tenantType": "AAD",
        "verifiedDomains": [],
    })
}

/// Source: Microsoft Learn, "tokenLifetimePolicy resource type".
fn token_lifetime_policy() -> Value {
    json!({
        "id": null,
        "deletedDateTime": null,
        "definition": [],
        "displayName": null,
        "isOrganizationDefault": false,
    })
}
