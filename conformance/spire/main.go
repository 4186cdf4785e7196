// What SPIRE reads of an instance, with SPIRE's own code: its agent's part of the attestors azure_imds and azure_msi, and the
// checks of a signed document that its server makes, but those for Microsoft's own authorities.
package main

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"os"

	"github.com/smallstep/pkcs7"
	"github.com/spiffe/go-spiffe/v2/spiffeid"
	"github.com/spiffe/spire/pkg/common/plugin/azure"
)

// The challenge of a SPIRE server: ten digits, because Azure takes no longer ones.
const nonce = "1234567890"

func main() {
	authorities := x509.NewCertPool()
	if !authorities.AppendCertsFromPEM(must(os.ReadFile(os.Args[1]))) {
		panic("there is no certificate in " + os.Args[1])
	}
	instance := must(azure.FetchInstanceMetadata(http.DefaultClient))
	document := must(azure.FetchAttestedDocument(http.DefaultClient, nonce))
	token := must(azure.FetchMSIToken(http.DefaultClient, azure.DefaultMSIResourceID))

	signed := must(pkcs7.Parse(must(base64.StdEncoding.DecodeString(document.Signature))))
	signer := signed.GetOnlySigner()
	if signer == nil {
		panic("there is not exactly one signer")
	}
	check(signed.Verify())
	intermediates := x509.NewCertPool()
	for _, certificate := range signed.Certificates {
		intermediates.AddCert(certificate)
	}
	must(signer.Verify(x509.VerifyOptions{
		Roots: authorities, Intermediates: intermediates, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
	}))
	content := azure.AttestedDocumentContent{TenantID: os.Args[2]}
	check(json.Unmarshal(signed.Content, &content))
	if content.Nonce != nonce {
		panic("the nonce is " + content.Nonce)
	}
	domain := spiffeid.RequireTrustDomainFromString("example.org")
	id := must(azure.MakeIMDSAgentID(domain, azure.DefaultIMDSAgentPathTemplate, &content))
	check(json.NewEncoder(os.Stdout).Encode(map[string]any{
		"instance": instance.Compute, "content": content, "token": token, "id": id.String(), "names": signer.DNSNames,
	}))
}

func must[T any](value T, err error) T {
	check(err)
	return value
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
