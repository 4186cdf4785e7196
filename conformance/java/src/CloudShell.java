import com.azure.identity.DefaultAzureCredentialBuilder;
import com.microsoft.aad.msal4j.ManagedIdentityApplication;
import com.microsoft.aad.msal4j.ManagedIdentityId;
import com.microsoft.aad.msal4j.ManagedIdentityParameters;

/** The Cloud Shell endpoint of {@code bonafide exec --dialect cloud-shell}. */
final class CloudShell {
  private CloudShell() {}

  public static void main(String[] arguments) {
    Scenarios scenarios = new Scenarios();
    Cloud.Demo demo = Cloud.demo();
    scenarios.run("ManagedIdentityCredential and DefaultAzureCredential in Cloud Shell", () -> {
      Scenarios.equal(Cloud.claims(Cloud.token(Metadata.system())).getStringClaim("oid"), demo.system());
      String token = Cloud.token(new DefaultAzureCredentialBuilder().build());
      Scenarios.equal(Cloud.claims(token).getStringClaim("oid"), demo.system());
      Cloud.verify(Cloud.token(Metadata.system(), "https://vault.azure.net/.default"), "https://vault.azure.net");
    });

    scenarios.run("msal4j ManagedIdentityApplication in Cloud Shell", () -> {
      String token = MsalMetadata.managed(ManagedIdentityId.systemAssigned(), Cloud.ARM_AUDIENCE).accessToken();
      Scenarios.equal(Cloud.claims(token).getStringClaim("oid"), demo.system());
      var once = ManagedIdentityApplication.builder(ManagedIdentityId.systemAssigned()).disableInternalRetries().build();
      var parameters = ManagedIdentityParameters.builder(Cloud.NOWHERE).build();
      Scenarios.refused("AADSTS500011", () -> once.acquireTokenForManagedIdentity(parameters).get());
    });

    scenarios.run("msal4j in Cloud Shell refuses a chosen identity itself", () ->
        Scenarios.refusal(() -> MsalMetadata.managed(ManagedIdentityId.userAssignedClientId(demo.userClient()), Cloud.ARM_AUDIENCE)));
    scenarios.end();
  }
}
