package main

import (
	"context"
	"crypto"
	"crypto/x509"
	"encoding/json"
	"os"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/arm"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
)

const (
	armAudience = "https://management.azure.com"
	armScope    = armAudience + "/.default"
	nobody      = "00000000-0000-4000-8000-000000000000"
	place       = "westeurope"
)

var background = context.Background()

// info is the running cloud, as `up --json` described it.
var info = func() (info struct {
	TenantID       string
	SubscriptionID string
	Endpoints      struct{ Login, Management string }
	Operator       struct{ ClientID, SecretFile, CertificateFile string }
	Workloads      []struct{ ResourceID string }
}) {
	check(json.Unmarshal(must(os.ReadFile(os.Getenv("BONAFIDE_INFO"))), &info))
	info.Endpoints.Login = strings.TrimSuffix(info.Endpoints.Login, "/")
	info.Endpoints.Management = strings.TrimSuffix(info.Endpoints.Management, "/")
	return info
}()

// here is what the Azure SDK must be told about a cloud of one's own.
var here = cloud.Configuration{
	ActiveDirectoryAuthorityHost: info.Endpoints.Login,
	Services: map[cloud.ServiceName]cloud.ServiceConfiguration{
		cloud.ResourceManager: {Endpoint: info.Endpoints.Management, Audience: armAudience},
	},
}

func clientOptions() azcore.ClientOptions {
	return azcore.ClientOptions{Cloud: here}
}

func armOptions() *arm.ClientOptions {
	return &arm.ClientOptions{ClientOptions: clientOptions()}
}

// demo is the id of the machine that the first start makes.
func demo() string {
	return info.Workloads[0].ResourceID
}

func operatorSecret() string {
	return strings.TrimSpace(string(must(os.ReadFile(info.Operator.SecretFile))))
}

func operatorCertificate() ([]*x509.Certificate, crypto.PrivateKey) {
	certificates, key, err := azidentity.ParseCertificates(must(os.ReadFile(info.Operator.CertificateFile)), nil)
	check(err)
	return certificates, key
}

// operator is the operator, by its client secret.
func operator() azcore.TokenCredential {
	return secretCredential(info.TenantID, info.Operator.ClientID, operatorSecret())
}

func secretCredential(tenant, client, secret string) azcore.TokenCredential {
	return must(azidentity.NewClientSecretCredential(tenant, client, secret, &azidentity.ClientSecretCredentialOptions{
		ClientOptions: clientOptions(), DisableInstanceDiscovery: true,
	}))
}
