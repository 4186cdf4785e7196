import com.azure.resourcemanager.msi.MsiManager;
import com.azure.resourcemanager.msi.models.Identity;
import java.util.List;
import java.util.Map;
import java.util.UUID;

/** User-assigned identities. */
final class Identities {
  private final MsiManager msi;

  Identities(Resources all) {
    msi = all.msi;
  }

  void run(Scenarios scenarios) {
    scenarios.run("azure-resourcemanager-msi: create, read, update, list and delete an identity", this::identities);
  }

  private void identities() {
    Identity made = msi.identities().define("ida")
        .withRegion(Resources.PLACE).withExistingResourceGroup(Resources.GROUP).withTag("a", "b").create();
    Scenarios.equal(List.of(made.name(), made.tenantId()), List.of("ida", Cloud.TENANT));
    Scenarios.check(!UUID.fromString(made.clientId()).equals(UUID.fromString(made.principalId())), "one id for two things");
    Identity tagged = made.update().withTag("c", "d").apply();
    Scenarios.equal(List.of(tagged.clientId(), tagged.principalId()), List.of(made.clientId(), made.principalId()));
    Scenarios.equal(tagged.tags(), Map.of("a", "b", "c", "d"));
    Scenarios.equal(msi.identities().getByResourceGroup(Resources.GROUP, "IDA").clientId(), made.clientId());
    identity("idb");
    Scenarios.equal(msi.identities().listByResourceGroup(Resources.GROUP).stream()
        .map(Identity::name).sorted().toList(), List.of("ida", "idb"));
    Scenarios.check(msi.identities().list().stream().anyMatch(one -> one.name().equals("demo-user")), "demo-user is not listed");
    Identity first = identity("idc");
    msi.identities().deleteById(first.id());
    msi.identities().deleteById(first.id());
    Resources.code("ResourceNotFound", 404, () -> msi.identities().getById(first.id()));
    Scenarios.check(!identity("idc").clientId().equals(first.clientId()), "a new identity is another one");
    msi.identities().deleteByResourceGroup(Resources.GROUP, "idc");
  }

  private Identity identity(String name) {
    return msi.identities().define(name).withRegion(Resources.PLACE).withExistingResourceGroup(Resources.GROUP).create();
  }
}
