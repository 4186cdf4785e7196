import com.azure.core.management.Region;
import com.azure.core.management.exception.ManagementException;
import com.azure.resourcemanager.authorization.AuthorizationManager;
import com.azure.resourcemanager.authorization.models.BuiltInRole;
import com.azure.resourcemanager.authorization.models.RoleAssignment;
import com.azure.resourcemanager.compute.ComputeManager;
import com.azure.resourcemanager.compute.fluent.VirtualMachinesClient;
import com.azure.resourcemanager.compute.fluent.models.VirtualMachineInner;
import com.azure.resourcemanager.compute.fluent.models.VirtualMachineUpdateInner;
import com.azure.resourcemanager.compute.models.HardwareProfile;
import com.azure.resourcemanager.compute.models.KnownLinuxVirtualMachineImage;
import com.azure.resourcemanager.compute.models.PowerState;
import com.azure.resourcemanager.compute.models.ResourceIdentityType;
import com.azure.resourcemanager.compute.models.VirtualMachine;
import com.azure.resourcemanager.compute.models.VirtualMachineIdentity;
import com.azure.resourcemanager.compute.models.VirtualMachineIdentityUserAssignedIdentities;
import com.azure.resourcemanager.compute.models.VirtualMachineSizeTypes;
import com.azure.resourcemanager.msi.MsiManager;
import com.azure.resourcemanager.msi.models.Identity;
import com.azure.resourcemanager.resources.ResourceManager;
import com.azure.resourcemanager.resources.models.ResourceGroup;
import java.time.Duration;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;

/** The fluent management libraries, as the operator. */
final class Resources {
  private static final String GROUP = "java";
  private static final Region PLACE = Region.EUROPE_WEST;
  /** A client that polls waits at least a second before it asks again. */
  private static final Duration WITHOUT_POLLING = Duration.ofSeconds(1);

  private final ResourceManager resources = ResourceManager
      .authenticate(Cloud.operator(), Cloud.profile()).withSubscription(Cloud.SUBSCRIPTION);
  private final ComputeManager compute = ComputeManager.authenticate(Cloud.operator(), Cloud.profile());
  private final MsiManager msi = MsiManager.authenticate(Cloud.operator(), Cloud.profile());
  private final AuthorizationManager access = AuthorizationManager.authenticate(Cloud.operator(), Cloud.profile());

  private Resources() {}

  static void run(Scenarios scenarios) {
    Resources all = new Resources();
    scenarios.run("azure-resourcemanager-resources: subscriptions, tenants, locations", all::subscriptions);
    scenarios.run("azure-resourcemanager-resources: resource groups", all::groups);
    scenarios.run("azure-resourcemanager-msi: create, read, update, list and delete an identity", all::identities);
    scenarios.run("azure-resourcemanager-compute: the demo machine is complete", all::demo);
    scenarios.run("azure-resourcemanager-compute: a machine in each of the four identity types", all::fourTypes);
    scenarios.run("azure-resourcemanager-compute: a machine defined with its network", all::defined);
    scenarios.run("azure-resourcemanager-compute: an update adds and removes identities", all::update);
    scenarios.run("azure-resourcemanager-authorization: role definitions and assignments", all::roles);
    scenarios.run("wrong identity blocks are refused", all::wrongBlocks);
    scenarios.run("PUT new, PUT, PATCH, POST and DELETE are done when they are answered", all::seconds);
    scenarios.run("a group is deleted with everything in it", all::deleteGroup);
  }

  /** The least that a machine is made of. */
  static VirtualMachineInner machine() {
    VirtualMachineInner machine = new VirtualMachineInner()
        .withHardwareProfile(new HardwareProfile().withVmSize(VirtualMachineSizeTypes.STANDARD_D2S_V3));
    machine.withLocation(PLACE.name());
    return machine;
  }

  private void subscriptions() {
    var found = resources.subscriptions().getById(Cloud.SUBSCRIPTION);
    Scenarios.equal(found.subscriptionId(), Cloud.SUBSCRIPTION);
    Scenarios.check(found.displayName() != null, "it has no name");
    Scenarios.check(resources.subscriptions().list().stream().anyMatch(one -> one.subscriptionId().equals(Cloud.SUBSCRIPTION)), "not listed");
    Scenarios.check(resources.tenants().list().stream().anyMatch(one -> one.tenantId().equals(Cloud.TENANT)), "not listed");
    Scenarios.check(found.listLocations().stream().anyMatch(one -> one.region().equals(PLACE)), "no " + PLACE);
  }

