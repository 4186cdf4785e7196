import com.azure.core.util.Configuration;
import com.azure.core.util.ConfigurationBuilder;
import com.azure.identity.AadCredentialBuilderBase;
import com.azure.identity.ClientAssertionCredentialBuilder;
import com.azure.identity.ClientCertificateCredentialBuilder;
import com.azure.identity.ClientSecretCredentialBuilder;
import com.azure.identity.DefaultAzureCredentialBuilder;
import com.nimbusds.jwt.JWTClaimsSet;

/** Sign-in with azure-identity. */
final class SignIn {
  private SignIn() {}

  static void run(Scenarios scenarios) {
    scenarios.run("ClientSecretCredential", () -> {
      JWTClaimsSet said = Cloud.verify(Cloud.token(Cloud.operator()), Cloud.ARM_AUDIENCE);
      Scenarios.equal(said.getStringClaim("appid"), Cloud.OPERATOR);
      Scenarios.equal(said.getStringClaim("tid"), Cloud.TENANT);
    });

    scenarios.run("ClientCertificateCredential, by thumbprint and by x5c", () -> {
      for (boolean chain : new boolean[] {false, true}) {
        isOperator(Cloud.token(operator(certificate()).sendCertificateChain(chain).build()));
      }
    });

    scenarios.run("ClientAssertionCredential, the certificate named by x5t, x5t#S256 and kid", () -> {
      String audience = Cloud.LOGIN + "/" + Cloud.TENANT + "/oauth2/v2.0/token";
      for (Assertion.Named named : Assertion.Named.values()) {
        var assertion = new ClientAssertionCredentialBuilder().clientAssertion(() -> Assertion.signed(named, audience));
        isOperator(Cloud.token(operator(assertion).build()));
      }
    });

    scenarios.run("wrong secret, unknown application, unknown tenant, unknown resource", () -> {
      var wrong = operator(new ClientSecretCredentialBuilder().clientSecret("wrong")).build();
      Scenarios.refused("AADSTS7000215", () -> Cloud.token(wrong));
      var unknown = operator(new ClientSecretCredentialBuilder().clientSecret(Cloud.SECRET)).clientId(Cloud.NOBODY).build();
      Scenarios.refused("AADSTS700016", () -> Cloud.token(unknown));
      var stranger = operator(certificate()).clientId(Cloud.NOBODY).build();
      Scenarios.refused("AADSTS700016", () -> Cloud.token(stranger));
      var elsewhere = operator(new ClientSecretCredentialBuilder().clientSecret(Cloud.SECRET)).tenantId(Cloud.NOBODY).build();
      Scenarios.refused("AADSTS90002", () -> Cloud.token(elsewhere));
      Scenarios.refused("AADSTS500011", () -> Cloud.token(Cloud.operator(), Cloud.NOWHERE + "/.default"));
    });
  }

  /** The older versions do not take these variables from a configuration. */
  static void fromEnvironment(Scenarios scenarios) {
    scenarios.run("DefaultAzureCredential signs in from the environment", () -> {
      // The authority is AZURE_AUTHORITY_HOST, which `bonafide env` exports.
      Configuration variables = new ConfigurationBuilder()
          .putProperty(Configuration.PROPERTY_AZURE_AUTHORITY_HOST, System.getenv("AZURE_AUTHORITY_HOST"))
          .putProperty(Configuration.PROPERTY_AZURE_TENANT_ID, Cloud.TENANT)
          .putProperty(Configuration.PROPERTY_AZURE_CLIENT_ID, Cloud.OPERATOR)
          .putProperty(Configuration.PROPERTY_AZURE_CLIENT_SECRET, Cloud.SECRET)
          .build();
      isOperator(Cloud.token(new DefaultAzureCredentialBuilder().configuration(variables).disableInstanceDiscovery().build()));
    });
  }

  static void isOperator(String token) throws Exception {
    Scenarios.equal(Cloud.claims(token).getStringClaim("appid"), Cloud.OPERATOR);
  }

  private static ClientCertificateCredentialBuilder certificate() {
    return new ClientCertificateCredentialBuilder().pemCertificate(Cloud.CERTIFICATE.toString());
  }

  private static <B extends AadCredentialBuilderBase<B>> B operator(B builder) {
    return builder.authorityHost(Cloud.LOGIN).disableInstanceDiscovery().tenantId(Cloud.TENANT).clientId(Cloud.OPERATOR);
  }
}
