//go:build !oldest

package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
)

// outage asks for one token after the other, by credentials that are kept and by new ones, and prints each: until there
// is the file LOOP_UNTIL, of the resources api://outage/0 to LOOP_RESOURCES - 1, so that no cache of a library's answers.
func outage() {
	goesOn := func() bool { _, err := os.Stat(os.Getenv("LOOP_UNTIL")); return err != nil }
	resources := must(strconv.Atoi(os.Getenv("LOOP_RESOURCES")))
	byDefault := func() azcore.TokenCredential { return must(azidentity.NewDefaultAzureCredential(nil)) }
	keptManaged, keptDefault := managed(nil), byDefault()
	number := 0
	for ; goesOn(); time.Sleep(200 * time.Millisecond) {
		for _, credential := range []azcore.TokenCredential{keptManaged, keptDefault, managed(nil), byDefault()} {
			name := strings.TrimPrefix(fmt.Sprintf("%T", credential), "*azidentity.")
			got, err := token(credential, fmt.Sprintf("api://outage/%d/.default", number%resources))
			if err != nil {
				fmt.Printf("failed %s %.600s\n", name, strings.Join(strings.Fields(err.Error()), " "))
			} else {
				fmt.Printf("token %s %s\n", name, got.Token)
			}
			number++
		}
	}
}