  private void groups() {
    Scenarios.check(!resources.resourceGroups().contain(GROUP), "it is there already");
    ResourceGroup made = resources.resourceGroups().define(GROUP).withRegion(PLACE).withTag("who", "java").create();
    Scenarios.equal(List.of(made.name(), made.regionName(), made.provisioningState()), List.of(GROUP, "westeurope", "Succeeded"));
    Scenarios.check(resources.resourceGroups().contain(GROUP.toUpperCase()), "a group's name has no case");
    Scenarios.equal(made.update().withTag("who", "else").apply().tags(), Map.of("who", "else"));
    Scenarios.equal(resources.resourceGroups().listByTag("who", "else").stream().map(ResourceGroup::name).toList(), List.of(GROUP));
    code("ResourceGroupNotFound", 404, () -> resources.resourceGroups().getByName("none"));
    resources.resourceGroups().define("java-gone").withRegion(PLACE).create();
    resources.resourceGroups().deleteByName("java-gone");
    Scenarios.check(!resources.resourceGroups().contain("java-gone"), "it is still there");
  }

  private Identity identity(String name) {
    return msi.identities().define(name).withRegion(PLACE).withExistingResourceGroup(GROUP).create();
  }

  private void identities() {
    Identity made = msi.identities().define("ida").withRegion(PLACE).withExistingResourceGroup(GROUP).withTag("a", "b").create();
    Scenarios.equal(List.of(made.name(), made.tenantId()), List.of("ida", Cloud.TENANT));
    Scenarios.check(!UUID.fromString(made.clientId()).equals(UUID.fromString(made.principalId())), "one id for two things");
    Identity tagged = made.update().withTag("c", "d").apply();
    Scenarios.equal(List.of(tagged.clientId(), tagged.principalId()), List.of(made.clientId(), made.principalId()));
    Scenarios.equal(tagged.tags(), Map.of("a", "b", "c", "d"));
    Scenarios.equal(msi.identities().getByResourceGroup(GROUP, "IDA").clientId(), made.clientId());
    identity("idb");
    Scenarios.equal(msi.identities().listByResourceGroup(GROUP).stream().map(Identity::name).sorted().toList(), List.of("ida", "idb"));
    Scenarios.check(msi.identities().list().stream().anyMatch(one -> one.name().equals("demo-user")), "demo-user is not listed");
    Identity first = identity("idc");
    msi.identities().deleteById(first.id());
    msi.identities().deleteById(first.id());
    code("ResourceNotFound", 404, () -> msi.identities().getById(first.id()));
    Scenarios.check(!identity("idc").clientId().equals(first.clientId()), "a new identity is another one");
    msi.identities().deleteByResourceGroup(GROUP, "idc");
  }

  private void demo() {
    complete(compute.virtualMachines().getByResourceGroup("demo", "demo"));
    Scenarios.check(compute.virtualMachines().list().stream().anyMatch(one -> one.name().equals("demo")), "it is not listed");
  }

  /** What the library dereferences without asking whether it is there. */
  private static void complete(VirtualMachine machine) {
    Scenarios.equal(machine.provisioningState(), "Succeeded");
    Scenarios.check(machine.vmId() != null, "it has no vmId");
    Scenarios.check(machine.storageProfile() != null, "it has no storageProfile");
    Scenarios.check(machine.innerModel().networkProfile() != null, "it has no networkProfile");
    machine.isManagedDiskEnabled();
    machine.isOSDiskEphemeral();
    machine.osDiskId();
    machine.osType();
    machine.osDiskSize();
    machine.dataDisks();
    machine.unmanagedDataDisks();
    machine.networkInterfaceIds();
    machine.primaryNetworkInterfaceId();
    if (!machine.networkInterfaceIds().isEmpty()) {
      machine.getPrimaryPublicIPAddressId();
    }
    machine.isBootDiagnosticsEnabled();
    machine.availabilityZones();
    machine.securityType();
    Scenarios.check(machine.timeCreated() != null, "it does not say when it was made");
    Scenarios.equal(machine.powerState(), PowerState.RUNNING);
    Scenarios.equal(machine.refreshInstanceView().statuses().stream().map(status -> status.code()).toList(),
        List.of("ProvisioningState/succeeded", "PowerState/running"));
  }

  private VirtualMachinesClient machines() {
    return compute.serviceClient().getVirtualMachines();
  }

  private VirtualMachine put(String name, VirtualMachineIdentity identity) {
    machines().createOrUpdate(GROUP, name, machine().withIdentity(identity));
    return compute.virtualMachines().getByResourceGroup(GROUP, name);
  }

