package main

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"os"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/AzureAD/microsoft-authentication-library-for-go/apps/confidential"
	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"
)

func signIn() []scenario {
	return []scenario{
		{"ClientSecretCredential", bySecret},
		{"ClientCertificateCredential, by thumbprint and by x5c", byCertificate},
		{"ClientAssertionCredential", byAssertion},
		{"DefaultAzureCredential signs in from the environment", byEnvironment},
		{"wrong secret, unknown application, unknown tenant, unknown resource", refusedSignIn},
		{"MSAL by secret, certificate, x5c and assertion", byMSAL},
		{"MSAL: wrong secret, unknown application, unknown resource", refusedByMSAL},
	}
}

func bySecret() {
	said := verified(must(token(operator(), armScope)).Token, armAudience)
	equal(said["appid"], any(info.Operator.ClientID))
	equal(said["tid"], any(info.TenantID))
}

func certificateCredential(client string, sendChain bool) *azidentity.ClientCertificateCredential {
	certificates, key := operatorCertificate()
	return must(azidentity.NewClientCertificateCredential(info.TenantID, client, certificates, key, &azidentity.ClientCertificateCredentialOptions{
		ClientOptions: clientOptions(), DisableInstanceDiscovery: true, SendCertificateChain: sendChain,
	}))
}

func byCertificate() {
	for _, sendChain := range []bool{false, true} {
		isOperator(must(token(certificateCredential(info.Operator.ClientID, sendChain), armScope)).Token)
	}
}

func byAssertion() {
	sign := func(context.Context) (string, error) { return assertion(tokenEndpoint()), nil }
	credential := must(azidentity.NewClientAssertionCredential(info.TenantID, info.Operator.ClientID, sign, &azidentity.ClientAssertionCredentialOptions{
		ClientOptions: clientOptions(), DisableInstanceDiscovery: true,
	}))
	isOperator(must(token(credential, armScope)).Token)
}

func byEnvironment() {
	variables := map[string]string{
		"AZURE_TENANT_ID":     info.TenantID,
		"AZURE_CLIENT_ID":     info.Operator.ClientID,
		"AZURE_CLIENT_SECRET": operatorSecret(),
	}
	for name, value := range variables {
		check(os.Setenv(name, value))
		defer os.Unsetenv(name)
	}
	// The authority is AZURE_AUTHORITY_HOST, which `bonafide env` exports.
	credential := must(azidentity.NewDefaultAzureCredential(&azidentity.DefaultAzureCredentialOptions{DisableInstanceDiscovery: true}))
	isOperator(must(token(credential, armScope)).Token)
}

func refusedSignIn() {
	words := []string{"Trace ID: ", "Correlation ID: ", "Timestamp: "}
	tenant, client, secret := info.TenantID, info.Operator.ClientID, operatorSecret()
	refused(errorOf(token(secretCredential(tenant, client, "wrong"), armScope)), append(words, "AADSTS7000215")...)
	refused(errorOf(token(secretCredential(tenant, nobody, secret), armScope)), append(words, "AADSTS700016")...)
	refused(errorOf(token(certificateCredential(nobody, false), armScope)), append(words, "AADSTS700016")...)
	refused(errorOf(token(secretCredential(nobody, client, secret), armScope)), "AADSTS90002")
	refused(errorOf(token(operator(), "https://nobody.example/.default")), append(words, "AADSTS500011")...)
}

// acquire asks for a token with the credential, as an application that uses MSAL itself.
func acquire(client string, credential confidential.Credential, scope string, options ...confidential.Option) (confidential.AuthResult, error) {
	options = append(options, confidential.WithInstanceDiscovery(false))
	application := must(confidential.New(info.Endpoints.Login+"/"+info.TenantID, client, credential, options...))
	return application.AcquireTokenByCredential(background, []string{scope})
}

func byMSAL() {
	client := info.Operator.ClientID
	isOperator(must(acquire(client, must(confidential.NewCredFromSecret(operatorSecret())), armScope)).AccessToken)
	certificates, key := operatorCertificate()
	certificate := must(confidential.NewCredFromCert(certificates, key))
	isOperator(must(acquire(client, certificate, armScope)).AccessToken)
	isOperator(must(acquire(client, certificate, armScope, confidential.WithX5C())).AccessToken)
	signed := confidential.NewCredFromAssertionCallback(func(_ context.Context, asked confidential.AssertionRequestOptions) (string, error) {
		return assertion(asked.TokenEndpoint), nil
	})
	isOperator(must(acquire(client, signed, armScope)).AccessToken)
}

func refusedByMSAL() {
	secret, wrong := must(confidential.NewCredFromSecret(operatorSecret())), must(confidential.NewCredFromSecret("wrong"))
	refused(errorOf(acquire(info.Operator.ClientID, wrong, armScope)), "AADSTS7000215")
	refused(errorOf(acquire(nobody, secret, armScope)), "AADSTS700016")
	refused(errorOf(acquire(info.Operator.ClientID, secret, "https://nobody.example/.default")), "AADSTS500011")
}

func isOperator(token string) {
	equal(claims(token)["appid"], any(info.Operator.ClientID))
}

func tokenEndpoint() string {
	return info.Endpoints.Login + "/" + info.TenantID + "/oauth2/v2.0/token"
}

// assertion is one that an application makes itself, with the key of its certificate.
func assertion(audience string) string {
	certificates, key := operatorCertificate()
	thumbprint := sha256.Sum256(certificates[0].Raw)
	now := time.Now()
	unsigned := jwt.NewWithClaims(jwt.SigningMethodPS256, jwt.RegisteredClaims{
		Audience:  jwt.ClaimStrings{audience},
		Issuer:    info.Operator.ClientID,
		Subject:   info.Operator.ClientID,
		ID:        uuid.NewString(),
		NotBefore: jwt.NewNumericDate(now),
		ExpiresAt: jwt.NewNumericDate(now.Add(10 * time.Minute)),
	})
	unsigned.Header["x5t#S256"] = base64.RawURLEncoding.EncodeToString(thumbprint[:])
	return must(unsigned.SignedString(key))
}
