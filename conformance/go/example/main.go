// A token of the machine's identity, with the stock SDK: on Azure, and here by `bonafide exec`.
package main

import (
	"context"
	"fmt"
	"log"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
)

func main() {
	credential, err := azidentity.NewDefaultAzureCredential(nil)
	if err != nil {
		log.Fatal(err)
	}
	asked := policy.TokenRequestOptions{Scopes: []string{"https://vault.azure.net/.default"}}
	token, err := credential.GetToken(context.Background(), asked)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("a token until", token.ExpiresOn)
}