  private static VirtualMachineIdentity block(ResourceIdentityType type, String... users) {
    VirtualMachineIdentity block = new VirtualMachineIdentity().withType(type);
    if (users.length > 0) {
      var map = new HashMap<String, VirtualMachineIdentityUserAssignedIdentities>();
      for (String user : users) {
        map.put(user, new VirtualMachineIdentityUserAssignedIdentities());
      }
      block.withUserAssignedIdentities(map);
    }
    return block;
  }

  private String user(String name) {
    return msi.identities().getByResourceGroup(GROUP, name).id();
  }

  private static List<String> users(VirtualMachine machine) {
    return machine.userAssignedManagedServiceIdentityIds().stream()
        .map(id -> id.substring(id.lastIndexOf('/') + 1).toLowerCase()).sorted().toList();
  }

  private void fourTypes() {
    VirtualMachine none = put("none", null);
    complete(none);
    Scenarios.check(!none.isManagedServiceIdentityEnabled(), "it has an identity");
    VirtualMachine system = put("system", block(ResourceIdentityType.SYSTEM_ASSIGNED));
    complete(system);
    Scenarios.equal(system.managedServiceIdentityType(), ResourceIdentityType.SYSTEM_ASSIGNED);
    Scenarios.equal(system.systemAssignedManagedServiceIdentityTenantId(), Cloud.TENANT);
    UUID.fromString(system.systemAssignedManagedServiceIdentityPrincipalId());
    VirtualMachine user = put("user", block(ResourceIdentityType.USER_ASSIGNED, user("ida"), user("idb")));
    Scenarios.equal(user.managedServiceIdentityType(), ResourceIdentityType.USER_ASSIGNED);
    Scenarios.equal(users(user), List.of("ida", "idb"));
    VirtualMachine both = put("both", block(ResourceIdentityType.SYSTEM_ASSIGNED_USER_ASSIGNED, user("ida")));
    Scenarios.equal(both.managedServiceIdentityType(), ResourceIdentityType.SYSTEM_ASSIGNED_USER_ASSIGNED);
    Scenarios.equal(users(both), List.of("ida"));
    var names = compute.virtualMachines().listByResourceGroup(GROUP).stream().map(VirtualMachine::name).toList();
    Scenarios.check(names.containsAll(Set.of("none", "system", "user", "both")), names);
  }

  private void defined() {
    VirtualMachine made = compute.virtualMachines().define("defined").withRegion(PLACE).withExistingResourceGroup(GROUP)
        .withNewPrimaryNetwork("10.0.0.0/28").withPrimaryPrivateIPAddressDynamic().withoutPrimaryPublicIPAddress()
        .withPopularLinuxImage(KnownLinuxVirtualMachineImage.UBUNTU_SERVER_20_04_LTS_GEN2)
        .withRootUsername("someone").withRootPassword("Pass-" + UUID.randomUUID())
        .withSize(VirtualMachineSizeTypes.STANDARD_D2S_V3)
        .withSystemAssignedManagedServiceIdentity()
        .withSystemAssignedIdentityBasedAccessToCurrentResourceGroup(BuiltInRole.READER)
        .withExistingUserAssignedManagedServiceIdentity(msi.identities().getByResourceGroup(GROUP, "ida"))
        .create();
    complete(made);
    Scenarios.equal(made.networkInterfaceIds().size(), 1);
    Scenarios.equal(users(made), List.of("ida"));
    String principal = made.systemAssignedManagedServiceIdentityPrincipalId();
    String scope = resources.resourceGroups().getByName(GROUP).id();
    Scenarios.check(access.roleAssignments().listByScope(scope).stream().anyMatch(one -> one.principalId().equals(principal)),
        "its role is not there");
    compute.virtualMachines().deleteById(made.id());
  }

  private void update() {
    VirtualMachine machine = compute.virtualMachines().getByResourceGroup(GROUP, "both");
    String principal = machine.systemAssignedManagedServiceIdentityPrincipalId();
    machine = machine.update().withExistingUserAssignedManagedServiceIdentity(msi.identities().getByResourceGroup(GROUP, "idb")).apply();
    Scenarios.equal(users(machine), List.of("ida", "idb"));
    Scenarios.equal(machine.systemAssignedManagedServiceIdentityPrincipalId(), principal);
    machine = machine.update().withoutUserAssignedManagedServiceIdentity(user("ida")).apply();
    Scenarios.equal(users(machine), List.of("idb"));
    machine = machine.update().withoutSystemAssignedManagedServiceIdentity().apply();
    Scenarios.equal(machine.managedServiceIdentityType(), ResourceIdentityType.USER_ASSIGNED);
    machine = machine.update().withoutUserAssignedManagedServiceIdentity(user("idb")).apply();
    Scenarios.check(!machine.isManagedServiceIdentityEnabled() || machine.managedServiceIdentityType() == ResourceIdentityType.NONE,
        machine.managedServiceIdentityType());
    machine = machine.update().withSystemAssignedManagedServiceIdentity().apply();
    Scenarios.check(!principal.equals(machine.systemAssignedManagedServiceIdentityPrincipalId()), "a new identity is another one");
  }

