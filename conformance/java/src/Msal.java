import com.microsoft.aad.msal4j.ClientCredentialFactory;
import com.microsoft.aad.msal4j.ClientCredentialParameters;
import com.microsoft.aad.msal4j.ConfidentialClientApplication;
import com.microsoft.aad.msal4j.IClientCredential;
import java.util.List;
import java.util.Set;

/** Sign-in with MSAL for Java, below azure-identity. */
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
}
