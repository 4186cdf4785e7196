//go:build !oldest

// The Azure SDK, MSAL, go-autorest and Terraform's library for Go:
// bonafide-conformance-go imds|app-service|cloud-shell|management|outage.
package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
)

func main() {
	switch strings.Join(os.Args[1:], " ") {
	case "imds":
		end(runAll(slices.Concat(managedIdentities(), legacyIdentities(), terraformIdentities())))
	case "app-service":
		end(runAll(slices.Concat(managedIdentities(), announced(), terraformVariables(), guide())))
	case "cloud-shell":
		end(runAll(cloudShell()))
	case "management":
		end(runAll(slices.Concat(
			signIn(), legacySignIn(), terraformSignIn(), terraformVariables(),
			groups(), identities(), machines(), access(), deletion(),
		)))
	case "outage":
		outage()
	case tokenCommand:
		printToken()
	default:
		fmt.Fprintln(os.Stderr, "usage: bonafide-conformance-go imds|app-service|cloud-shell|management|outage")
		os.Exit(2)
	}
}