  private void roles() throws Exception {
    String scope = resources.resourceGroups().getByName(GROUP).id();
    String reader = access.roleDefinitions().getByScopeAndRoleName(scope, "Reader").id();
    String principal = compute.virtualMachines().getByResourceGroup(GROUP, "system").systemAssignedManagedServiceIdentityPrincipalId();
    RoleAssignment made = access.roleAssignments().define(UUID.randomUUID().toString())
        .forObjectId(principal).withBuiltInRole(BuiltInRole.READER).withScope(scope).create();
    Scenarios.equal(made.principalId(), principal);
    Scenarios.sameId(made.scope(), scope);
    Scenarios.sameId(access.roleAssignments().getById(made.id()).roleDefinitionId(), reader);
    code("RoleAssignmentExists", 409, () -> access.roleAssignments().define(UUID.randomUUID().toString())
        .forObjectId(principal).withRoleDefinition(reader).withScope(scope).create());
    access.roleAssignments().deleteById(made.id());
    Scenarios.check(access.roleAssignments().listByScope(scope).stream().noneMatch(one -> one.id().equals(made.id())), "it is still listed");
  }

  private void wrongBlocks() {
    String machine = compute.virtualMachines().getByResourceGroup(GROUP, "system").id();
    for (VirtualMachineIdentity wrong : List.of(
        block(ResourceIdentityType.USER_ASSIGNED),
        block(ResourceIdentityType.USER_ASSIGNED, user("ida") + "x"),
        block(ResourceIdentityType.USER_ASSIGNED, machine),
        block(ResourceIdentityType.USER_ASSIGNED, "not an id"))) {
      int status = status(() -> put("wrong", wrong));
      Scenarios.check(status == 400 || status == 404, status);
    }
    code("ResourceNotFound", 404, () -> compute.virtualMachines().getByResourceGroup(GROUP, "wrong"));
  }

  /** How long each kind of write takes with the library's own pace of polling. */
  private void seconds() throws Exception {
    var tags = new VirtualMachineUpdateInner().withTags(Map.of("only", "tags"));
    resources.resourceGroups().define("java-timed").withRegion(PLACE).create();
    var took = new LinkedHashMap<String, Duration>();
    took.put("PUT new", Scenarios.timed(() -> machines().createOrUpdate(GROUP, "timed", machine())));
    took.put("PUT", Scenarios.timed(() -> machines().createOrUpdate(GROUP, "timed", machine())));
    took.put("PATCH", Scenarios.timed(() -> machines().update(GROUP, "timed", tags)));
    took.put("POST", Scenarios.timed(() -> resources.providers().register("Microsoft.Compute")));
    took.put("DELETE", Scenarios.timed(() -> machines().delete(GROUP, "timed")));
    took.put("DELETE of a group", Scenarios.timed(() -> resources.resourceGroups().deleteByName("java-timed")));
    took.forEach((what, time) -> System.out.printf("# %s: %.2f s%n", what, time.toMillis() / 1000.0));
    took.forEach((what, time) -> Scenarios.check(time.compareTo(WITHOUT_POLLING) < 0, what + " took " + time));
  }

  private void deleteGroup() {
    String principal = compute.virtualMachines().getByResourceGroup(GROUP, "system").systemAssignedManagedServiceIdentityPrincipalId();
    resources.resourceGroups().deleteByName(GROUP);
    Scenarios.check(!resources.resourceGroups().contain(GROUP), "it is still there");
    Scenarios.check(access.roleAssignments().listByScope("/subscriptions/" + Cloud.SUBSCRIPTION).stream()
        .noneMatch(one -> one.principalId().equals(principal)), "its roles are still there");
  }

  private static void code(String code, int status, Scenarios.Body call) {
    ManagementException refused = refusal(call);
    Scenarios.equal(refused.getResponse().getStatusCode(), status);
    Scenarios.equal(refused.getValue().getCode(), code);
  }

  private static int status(Scenarios.Body call) {
    return refusal(call).getResponse().getStatusCode();
  }

  private static ManagementException refusal(Scenarios.Body call) {
    try {
      call.run();
    } catch (ManagementException refused) {
      return refused;
    } catch (Exception other) {
      throw new AssertionError(other);
    }
    throw new AssertionError("it was not refused");
  }
}
