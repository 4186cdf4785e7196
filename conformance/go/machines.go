//go:build !oldest

package main

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/compute/armcompute/v8"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/msi/armmsi"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/resources/armresources/v3"
)

const (
	none   = armcompute.ResourceIdentityTypeNone
	system = armcompute.ResourceIdentityTypeSystemAssigned
	user   = armcompute.ResourceIdentityTypeUserAssigned
	both   = armcompute.ResourceIdentityTypeSystemAssignedUserAssigned
)

func machines() []scenario {
	return []scenario{
		{"armcompute: a machine in each of the four identity types", fourTypes},
		{"armmsi: the system-assigned identity of a resource", systemIdentity},
		{"a PATCH adds an identity, null removes it", nullRules},
		{"wrong identity blocks are refused", wrongBlocks},
		{"a resource of a type without a provider has an identity too", generic},
		{"a machine shows its disks, its network and whether it runs", whatReadersExpect},
		{"what is done when it is answered takes no second to wait for", seconds},
	}
}

func machinesClient(credential azcore.TokenCredential) *armcompute.VirtualMachinesClient {
	return must(armcompute.NewVirtualMachinesClient(info.SubscriptionID, credential, armOptions()))
}

func groupID() string {
	return "/subscriptions/" + info.SubscriptionID + "/resourceGroups/" + group
}

func machineID(name string) string {
	return groupID() + "/providers/Microsoft.Compute/virtualMachines/" + name
}

func userID(name string) string {
	return groupID() + "/providers/Microsoft.ManagedIdentity/userAssignedIdentities/" + name
}

// attached is an identity block's list that attaches the identities of these names.
func attached(names ...string) map[string]*armcompute.UserAssignedIdentitiesValue {
	users := map[string]*armcompute.UserAssignedIdentitiesValue{}
	for _, name := range names {
		users[userID(name)] = &armcompute.UserAssignedIdentitiesValue{}
	}
	return users
}

func block(kind armcompute.ResourceIdentityType, users map[string]*armcompute.UserAssignedIdentitiesValue) *armcompute.VirtualMachineIdentity {
	return &armcompute.VirtualMachineIdentity{Type: to.Ptr(kind), UserAssignedIdentities: users}
}

func machine(identity *armcompute.VirtualMachineIdentity) armcompute.VirtualMachine {
	return armcompute.VirtualMachine{Location: to.Ptr(place), Identity: identity, Properties: &armcompute.VirtualMachineProperties{
		HardwareProfile: &armcompute.HardwareProfile{VMSize: to.Ptr(armcompute.VirtualMachineSizeTypes("Standard_D2s_v5"))},
	}}
}

func put(name string, identity *armcompute.VirtualMachineIdentity) armcompute.VirtualMachine {
	return done(machinesClient(operator()).BeginCreateOrUpdate(background, group, name, machine(identity), nil)).VirtualMachine
}

func putError(name string, identity *armcompute.VirtualMachineIdentity) error {
	return errorOf(machinesClient(operator()).BeginCreateOrUpdate(background, group, name, machine(identity), nil))
}

func patch(name string, identity *armcompute.VirtualMachineIdentity) armcompute.VirtualMachine {
	update := armcompute.VirtualMachineUpdate{Identity: identity}
	return done(machinesClient(operator()).BeginUpdate(background, group, name, update, nil)).VirtualMachine
}

func read(name string) armcompute.VirtualMachine {
	return must(machinesClient(operator()).Get(background, group, name, nil)).VirtualMachine
}

// shows fails unless the machine has this type of identity and the user-assigned ones of these names.
func shows(machine armcompute.VirtualMachine, kind armcompute.ResourceIdentityType, users string) {
	equal(*machine.Identity.Type, kind)
	equal(machine.Identity.PrincipalID != nil, kind == system || kind == both)
	var names []string
	for id := range machine.Identity.UserAssignedIdentities {
		names = append(names, strings.ToLower(path.Base(id)))
	}
	slices.Sort(names)
	equal(strings.Join(names, " "), users)
}

func fourTypes() {
	bare := put("none", nil)
	require(bare.Identity == nil, "it has an identity")
	equal(*bare.Properties.ProvisioningState, "Succeeded")
	require(*bare.Properties.VMID != "", "no vmId")
	shows(put("system", block(system, nil)), system, "")
	shows(put("user", block(user, attached("ida", "idb"))), user, "ida idb")
	made := put("both", block(both, attached("ida")))
	shows(made, both, "ida")
	known := must(usersClient().Get(background, group, "ida", nil)).Properties
	for _, shown := range made.Identity.UserAssignedIdentities {
		equal(*shown.ClientID, *known.ClientID)
		equal(*shown.PrincipalID, *known.PrincipalID)
	}
	listed := all(machinesClient(operator()).NewListPager(group, nil),
		func(page armcompute.VirtualMachinesClientListResponse) []*armcompute.VirtualMachine {
			return page.Value
		})
	equal(len(listed), 4)
}

func systemIdentity() {
	client := must(armmsi.NewSystemAssignedIdentitiesClient(operator(), armOptions()))
	found := must(client.GetByScope(background, machineID("system"), nil))
	equal(*found.Properties.PrincipalID, *read("system").Identity.PrincipalID)
	equal(*found.Properties.TenantID, info.TenantID)
}

