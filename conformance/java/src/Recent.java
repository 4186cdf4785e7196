import com.azure.identity.ManagedIdentityCredential;
import com.azure.identity.ManagedIdentityCredentialBuilder;
import java.time.Duration;
import java.util.List;

/** What older versions of azure-identity cannot do: they know no object ids, and spend seconds on asking the public cloud. */
final class Recent {
  private Recent() {}

  static void run(Scenarios scenarios, Cloud.Demo demo) {
    scenarios.run("ManagedIdentityCredential(objectId)", () ->
        Metadata.isUser(Cloud.token(objectId(demo.userObject())), demo));

    scenarios.run("an unknown identity is refused at once", () -> {
      for (ManagedIdentityCredential unknown : List.of(
          Metadata.clientId(Cloud.NOBODY), objectId(Cloud.NOBODY), Metadata.resourceId(demo.userId() + "x"))) {
        Duration took = Scenarios.timed(() -> Scenarios.refusal(() -> Cloud.token(unknown)));
        Scenarios.check(took.toMillis() < 1_000, "the client retried: " + took);
      }
    });
  }

  private static ManagedIdentityCredential objectId(String id) {
    return new ManagedIdentityCredentialBuilder().objectId(id).build();
  }
}
