import com.azure.core.management.Region;
import com.azure.core.management.exception.ManagementException;
import com.azure.resourcemanager.authorization.AuthorizationManager;
import com.azure.resourcemanager.compute.ComputeManager;
import com.azure.resourcemanager.compute.fluent.VirtualMachinesClient;
import com.azure.resourcemanager.compute.models.VirtualMachine;
import com.azure.resourcemanager.msi.MsiManager;
import com.azure.resourcemanager.msi.models.Identity;
import com.azure.resourcemanager.resources.ResourceManager;
import com.azure.resourcemanager.resources.models.ResourceGroup;
import java.util.List;
import java.util.Map;

/** The fluent management libraries, as the operator, and the group that all that they make is in. */
final class Resources {
  static final String GROUP = "java";
  static final Region PLACE = Region.EUROPE_WEST;

  final ResourceManager resources = ResourceManager
      .authenticate(Cloud.operator(), Cloud.profile()).withSubscription(Cloud.SUBSCRIPTION);
  final ComputeManager compute = ComputeManager.authenticate(Cloud.operator(), Cloud.profile());
  final MsiManager msi = MsiManager.authenticate(Cloud.operator(), Cloud.profile());
  final AuthorizationManager access = AuthorizationManager.authenticate(Cloud.operator(), Cloud.profile());

  private Resources() {}

  static void run(Scenarios scenarios) {
    Resources all = new Resources();
    scenarios.run("azure-resourcemanager-resources: subscriptions, tenants, locations", all::subscriptions);
    scenarios.run("azure-resourcemanager-resources: resource groups", all::groups);
    new Identities(all).run(scenarios);
    new Machines(all).run(scenarios);
    new Access(all).run(scenarios);
    scenarios.run("PUT new, PUT, PATCH, POST and DELETE are done when they are answered", new Pace(all)::seconds);
    scenarios.run("a group is deleted with everything in it", all::deleteGroup);
  }

  String groupId() {
    return resources.resourceGroups().getByName(GROUP).id();
  }

  Identity user(String name) {
    return msi.identities().getByResourceGroup(GROUP, name);
  }

  VirtualMachinesClient machines() {
    return compute.serviceClient().getVirtualMachines();
  }

  VirtualMachine machine(String name) {
    return compute.virtualMachines().getByResourceGroup(GROUP, name);
  }

  private void subscriptions() {
    var found = resources.subscriptions().getById(Cloud.SUBSCRIPTION);
    Scenarios.equal(found.subscriptionId(), Cloud.SUBSCRIPTION);
    Scenarios.check(found.displayName() != null, "it has no name");
    Scenarios.check(resources.subscriptions().list().stream()
        .anyMatch(one -> one.subscriptionId().equals(Cloud.SUBSCRIPTION)), "not listed");
    Scenarios.check(resources.tenants().list().stream().anyMatch(one -> one.tenantId().equals(Cloud.TENANT)), "not listed");
    Scenarios.check(found.listLocations().stream().anyMatch(one -> one.region().equals(PLACE)), "no " + PLACE);
  }

  private void groups() {
    Scenarios.check(!resources.resourceGroups().contain(GROUP), "it is there already");
    ResourceGroup made = resources.resourceGroups().define(GROUP).withRegion(PLACE).withTag("who", "java").create();
    Scenarios.equal(List.of(made.name(), made.regionName(), made.provisioningState()), List.of(GROUP, "westeurope", "Succeeded"));
    Scenarios.check(resources.resourceGroups().contain(GROUP.toUpperCase()), "a group's name has no case");
    Scenarios.equal(made.update().withTag("who", "else").apply().tags(), Map.of("who", "else"));
    Scenarios.equal(resources.resourceGroups().listByTag("who", "else").stream()
        .map(ResourceGroup::name).toList(), List.of(GROUP));
    code("ResourceGroupNotFound", 404, () -> resources.resourceGroups().getByName("none"));
    resources.resourceGroups().define("java-gone").withRegion(PLACE).create();
    resources.resourceGroups().deleteByName("java-gone");
    Scenarios.check(!resources.resourceGroups().contain("java-gone"), "it is still there");
  }

  private void deleteGroup() {
    String principal = machine("system").systemAssignedManagedServiceIdentityPrincipalId();
    resources.resourceGroups().deleteByName(GROUP);
    Scenarios.check(!resources.resourceGroups().contain(GROUP), "it is still there");
    Scenarios.check(access.roleAssignments().listByScope("/subscriptions/" + Cloud.SUBSCRIPTION).stream()
        .noneMatch(one -> one.principalId().equals(principal)), "its roles are still there");
  }

  static void code(String code, int status, Scenarios.Body call) {
    ManagementException refused = refusal(call);
    Scenarios.equal(refused.getResponse().getStatusCode(), status);
    Scenarios.equal(refused.getValue().getCode(), code);
  }

  static int status(Scenarios.Body call) {
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