func nullRules() {
	principal := *read("both").Identity.PrincipalID
	added := patch("both", block(both, attached("idb")))
	shows(added, both, "ida idb")
	equal(*added.Identity.PrincipalID, principal)
	shows(patch("both", block(both, map[string]*armcompute.UserAssignedIdentitiesValue{userID("ida"): nil})), both, "idb")
	shows(put("both", nil), both, "idb")
	shows(patch("both", block(user, nil)), user, "idb")
	back := patch("both", block(system, nil))
	shows(back, system, "")
	require(*back.Identity.PrincipalID != principal, "a new system-assigned identity is another one")
	gone := patch("both", block(none, nil))
	require(gone.Identity == nil || *gone.Identity.Type == none, "its identity is still there")
}

func wrongBlocks() {
	for _, wrong := range []*armcompute.VirtualMachineIdentity{
		block("Nonsense", nil),
		block(user, nil),
		block(user, attached("missing")),
		block(user, map[string]*armcompute.UserAssignedIdentitiesValue{machineID("system"): {}}),
		block(user, map[string]*armcompute.UserAssignedIdentitiesValue{"not an id": {}}),
	} {
		err := putError("wrong", wrong)
		var fault *azcore.ResponseError
		require(errors.As(err, &fault), "no fault of a request: %v", err)
		require(fault.StatusCode == http.StatusBadRequest || fault.StatusCode == http.StatusNotFound, "%v", err)
	}
	// Null removes, and a PUT has nothing to remove from.
	null := map[string]*armcompute.UserAssignedIdentitiesValue{userID("ida"): {}, userID("idb"): nil}
	isFault(putError("wrong", block(user, null)), http.StatusBadRequest, "InvalidIdentityValues")
	isFault(errorOf(machinesClient(operator()).Get(background, group, "wrong", nil)), http.StatusNotFound, "ResourceNotFound")
}

func generic() {
	const version = "2023-05-01"
	client := must(armresources.NewClient(info.SubscriptionID, operator(), armOptions()))
	id := groupID() + "/providers/Microsoft.ContainerInstance/containerGroups/group1"
	sent := map[string]any{"osType": "Linux", "unheardOf": map[string]any{"Kept": "as sent"}}
	made := done(client.BeginCreateOrUpdateByID(background, id, version, armresources.GenericResource{
		Location: to.Ptr(place), Properties: sent,
		Identity: &armresources.Identity{Type: to.Ptr(armresources.ResourceIdentityTypeSystemAssigned)},
	}, nil))
	found := must(client.GetByID(background, id, version, nil))
	equal(*found.Identity.PrincipalID, *made.Identity.PrincipalID)
	kept, _ := found.Properties.(map[string]any)["unheardOf"].(map[string]any)
	equal(kept["Kept"], any("as sent"))
	eventually(func() { equal(claims(must(tokenOf(id, "")))["oid"], any(*made.Identity.PrincipalID)) })
	done(client.BeginDeleteByID(background, id, version, nil))
	isFault(errorOf(client.GetByID(background, id, version, nil)), http.StatusNotFound, "ResourceNotFound")
}

func whatReadersExpect() {
	found := must(machinesClient(operator()).Get(background, group, "none", &armcompute.VirtualMachinesClientGetOptions{
		Expand: to.Ptr(armcompute.InstanceViewTypesInstanceView),
	})).Properties
	require(found.StorageProfile != nil, "no storageProfile")
	require(found.NetworkProfile != nil, "no networkProfile")
	view := must(machinesClient(operator()).InstanceView(background, group, "none", nil))
	for _, statuses := range [][]*armcompute.InstanceViewStatus{found.InstanceView.Statuses, view.Statuses} {
		running := func(status *armcompute.InstanceViewStatus) bool { return *status.Code == "PowerState/running" }
		require(slices.ContainsFunc(statuses, running), "no power state in %d statuses", len(statuses))
	}
}

// seconds measures how long the SDK waits for each kind of request, by its own rules of polling.
func seconds() {
	client := machinesClient(operator())
	providers := must(armresources.NewProvidersClient(info.SubscriptionID, operator(), armOptions()))
	write := func() { put("timed", block(system, nil)) }
	measured := map[string]time.Duration{}
	var line string
	for _, request := range []struct {
		name string
		send func()
	}{
		{"PUT new", write},
		{"PUT", write},
		{"PATCH", func() { patch("timed", block(system, nil)) }},
		{"POST", func() { must(providers.Register(background, "Microsoft.Compute", nil)) }},
		{"DELETE", func() { done(client.BeginDelete(background, group, "timed", nil)) }},
	} {
		started := time.Now()
		request.send()
		measured[request.name] = time.Since(started)
		line += fmt.Sprintf(" %s %.2f", request.name, measured[request.name].Seconds())
	}
	fmt.Printf("# seconds:%s\n", line)
	slowest := slices.Max(slices.Collect(maps.Values(measured)))
	require(slowest < 900*time.Millisecond, "the slowest took %v", slowest)
}
