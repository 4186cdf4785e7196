import com.microsoft.aad.msal4j.IAuthenticationResult;
import com.microsoft.aad.msal4j.ManagedIdentityApplication;
import com.microsoft.aad.msal4j.ManagedIdentityId;
import com.microsoft.aad.msal4j.ManagedIdentityParameters;
import java.time.Duration;
import java.util.List;

/** MSAL for Java and the metadata endpoint, in whichever dialect the environment names. */
final class MsalMetadata {
  private MsalMetadata() {}

  static void run(Scenarios scenarios, Cloud.Demo demo) {
    scenarios.run("msal4j ManagedIdentityApplication: the system-assigned identity", () -> {
      IAuthenticationResult result = managed(ManagedIdentityId.systemAssigned(), Cloud.ARM_AUDIENCE);
      Scenarios.equal(Cloud.claims(result.accessToken()).getStringClaim("oid"), demo.system());
      Scenarios.equal(result.expiresOnDate(), Cloud.claims(result.accessToken()).getExpirationTime());
    });

    scenarios.run("msal4j ManagedIdentityApplication: by client id, object id and resource id", () -> {
      for (ManagedIdentityId identity : List.of(
          ManagedIdentityId.userAssignedClientId(demo.userClient()),
          ManagedIdentityId.userAssignedObjectId(demo.userObject()),
          ManagedIdentityId.userAssignedResourceId(demo.userId()))) {
        Metadata.isUser(managed(identity, Cloud.ARM_AUDIENCE).accessToken(), demo);
      }
    });

    scenarios.run("msal4j ManagedIdentityApplication: an unknown identity is refused at once", () -> {
      Duration took = Scenarios.timed(() -> Scenarios.refusal(
          () -> managed(ManagedIdentityId.userAssignedClientId(Cloud.NOBODY), Cloud.ARM_AUDIENCE)));
      Scenarios.check(took.toMillis() < 1_000, "the client retried: " + took);
    });

    scenarios.run("msal4j ManagedIdentityApplication: an unknown resource is refused, and the refusal says why", () -> {
      var once = ManagedIdentityApplication.builder(ManagedIdentityId.systemAssigned()).disableInternalRetries().build();
      var parameters = ManagedIdentityParameters.builder(Cloud.NOWHERE).build();
      Scenarios.refused("AADSTS500011", () -> once.acquireTokenForManagedIdentity(parameters).get());
    });
  }

  static IAuthenticationResult managed(ManagedIdentityId identity, String resource) throws Exception {
    return ManagedIdentityApplication.builder(identity).build()
        .acquireTokenForManagedIdentity(ManagedIdentityParameters.builder(resource).build()).get();
  }
}
