import com.azure.core.credential.AccessToken;
import com.azure.core.credential.TokenRequestContext;
import com.azure.core.management.exception.ManagementException;
import com.azure.identity.ChainedTokenCredentialBuilder;
import com.azure.identity.DefaultAzureCredentialBuilder;
import com.azure.identity.EnvironmentCredentialBuilder;
import com.azure.identity.ManagedIdentityCredential;
import com.azure.identity.ManagedIdentityCredentialBuilder;
import com.azure.resourcemanager.compute.ComputeManager;
import com.azure.resourcemanager.compute.models.VirtualMachine;
import com.nimbusds.jwt.JWTClaimsSet;
import java.time.Duration;
import java.util.List;
import java.util.Map;

/** azure-identity and the metadata endpoint, in whichever dialect the environment names. */
final class Metadata {
  private Metadata() {}

  static void run(Scenarios scenarios, Cloud.Demo demo) {
    scenarios.run("ManagedIdentityCredential() is the system-assigned identity", () -> {
      AccessToken token = system().getTokenSync(new TokenRequestContext().addScopes(Cloud.ARM_SCOPE));
      JWTClaimsSet said = Cloud.claims(token.getToken());
      Scenarios.equal(said.getStringClaim("oid"), demo.system());
      Scenarios.equal(said.getStringClaim("tid"), Cloud.TENANT);
      Scenarios.sameId(said.getStringClaim("xms_mirid"), demo.machine());
      Scenarios.equal(token.getExpiresAt().toInstant(), said.getExpirationTime().toInstant());
    });

    scenarios.run("ManagedIdentityCredential(clientId)", () -> isUser(Cloud.token(clientId(demo.userClient())), demo));

    scenarios.run("ManagedIdentityCredential(resourceId)", () -> {
      isUser(Cloud.token(resourceId(demo.userId())), demo);
      isUser(Cloud.token(resourceId(demo.userId().toLowerCase())), demo);
    });

    scenarios.run("DefaultAzureCredential()", () -> {
      String token = Cloud.token(new DefaultAzureCredentialBuilder().build());
      Scenarios.equal(Cloud.claims(token).getStringClaim("oid"), demo.system());
    });

    scenarios.run("DefaultAzureCredential(managedIdentityClientId, managedIdentityResourceId)", () -> {
      isUser(Cloud.token(new DefaultAzureCredentialBuilder().managedIdentityClientId(demo.userClient()).build()), demo);
      isUser(Cloud.token(new DefaultAzureCredentialBuilder().managedIdentityResourceId(demo.userId()).build()), demo);
    });

    // Unlike the library for Python, this one takes an unknown identity for an end.
    scenarios.run("ChainedTokenCredential comes to the managed identity", () -> {
      var chain = new ChainedTokenCredentialBuilder()
          .addFirst(new EnvironmentCredentialBuilder().build()).addLast(system()).build();
      Scenarios.equal(Cloud.claims(Cloud.token(chain)).getStringClaim("oid"), demo.system());
    });

    scenarios.run("tokens for other audiences, with and without a slash", () -> {
      Map<String, String> audiences = Map.of(
          "https://vault.azure.net/.default", "https://vault.azure.net",
          "https://storage.azure.com//.default", "https://storage.azure.com/",
          "https://management.core.windows.net//.default", "https://management.core.windows.net/",
          "https://graph.microsoft.com/.default", "https://graph.microsoft.com");
      for (var entry : audiences.entrySet()) {
        Cloud.verify(Cloud.token(system(), entry.getKey()), entry.getValue());
      }
    });

    scenarios.run("Nimbus verifies the token by discovery and key set", () -> {
      String token = Cloud.token(system());
      Scenarios.equal(Cloud.verify(token, Cloud.ARM_AUDIENCE).getSubject(), demo.system());
      Scenarios.refusal(() -> Cloud.verify(token, "https://vault.azure.net"));
    });

    scenarios.run("the token reads the virtual machine", () -> {
      VirtualMachine machine = compute().virtualMachines().getById(demo.machine());
      Scenarios.sameId(machine.id(), demo.machine());
      Scenarios.equal(machine.systemAssignedManagedServiceIdentityPrincipalId(), demo.system());
    });

    scenarios.run("the token cannot create one: 403 AuthorizationFailed", () -> {
      var machines = compute().serviceClient().getVirtualMachines();
      try {
        machines.createOrUpdate("demo", "other", Machines.machine());
      } catch (ManagementException refused) {
        Scenarios.equal(refused.getResponse().getStatusCode(), 403);
        Scenarios.equal(refused.getValue().getCode(), "AuthorizationFailed");
        Scenarios.check(refused.getMessage().contains(demo.system()), refused.getMessage());
        return;
      }
      throw new AssertionError("it was not refused");
    });
  }

  /** App Service answers it with 500, which this library tries again for half a minute: that is for MSAL alone. */
  static void unknownResource(Scenarios scenarios) {
    scenarios.run("an unknown resource is refused at once, and the refusal says why", () -> {
      Duration took = Scenarios.timed(() -> Scenarios.refused("AADSTS500011",
          () -> Cloud.token(system(), Cloud.NOWHERE + "/.default")));
      Scenarios.check(took.toMillis() < 1_000, "the client retried: " + took);
    });
  }

  static void isUser(String token, Cloud.Demo demo) throws Exception {
    JWTClaimsSet said = Cloud.claims(token);
    Scenarios.equal(List.of(said.getStringClaim("appid"), said.getStringClaim("oid")),
        List.of(demo.userClient(), demo.userObject()));
    Scenarios.sameId(said.getStringClaim("xms_mirid"), demo.userId());
  }

  private static ComputeManager compute() {
    return ComputeManager.authenticate(system(), Cloud.profile());
  }

  static ManagedIdentityCredential system() {
    return new ManagedIdentityCredentialBuilder().build();
  }

  static ManagedIdentityCredential clientId(String id) {
    return new ManagedIdentityCredentialBuilder().clientId(id).build();
  }

  static ManagedIdentityCredential resourceId(String id) {
    return new ManagedIdentityCredentialBuilder().resourceId(id).build();
  }
}
