//go:build oldest

// The oldest azidentity that can be told of a cloud of one's own, and the MSAL below it. They know neither object ids nor,
// in MSAL, managed identities; the management clients that went with them are left out.
package main

import (
	"encoding/json"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
)

func main() {
	switch strings.Join(os.Args[1:], " ") {
	case "imds", "app-service":
		end(runAll([]scenario{
			{"ManagedIdentityCredential is the system-assigned identity", isSystemAssigned},
			{"ManagedIdentityCredential by client id and resource id", isSelected},
			{"DefaultAzureCredential, and with AZURE_CLIENT_ID", isDefault},
			{"an unknown identity is refused at once", isUnknown},
			{"go-oidc verifies the token by discovery and key set", isVerified},
			{"the token reads the virtual machine", func() { readDemo(must(token(managed(nil), armScope)).Token) }},
		}))
	case "cloud-shell":
		end(runAll([]scenario{{"ManagedIdentityCredential in Cloud Shell", isSystemAssigned}}))
	case "management":
		end(runAll(signIn()))
	case tokenCommand:
		printToken()
	}
}

// demoMachine is the demo machine, as far as the scenarios need it.
type demoMachine struct {
	Identity struct {
		PrincipalID            string
		UserAssignedIdentities map[string]struct{ ClientID, PrincipalID string }
	}
}

func readDemo(token string) (machine demoMachine) {
	request := must(http.NewRequest(http.MethodGet, info.Endpoints.Management+demo()+"?api-version=2024-07-01", nil))
	request.Header.Set("Authorization", "Bearer "+token)
	answer := must(http.DefaultClient.Do(request))
	defer answer.Body.Close()
	equal(answer.StatusCode, http.StatusOK)
	check(json.NewDecoder(answer.Body).Decode(&machine))
	return machine
}

func demoAsOperator() demoMachine {
	return readDemo(must(token(operator(), armScope)).Token)
}

func demoUser() (id, client, object string) {
	for id, user := range demoAsOperator().Identity.UserAssignedIdentities {
		return id, user.ClientID, user.PrincipalID
	}
	panic("the demo machine has no user-assigned identity")
}

func managed(id azidentity.ManagedIDKind) azcore.TokenCredential {
	return must(azidentity.NewManagedIdentityCredential(&azidentity.ManagedIdentityCredentialOptions{ID: id}))
}

func isSystemAssigned() {
	got := must(token(managed(nil), armScope))
	said := claims(got.Token)
	equal(said["oid"], any(demoAsOperator().Identity.PrincipalID))
	// It counts from when it asked.
	require(got.ExpiresOn.Sub(must(said.GetExpirationTime()).Time).Abs() < 5*time.Second, "it ends at %v", got.ExpiresOn)
}

func isSelected() {
	id, client, object := demoUser()
	for _, selector := range []azidentity.ManagedIDKind{azidentity.ClientID(client), azidentity.ResourceID(id)} {
		equal(claims(must(token(managed(selector), armScope)).Token)["oid"], any(object))
	}
}

func isDefault() {
	equal(claims(must(token(must(azidentity.NewDefaultAzureCredential(nil)), armScope)).Token)["oid"], any(demoAsOperator().Identity.PrincipalID))
	_, client, object := demoUser()
	check(os.Setenv("AZURE_CLIENT_ID", client))
	defer os.Unsetenv("AZURE_CLIENT_ID")
	equal(claims(must(token(must(azidentity.NewDefaultAzureCredential(nil)), armScope)).Token)["oid"], any(object))
}

func isUnknown() {
	id, _, _ := demoUser()
	for _, selector := range []azidentity.ManagedIDKind{azidentity.ClientID(nobody), azidentity.ResourceID(id + "x")} {
		atOnce(func() { refused(errorOf(token(managed(selector), armScope)), "dentity") })
	}
}

func isVerified() {
	verified(must(token(managed(nil), armScope)).Token, armAudience)
	verified(must(token(managed(nil), "https://vault.azure.net/.default")).Token, "https://vault.azure.net")
}
