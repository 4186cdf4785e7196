//go:build !oldest

package main

import (
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/msi/armmsi"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/resources/armresources/v3"
)

// group is the resource group of these scenarios.
const group = "go"

func groups() []scenario {
	return []scenario{{"armresources: resource groups", manageGroups}}
}

func identities() []scenario {
	return []scenario{{"armmsi: create, read, update, list and delete an identity", manageIdentities}}
}

func groupsClient() *armresources.ResourceGroupsClient {
	return must(armresources.NewResourceGroupsClient(info.SubscriptionID, operator(), armOptions()))
}

func usersClient() *armmsi.UserAssignedIdentitiesClient {
	return must(armmsi.NewUserAssignedIdentitiesClient(info.SubscriptionID, operator(), armOptions()))
}

// done waits for an operation as the SDK does by itself.
func done[T any](poller *runtime.Poller[T], err error) T {
	check(err)
	return must(poller.PollUntilDone(background, nil))
}

// all are the items of every page.
func all[T, Item any](pager *runtime.Pager[T], items func(T) []*Item) (found []*Item) {
	for pager.More() {
		found = append(found, items(must(pager.NextPage(background)))...)
	}
	return found
}

// isFault fails unless the error is the fault of a request, with all of the parts in its text.
func isFault(err error, status int, code string, parts ...string) {
	var fault *azcore.ResponseError
	require(errors.As(err, &fault), "no fault of a request: %v", err)
	require(fault.StatusCode == status && fault.ErrorCode == code, "not %d %s: %v", status, code, fault)
	refused(err, parts...)
}

func tags(name, value string) map[string]*string {
	return map[string]*string{name: to.Ptr(value)}
}

func manageGroups() {
	groups := groupsClient()
	exists := func(name string) bool { return must(groups.CheckExistence(background, name, nil)).Success }
	equal(exists(group), false)
	made := must(groups.CreateOrUpdate(background, group, armresources.ResourceGroup{Location: to.Ptr("West Europe"), Tags: tags("who", "go")}, nil))
	equal(*made.Name, group)
	equal(*made.Location, place)
	equal(*made.Properties.ProvisioningState, "Succeeded")
	equal(exists(strings.ToUpper(group)), true)
	changed := must(groups.Update(background, group, armresources.ResourceGroupPatchable{Tags: tags("who", "else")}, nil))
	equal(*changed.Tags["who"], "else")
	listed := all(groups.NewListPager(&armresources.ResourceGroupsClientListOptions{Filter: to.Ptr("tagName eq 'who' and tagValue eq 'else'")}),
		func(page armresources.ResourceGroupsClientListResponse) []*armresources.ResourceGroup {
			return page.Value
		})
	equal(len(listed), 1)
	isFault(errorOf(groups.Get(background, "none", nil)), http.StatusNotFound, "ResourceGroupNotFound")
	must(groups.CreateOrUpdate(background, "go-gone", armresources.ResourceGroup{Location: to.Ptr(place)}, nil))
	done(groups.BeginDelete(background, "go-gone", nil))
	equal(exists("go-gone"), false)
}

func makeUser(name string) armmsi.Identity {
	return must(usersClient().CreateOrUpdate(background, group, name, armmsi.Identity{Location: to.Ptr(place)}, nil)).Identity
}

func manageIdentities() {
	users := usersClient()
	made, again := makeUser("ida"), makeUser("ida")
	equal(*made.Properties.TenantID, info.TenantID)
	equal(*again.Properties.ClientID, *made.Properties.ClientID)
	equal(*again.Properties.PrincipalID, *made.Properties.PrincipalID)
	changed := must(users.Update(background, group, "ida", armmsi.IdentityUpdate{Tags: tags("c", "d")}, nil))
	equal(*changed.Tags["c"], "d")
	equal(*must(users.Get(background, group, "IDA", nil)).Properties.ClientID, *made.Properties.ClientID)
	makeUser("idb")
	listed := all(users.NewListByResourceGroupPager(group, nil),
		func(page armmsi.UserAssignedIdentitiesClientListByResourceGroupResponse) []*armmsi.Identity {
			return page.Value
		})
	equal(names(listed), "ida idb")
	gone := makeUser("idc")
	for range 2 {
		must(users.Delete(background, group, "idc", nil))
	}
	isFault(errorOf(users.Get(background, group, "idc", nil)), http.StatusNotFound, "ResourceNotFound")
	require(*makeUser("idc").Properties.ClientID != *gone.Properties.ClientID, "a new identity is another one")
	must(users.Delete(background, group, "idc", nil))
}

func names(identities []*armmsi.Identity) string {
	var names []string
	for _, identity := range identities {
		names = append(names, *identity.Name)
	}
	slices.Sort(names)
	return strings.Join(names, " ")
}
