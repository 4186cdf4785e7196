import com.azure.resourcemanager.authorization.models.BuiltInRole;
import com.azure.resourcemanager.authorization.models.RoleAssignment;
import java.util.UUID;

/** Role definitions and assignments. */
final class Access {
  private final Resources all;

  Access(Resources all) {
    this.all = all;
  }

  void run(Scenarios scenarios) {
    scenarios.run("azure-resourcemanager-authorization: role definitions and assignments", this::roles);
  }

  private void roles() throws Exception {
    String scope = all.groupId();
    String reader = all.access.roleDefinitions().getByScopeAndRoleName(scope, "Reader").id();
    String principal = all.machine("system").systemAssignedManagedServiceIdentityPrincipalId();
    RoleAssignment made = all.access.roleAssignments().define(UUID.randomUUID().toString())
        .forObjectId(principal).withBuiltInRole(BuiltInRole.READER).withScope(scope).create();
    Scenarios.equal(made.principalId(), principal);
    Scenarios.sameId(made.scope(), scope);
    Scenarios.sameId(all.access.roleAssignments().getById(made.id()).roleDefinitionId(), reader);
    Resources.code("RoleAssignmentExists", 409, () -> all.access.roleAssignments().define(UUID.randomUUID().toString())
        .forObjectId(principal).withRoleDefinition(reader).withScope(scope).create());
    all.access.roleAssignments().deleteById(made.id());
    Scenarios.check(all.access.roleAssignments().listByScope(scope).stream()
        .noneMatch(one -> one.id().equals(made.id())), "it is still listed");
  }
}
