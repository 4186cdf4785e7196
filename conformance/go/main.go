// The Azure SDK, MSAL, go-autorest and Terraform's library for Go:
// bonafide-conformance-go imds|app-service|management.
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
	case "management":
		end(runAll(slices.Concat(
			signIn(), legacySignIn(), terraformSignIn(), terraformVariables(),
			groups(), identities(), machines(), access(), deletion(),
		)))
	case tokenCommand:
		printToken()
	default:
		fmt.Fprintln(os.Stderr, "usage: bonafide-conformance-go imds|app-service|management")
		os.Exit(2)
	}
}

func end(passed bool) {
	if !passed {
		os.Exit(1)
	}
}
