//go:build !oldest

package main

import (
	"os"

	"github.com/hashicorp/go-azure-sdk/sdk/auth"
	"github.com/hashicorp/go-azure-sdk/sdk/environments"
	"software.sslmate.com/src/go-pkcs12"
)

func terraformSignIn() []scenario {
	return []scenario{
		{"Terraform's library finds the cloud at /metadata/endpoints", discovered},
		{"Terraform's library by secret, certificate and assertion", byTerraform},
		{"Terraform's library: wrong secret, unknown application", refusedByTerraform},
	}
}

func terraformIdentities() []scenario {
	return []scenario{{"Terraform's library by client id and without", selectedByTerraform}}
}

// terraformVariables is what both `env` and `exec` tell it.
func terraformVariables() []scenario {
	return []scenario{{"Terraform's library is told not to wait where there is nothing to wait for", toldNotToWait}}
}

// toldNotToWait: without the variable the library waits ten seconds before it asks after an operation.
func toldNotToWait() {
	equal(os.Getenv("GO_AZURE_SDK_SKIP_POLLING_DELAY"), "true")
}

func environment() environments.Environment {
	return *must(environments.FromEndpoint(background, info.Endpoints.Management))
}

func discovered() {
	found := environment()
	equal(found.Authorization.LoginEndpoint, info.Endpoints.Login)
	equal(found.Authorization.IdentityProvider, "AAD")
	manager, _ := found.ResourceManager.Endpoint()
	equal(*manager, info.Endpoints.Management)
}

// authorize gets a token of the resource manager with the credentials.
func authorize(credentials auth.Credentials) (string, error) {
	credentials.Environment = environment()
	credentials.TenantID = info.TenantID
	authorizer := must(auth.NewAuthorizerFromCredentials(background, credentials, credentials.Environment.ResourceManager))
	got, err := authorizer.Token(background, nil)
	if err != nil {
		return "", err
	}
	return got.AccessToken, nil
}

func withSecret(client, secret string) auth.Credentials {
	return auth.Credentials{ClientID: client, ClientSecret: secret, EnableAuthenticatingUsingClientSecret: true}
}

func byTerraform() {
	client := info.Operator.ClientID
	isOperator(must(authorize(withSecret(client, operatorSecret()))))
	certificates, key := operatorCertificate()
	const password = "open"
	isOperator(must(authorize(auth.Credentials{
		ClientID:                  client,
		ClientCertificateData:     must(pkcs12.Modern.Encode(key, certificates[0], nil, password)),
		ClientCertificatePassword: password,
		EnableAuthenticatingUsingClientCertificate: true,
	})))
	isOperator(must(authorize(auth.Credentials{
		ClientID: client, OIDCAssertionToken: assertion(tokenEndpoint()), EnableAuthenticationUsingOIDC: true,
	})))
}

func refusedByTerraform() {
	refused(errorOf(authorize(withSecret(info.Operator.ClientID, "wrong"))), "AADSTS7000215")
	refused(errorOf(authorize(withSecret(nobody, operatorSecret()))), "AADSTS700016")
}

func selectedByTerraform() {
	_, user := demoUser()
	isSystem(must(authorize(auth.Credentials{EnableAuthenticatingUsingManagedIdentity: true})))
	isUser(must(authorize(auth.Credentials{EnableAuthenticatingUsingManagedIdentity: true, ClientID: *user.ClientID})))
}
