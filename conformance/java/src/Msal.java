import com.microsoft.aad.msal4j.ClientCredentialFactory;
import com.microsoft.aad.msal4j.ClientCredentialParameters;
import com.microsoft.aad.msal4j.ConfidentialClientApplication;
import com.microsoft.aad.msal4j.IAuthenticationResult;
import com.microsoft.aad.msal4j.IClientCredential;
import com.microsoft.aad.msal4j.ManagedIdentityApplication;
import com.microsoft.aad.msal4j.ManagedIdentityId;
import com.microsoft.aad.msal4j.ManagedIdentityParameters;
import java.time.Duration;
import java.util.List;
import java.util.Set;

/** MSAL for Java, below azure-identity. */
final class Msal {
  private Msal() {}

  static void signIn(Scenarios scenarios) {
    IClientCredential secret = ClientCredentialFactory.createFromSecret(Cloud.SECRET);

    scenarios.run("msal4j ConfidentialClientApplication: secret", () -> SignIn.isOperator(token(secret)));

    scenarios.run("msal4j ConfidentialClientApplication: certificate, by thumbprint and by x5c", () -> {
      var one = ClientCredentialFactory.createFromCertificate(Assertion.key(), Assertion.certificate());
      var chain = ClientCredentialFactory.createFromCertificateChain(Assertion.key(), List.of(Assertion.certificate()));
      for (IClientCredential certificate : List.of(one, chain)) {
        for (boolean x5c : new boolean[] {false, true}) {
          SignIn.isOperator(token(application(Cloud.OPERATOR, certificate).sendX5c(x5c), Cloud.ARM_SCOPE));
        }
      }
    });

    scenarios.run("msal4j ConfidentialClientApplication: assertion", () -> {
      SignIn.isOperator(token(ClientCredentialFactory.createFromClientAssertion(Assertion.signed())));
      SignIn.isOperator(token(ClientCredentialFactory.createFromCallback(Assertion::signed)));
    });

    scenarios.run("msal4j: wrong secret, unknown application, unknown resource", () -> {
      var wrong = application(Cloud.OPERATOR, ClientCredentialFactory.createFromSecret("wrong"));
      Scenarios.refused("AADSTS7000215", () -> token(wrong, Cloud.ARM_SCOPE));
      Scenarios.refused("AADSTS700016", () -> token(application(Cloud.NOBODY, secret), Cloud.ARM_SCOPE));
      Scenarios.refused("AADSTS500011", () -> token(application(Cloud.OPERATOR, secret), Cloud.NOWHERE + "/.default"));
    });
  }

  /** The metadata endpoint, in whichever dialect the environment names. */
  static void metadata(Scenarios scenarios, Cloud.Demo demo) {
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

  private static String token(IClientCredential credential) throws Exception {
    return token(application(Cloud.OPERATOR, credential), Cloud.ARM_SCOPE);
  }

  private static String token(ConfidentialClientApplication.Builder application, String scope) throws Exception {
    return application.build().acquireToken(ClientCredentialParameters.builder(Set.of(scope)).build()).get().accessToken();
  }

  private static ConfidentialClientApplication.Builder application(String client, IClientCredential credential) throws Exception {
    return ConfidentialClientApplication.builder(client, credential)
        .authority(Cloud.LOGIN + "/" + Cloud.TENANT + "/").instanceDiscovery(false);
  }

  private static IAuthenticationResult managed(ManagedIdentityId identity, String resource) throws Exception {
    return ManagedIdentityApplication.builder(identity).build()
        .acquireTokenForManagedIdentity(ManagedIdentityParameters.builder(resource).build()).get();
  }
}
