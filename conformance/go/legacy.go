//go:build !oldest

package main

import (
	"crypto/rsa"
	"strings"

	"github.com/Azure/go-autorest/autorest/adal"
	"github.com/Azure/go-autorest/autorest/azure"
)

// armResource is how the older libraries name the resource manager.
const armResource = "https://management.azure.com/"

func legacySignIn() []scenario {
	return []scenario{
		{"go-autorest finds the cloud at /metadata/endpoints, and signs in to it", discoveredByAutorest},
		{"go-autorest by secret, certificate and assertion", byADAL},
		{"go-autorest: wrong secret, unknown application, unknown resource", refusedByADAL},
	}
}

func legacyIdentities() []scenario {
	return []scenario{
		{"go-autorest by client id, resource id and without", selectedByADAL},
		{"go-autorest: an unknown identity is refused", unknownByADAL},
	}
}

// announced is what `exec` tells older clients: MSI_ENDPOINT and MSI_SECRET, version 2017-09-01.
func announced() []scenario {
	return []scenario{
		{"go-autorest at the address that MSI_ENDPOINT names", selectedByADAL},
		{"go-autorest: an unknown identity is refused there", unknownToAppService},
	}
}

func authority() adal.OAuthConfig {
	return *must(adal.NewOAuthConfig(info.Endpoints.Login, info.TenantID))
}

// fresh is the token that a request gets now.
func fresh(token *adal.ServicePrincipalToken, err error) (string, error) {
	check(err)
	if err := token.EnsureFresh(); err != nil {
		return "", err
	}
	return token.OAuthToken(), nil
}

func discoveredByAutorest() {
	found := must(azure.EnvironmentFromURL(info.Endpoints.Management))
	equal(strings.TrimSuffix(found.ActiveDirectoryEndpoint, "/"), info.Endpoints.Login)
	config := *must(adal.NewOAuthConfig(found.ActiveDirectoryEndpoint, info.TenantID))
	token := must(fresh(adal.NewServicePrincipalToken(config, info.Operator.ClientID, operatorSecret(), found.TokenAudience)))
	must(machinesClient(bearer(token)).Get(background, "demo", "demo", nil))
}

func byADAL() {
	client := info.Operator.ClientID
	isOperator(must(fresh(adal.NewServicePrincipalToken(authority(), client, operatorSecret(), armResource))))
	certificates, key := operatorCertificate()
	isOperator(must(fresh(adal.NewServicePrincipalTokenFromCertificate(authority(), client, certificates[0], key.(*rsa.PrivateKey), armResource))))
	config := authority()
	signed := assertion(config.TokenEndpoint.String())
	isOperator(must(fresh(adal.NewServicePrincipalTokenFromFederatedToken(config, client, signed, armResource))))
}

func refusedByADAL() {
	client, secret := info.Operator.ClientID, operatorSecret()
	refused(errorOf(fresh(adal.NewServicePrincipalToken(authority(), client, "wrong", armResource))), "AADSTS7000215")
	refused(errorOf(fresh(adal.NewServicePrincipalToken(authority(), nobody, secret, armResource))), "AADSTS700016")
	refused(errorOf(fresh(adal.NewServicePrincipalToken(authority(), client, secret, "https://nobody.example/"))), "AADSTS500011")
}

func freshManaged(options adal.ManagedIdentityOptions) (string, error) {
	return fresh(adal.NewServicePrincipalTokenFromManagedIdentity(armResource, &options))
}

func selectedByADAL() {
	id, user := demoUser()
	isSystem(must(freshManaged(adal.ManagedIdentityOptions{})))
	isUser(must(freshManaged(adal.ManagedIdentityOptions{ClientID: *user.ClientID})))
	isUser(must(freshManaged(adal.ManagedIdentityOptions{IdentityResourceID: id})))
}

func unknownToAppService() {
	atOnce(func() {
		message := "No User Assigned or Delegated Managed Identity found"
		refused(errorOf(freshManaged(adal.ManagedIdentityOptions{ClientID: nobody})), message)
	})
}

func unknownByADAL() {
	atOnce(func() {
		refused(errorOf(freshManaged(adal.ManagedIdentityOptions{ClientID: nobody})), "Identity not found")
	})
}
