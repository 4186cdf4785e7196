package main

import (
	"fmt"
	"os"
	"os/exec"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/golang-jwt/jwt/v5"
)

// tokenCommand is the part that this program is when `bonafide exec` runs it as a workload.
const tokenCommand = "token"

func token(credential azcore.TokenCredential, scope string) (azcore.AccessToken, error) {
	return credential.GetToken(background, policy.TokenRequestOptions{Scopes: []string{scope}})
}

// claims are those of a token, not verified.
func claims(token string) jwt.MapClaims {
	claims := jwt.MapClaims{}
	_, _, err := jwt.NewParser().ParseUnverified(token, claims)
	check(err)
	return claims
}

// verified are the claims of a token whose discovery document, key set, signature, issuer, audience
// and times are all right, as a service that trusts the tenant finds out.
func verified(token, audience string) map[string]any {
	issuer, _ := claims(token)["iss"].(string)
	require(strings.HasPrefix(issuer, info.Endpoints.Login+"/"), "the issuer is %s", issuer)
	provider := must(oidc.NewProvider(background, issuer))
	checked := must(provider.Verifier(&oidc.Config{ClientID: audience}).Verify(background, token))
	said := map[string]any{}
	check(checked.Claims(&said))
	return said
}

// printToken asks for a token as the workload whose environment this is.
func printToken() {
	credential, err := azidentity.NewDefaultAzureCredential(nil)
	if err == nil {
		var got azcore.AccessToken
		if got, err = token(credential, armScope); err == nil {
			fmt.Println(got.Token)
			return
		}
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

// tokenOf is a token that DefaultAzureCredential gets as the workload, of its default identity or
// of the one with the client id.
func tokenOf(workload, clientID string) (string, error) {
	command := exec.Command(os.Getenv("BONAFIDE"), "exec", "--data-dir", os.Getenv("BONAFIDE_DATA"),
		"--workload", workload, "--", os.Args[0], tokenCommand)
	command.Env = os.Environ()
	if clientID != "" {
		command.Env = append(command.Env, "AZURE_CLIENT_ID="+clientID)
	}
	var said strings.Builder
	command.Stderr = &said
	printed, err := command.Output()
	if err != nil {
		return "", fmt.Errorf("%w: %s", err, said.String())
	}
	return strings.TrimSpace(string(printed)), nil
}
