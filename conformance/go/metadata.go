//go:build !oldest

package main

import (
	"os"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/compute/armcompute/v8"
	"github.com/AzureAD/microsoft-authentication-library-for-go/apps/managedidentity"
)

// MSAL keeps tokens for the whole process, by identity and resource: scenarios that must ask the
// endpoint take a resource that no other scenario takes.
const (
	vault   = "https://vault.azure.net"
	storage = "https://storage.azure.com/"
	batch   = "https://batch.core.windows.net/"
)

// managedIdentities is the same for every dialect, as the SDKs promise.
func managedIdentities() []scenario {
	return []scenario{
		{"ManagedIdentityCredential is the system-assigned identity", systemAssigned},
		{"ManagedIdentityCredential by client id, object id and resource id", selected},
		{"MSAL by client id, object id, resource id and without", selectedByMSAL},
		{"DefaultAzureCredential, and with AZURE_CLIENT_ID", byDefault},
		{"an unknown identity is refused at once", unknownIdentity},
		{"an unknown resource is refused with the reason", unknownResource},
		{"tokens for other audiences, with and without a slash", audiences},
		{"go-oidc verifies the token by discovery and key set", verifiedToken},
		{"the token reads the virtual machine", reads},
		{"the token cannot create one: 403 AuthorizationFailed", cannotCreate},
	}
}

// demoIdentity is the identity of the demo machine, as the operator reads it.
func demoIdentity() *armcompute.VirtualMachineIdentity {
	return must(machinesClient(operator()).Get(background, "demo", "demo", nil)).Identity
}

// demoUser is the resource id of the demo machine's user-assigned identity, with what it is.
func demoUser() (string, *armcompute.UserAssignedIdentitiesValue) {
	for id, user := range demoIdentity().UserAssignedIdentities {
		return id, user
	}
	panic("the demo machine has no user-assigned identity")
}

func managed(id azidentity.ManagedIDKind) azcore.TokenCredential {
	return must(azidentity.NewManagedIdentityCredential(&azidentity.ManagedIdentityCredentialOptions{ID: id}))
}

func isSystem(token string) {
	equal(claims(token)["oid"], any(*demoIdentity().PrincipalID))
}

func isUser(token string) {
	id, user := demoUser()
	said := claims(token)
	equal(said["oid"], any(*user.PrincipalID))
	equal(said["appid"], any(*user.ClientID))
	require(strings.EqualFold(said["xms_mirid"].(string), id), "xms_mirid is %s", said["xms_mirid"])
}

func systemAssigned() {
	got := must(token(managed(nil), armScope))
	isSystem(got.Token)
	said := claims(got.Token)
	equal(said["tid"], any(info.TenantID))
	require(strings.EqualFold(said["xms_mirid"].(string), demo()), "xms_mirid is %s", said["xms_mirid"])
	equal(got.ExpiresOn.Unix(), must(said.GetExpirationTime()).Unix())
	left := time.Until(got.ExpiresOn)
	require(23*time.Hour < left && left <= 24*time.Hour, "it lives %v", left)
}

func selected() {
	id, user := demoUser()
	for _, selector := range []azidentity.ManagedIDKind{
		azidentity.ClientID(*user.ClientID), azidentity.ObjectID(*user.PrincipalID),
		azidentity.ResourceID(id), azidentity.ResourceID(strings.ToLower(id)),
	} {
		isUser(must(token(managed(selector), armScope)).Token)
	}
}

func acquireManaged(id managedidentity.ID, resource string) (managedidentity.AuthResult, error) {
	return must(managedidentity.New(id)).AcquireToken(background, resource)
}

func selectedByMSAL() {
	id, user := demoUser()
	isSystem(must(acquireManaged(managedidentity.SystemAssigned(), vault)).AccessToken)
	for _, selector := range []managedidentity.ID{
		managedidentity.UserAssignedClientID(*user.ClientID), managedidentity.UserAssignedObjectID(*user.PrincipalID),
		managedidentity.UserAssignedResourceID(id),
	} {
		isUser(must(acquireManaged(selector, vault)).AccessToken)
	}
}

func byDefault() {
	scope := storage + "/.default"
	isSystem(must(token(must(azidentity.NewDefaultAzureCredential(nil)), scope)).Token)
	_, user := demoUser()
	check(os.Setenv("AZURE_CLIENT_ID", *user.ClientID))
	defer os.Unsetenv("AZURE_CLIENT_ID")
	isUser(must(token(must(azidentity.NewDefaultAzureCredential(nil)), scope)).Token)
}

func unknownIdentity() {
	id, _ := demoUser()
	for _, selector := range []azidentity.ManagedIDKind{
		azidentity.ClientID(nobody), azidentity.ObjectID(nobody), azidentity.ResourceID(id + "x"),
	} {
		atOnce(func() { refused(errorOf(token(managed(selector), armScope)), "400") })
	}
}

func unknownResource() {
	ask := func() {
		refused(errorOf(acquireManaged(managedidentity.SystemAssigned(), "https://nobody.example")), "AADSTS500011", "https://nobody.example")
	}
	if onAppService() {
		// Its answer is 500, which clients take for a passing failure.
		ask()
		return
	}
	atOnce(ask)
	atOnce(func() { refused(errorOf(token(managed(nil), "https://nobody.example/.default")), "AADSTS500011") })
}

func onAppService() bool {
	return os.Getenv("IDENTITY_ENDPOINT") != ""
}

func audiences() {
	for scope, audience := range map[string]string{
		"https://vault.azure.net/.default":                   vault,
		"https://storage.azure.com//.default":                storage,
		"https://management.core.windows.net//.default":      "https://management.core.windows.net/",
		"https://graph.microsoft.com/.default":               "https://graph.microsoft.com",
		"https://batch.core.windows.net//.default":           batch,
		"https://ossrdbms-aad.database.windows.net/.default": "https://ossrdbms-aad.database.windows.net",
	} {
		verified(must(token(managed(nil), scope)).Token, audience)
	}
}

func verifiedToken() {
	got := must(token(managed(nil), armScope)).Token
	said := verified(got, armAudience)
	equal(said["oid"], said["sub"])
	equal(said["idtyp"], any("app"))
	parts := strings.Split(got, ".")
	other := strings.Split(must(token(managed(nil), vault+"/.default")).Token, ".")
	forged := parts[0] + "." + other[1] + "." + parts[2]
	require(failure(func() { verified(forged, vault) }) != "", "a forged token is accepted")
	require(failure(func() { verified(got, vault) }) != "", "a token for another audience is accepted")
}

func reads() {
	machine := must(machinesClient(managed(nil)).Get(background, "demo", "demo", nil))
	require(strings.EqualFold(*machine.ID, demo()), "its id is %s", *machine.ID)
	equal(*machine.Identity.Type, armcompute.ResourceIdentityTypeSystemAssignedUserAssigned)
	equal(*machine.Identity.PrincipalID, *demoIdentity().PrincipalID)
}

func cannotCreate() {
	_, err := machinesClient(managed(nil)).BeginCreateOrUpdate(background, "demo", "other", armcompute.VirtualMachine{Location: to.Ptr(place)}, nil)
	isFault(err, 403, "AuthorizationFailed", *demoIdentity().PrincipalID, "Microsoft.Compute/virtualMachines/write")
}
