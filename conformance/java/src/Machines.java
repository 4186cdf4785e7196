import com.azure.resourcemanager.authorization.models.BuiltInRole;
import com.azure.resourcemanager.compute.fluent.models.VirtualMachineInner;
import com.azure.resourcemanager.compute.models.HardwareProfile;
import com.azure.resourcemanager.compute.models.KnownLinuxVirtualMachineImage;
import com.azure.resourcemanager.compute.models.PowerState;
import com.azure.resourcemanager.compute.models.ResourceIdentityType;
import com.azure.resourcemanager.compute.models.VirtualMachine;
import com.azure.resourcemanager.compute.models.VirtualMachineIdentity;
import com.azure.resourcemanager.compute.models.VirtualMachineIdentityUserAssignedIdentities;
import com.azure.resourcemanager.compute.models.VirtualMachineSizeTypes;
import java.util.HashMap;
import java.util.List;
import java.util.Set;
import java.util.UUID;

/** Virtual machines and their identities. */
final class Machines {
  private final Resources all;

  Machines(Resources all) {
    this.all = all;
  }

  void run(Scenarios scenarios) {
    scenarios.run("azure-resourcemanager-compute: the demo machine is complete", this::demo);
    scenarios.run("azure-resourcemanager-compute: a machine in each of the four identity types", this::fourTypes);
    scenarios.run("azure-resourcemanager-compute: a machine defined with its network", this::defined);
    scenarios.run("azure-resourcemanager-compute: an update adds and removes identities", this::update);
    scenarios.run("wrong identity blocks are refused", this::wrongBlocks);
  }

  /** The least that a machine is made of. */
  static VirtualMachineInner machine() {
    VirtualMachineInner machine = new VirtualMachineInner()
        .withHardwareProfile(new HardwareProfile().withVmSize(VirtualMachineSizeTypes.STANDARD_D2S_V3));
    machine.withLocation(Resources.PLACE.name());
    return machine;
  }

  private void demo() {
    complete(all.compute.virtualMachines().getByResourceGroup("demo", "demo"));
    Scenarios.check(all.compute.virtualMachines().list().stream().anyMatch(one -> one.name().equals("demo")), "it is not listed");
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

  private VirtualMachine put(String name, VirtualMachineIdentity identity) {
    all.machines().createOrUpdate(Resources.GROUP, name, machine().withIdentity(identity));
    return all.machine(name);
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
    VirtualMachine user = put("user", block(ResourceIdentityType.USER_ASSIGNED, all.user("ida").id(), all.user("idb").id()));
    Scenarios.equal(user.managedServiceIdentityType(), ResourceIdentityType.USER_ASSIGNED);
    Scenarios.equal(users(user), List.of("ida", "idb"));
    VirtualMachine both = put("both", block(ResourceIdentityType.SYSTEM_ASSIGNED_USER_ASSIGNED, all.user("ida").id()));
    Scenarios.equal(both.managedServiceIdentityType(), ResourceIdentityType.SYSTEM_ASSIGNED_USER_ASSIGNED);
    Scenarios.equal(users(both), List.of("ida"));
    var names = all.compute.virtualMachines().listByResourceGroup(Resources.GROUP).stream().map(VirtualMachine::name).toList();
    Scenarios.check(names.containsAll(Set.of("none", "system", "user", "both")), names);
  }

  private void defined() {
    VirtualMachine made = all.compute.virtualMachines().define("defined")
        .withRegion(Resources.PLACE).withExistingResourceGroup(Resources.GROUP)
        .withNewPrimaryNetwork("10.0.0.0/28").withPrimaryPrivateIPAddressDynamic().withoutPrimaryPublicIPAddress()
        .withPopularLinuxImage(KnownLinuxVirtualMachineImage.UBUNTU_SERVER_20_04_LTS_GEN2)
        .withRootUsername("someone").withRootPassword("Pass-" + UUID.randomUUID())
        .withSize(VirtualMachineSizeTypes.STANDARD_D2S_V3)
        .withSystemAssignedManagedServiceIdentity()
        .withSystemAssignedIdentityBasedAccessToCurrentResourceGroup(BuiltInRole.READER)
        .withExistingUserAssignedManagedServiceIdentity(all.user("ida"))
        .create();
    complete(made);
    Scenarios.equal(made.networkInterfaceIds().size(), 1);
    Scenarios.equal(users(made), List.of("ida"));
    String principal = made.systemAssignedManagedServiceIdentityPrincipalId();
    String scope = all.groupId();
    Scenarios.check(all.access.roleAssignments().listByScope(scope).stream().anyMatch(one -> one.principalId().equals(principal)),
        "its role is not there");
    all.compute.virtualMachines().deleteById(made.id());
  }

  private void update() {
    VirtualMachine machine = all.machine("both");
    String principal = machine.systemAssignedManagedServiceIdentityPrincipalId();
    machine = machine.update().withExistingUserAssignedManagedServiceIdentity(all.user("idb")).apply();
    Scenarios.equal(users(machine), List.of("ida", "idb"));
    Scenarios.equal(machine.systemAssignedManagedServiceIdentityPrincipalId(), principal);
    machine = machine.update().withoutUserAssignedManagedServiceIdentity(all.user("ida").id()).apply();
    Scenarios.equal(users(machine), List.of("idb"));
    machine = machine.update().withoutSystemAssignedManagedServiceIdentity().apply();
    Scenarios.equal(machine.managedServiceIdentityType(), ResourceIdentityType.USER_ASSIGNED);
    machine = machine.update().withoutUserAssignedManagedServiceIdentity(all.user("idb").id()).apply();
    Scenarios.check(!machine.isManagedServiceIdentityEnabled()
        || machine.managedServiceIdentityType() == ResourceIdentityType.NONE, machine.managedServiceIdentityType());
    machine = machine.update().withSystemAssignedManagedServiceIdentity().apply();
    Scenarios.check(!principal.equals(machine.systemAssignedManagedServiceIdentityPrincipalId()),
        "a new identity is another one");
  }

  private void wrongBlocks() {
    String machine = all.machine("system").id();
    for (VirtualMachineIdentity wrong : List.of(
        block(ResourceIdentityType.USER_ASSIGNED),
        block(ResourceIdentityType.USER_ASSIGNED, all.user("ida").id() + "x"),
        block(ResourceIdentityType.USER_ASSIGNED, machine),
        block(ResourceIdentityType.USER_ASSIGNED, "not an id"))) {
      int status = Resources.status(() -> put("wrong", wrong));
      Scenarios.check(status == 400 || status == 404, status);
    }
    Resources.code("ResourceNotFound", 404, () -> all.machine("wrong"));
  }
}
