//go:build !oldest

package main

import (
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/AzureAD/microsoft-authentication-library-for-go/apps/managedidentity"
)

// cloudShell is the endpoint that MSI_ENDPOINT names where there is no MSI_SECRET.
func cloudShell() []scenario {
	return []scenario{
		{"ManagedIdentityCredential and DefaultAzureCredential in Cloud Shell", signedInToCloudShell},
		{"MSAL in Cloud Shell", cloudShellByMSAL},
		{"the token of Cloud Shell reads the virtual machine and cannot create one", func() { reads(); cannotCreate() }},
	}
}

func signedInToCloudShell() {
	isSystem(must(token(managed(nil), armScope)).Token)
	isSystem(must(token(must(azidentity.NewDefaultAzureCredential(nil)), storage+"/.default")).Token)
	verified(must(token(managed(nil), batch+"/.default")).Token, batch)
}

func cloudShellByMSAL() {
	isSystem(must(acquireManaged(managedidentity.SystemAssigned(), vault)).AccessToken)
	refused(errorOf(acquireManaged(managedidentity.SystemAssigned(), "https://nobody.example")), "AADSTS500011")
	_, user := demoUser()
	refused(errorOf(managedidentity.New(managedidentity.UserAssignedClientID(*user.ClientID))), "Cloud Shell")
}
