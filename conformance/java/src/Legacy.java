import com.microsoft.aad.adal4j.AuthenticationContext;
import com.microsoft.aad.adal4j.ClientAssertion;
import com.microsoft.azure.AzureEnvironment;
import com.microsoft.azure.credentials.AppServiceMSICredentials;
import com.microsoft.azure.credentials.ApplicationTokenCredentials;
import com.microsoft.azure.credentials.MSICredentials;
import java.nio.file.Files;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/** azure-client-authentication 1.x and ADAL for Java, which went before azure-identity and msal4j. */
final class Legacy {
  private static final String RESOURCE = Cloud.ARM_AUDIENCE + "/";

  private Legacy() {}

  static void signIn(Scenarios scenarios) {
    scenarios.run("azure-client-authentication ApplicationTokenCredentials: secret and certificate", () -> {
      var secret = new ApplicationTokenCredentials(Cloud.OPERATOR, Cloud.TENANT, Cloud.SECRET, environment());
      SignIn.isOperator(secret.getToken(RESOURCE));
      byte[] pem = Files.readAllBytes(Cloud.CERTIFICATE);
      var certificate = new ApplicationTokenCredentials(Cloud.OPERATOR, Cloud.TENANT, pem, null, environment());
      SignIn.isOperator(certificate.getToken(RESOURCE));
    });

    scenarios.run("adal4j AuthenticationContext: assertion", () -> {
      ExecutorService threads = Executors.newSingleThreadExecutor();
      try {
        var context = new AuthenticationContext(Cloud.LOGIN + "/" + Cloud.TENANT, false, threads);
        String assertion = Assertion.signed(Assertion.Named.X5T, Cloud.LOGIN + "/" + Cloud.TENANT + "/oauth2/token");
        SignIn.isOperator(context.acquireToken(RESOURCE, new ClientAssertion(assertion), null).get().getAccessToken());
      } finally {
        threads.shutdown();
      }
    });

    scenarios.run("azure-client-authentication: wrong secret, unknown application, unknown resource", () -> {
      var wrong = new ApplicationTokenCredentials(Cloud.OPERATOR, Cloud.TENANT, "wrong", environment());
      Scenarios.refused("error?code=7000215", () -> wrong.getToken(RESOURCE));
      var unknown = new ApplicationTokenCredentials(Cloud.NOBODY, Cloud.TENANT, Cloud.SECRET, environment());
      Scenarios.refused("error?code=700016", () -> unknown.getToken(RESOURCE));
      var operator = new ApplicationTokenCredentials(Cloud.OPERATOR, Cloud.TENANT, Cloud.SECRET, environment());
      Scenarios.refused("error?code=500011", () -> operator.getToken(Cloud.NOWHERE));
    });
  }

  /** It knows no address but the real one. */
  static void imds(Scenarios scenarios, Cloud.Demo demo) {
    scenarios.run("azure-client-authentication MSICredentials: the system-assigned identity", () -> {
      String token = new MSICredentials(environment()).getToken(RESOURCE);
      Scenarios.equal(Cloud.claims(token).getStringClaim("oid"), demo.system());
    });

    scenarios.run("azure-client-authentication MSICredentials: by client id, object id and resource id", () -> {
      Metadata.isUser(new MSICredentials(environment()).withClientId(demo.userClient()).getToken(RESOURCE), demo);
      Metadata.isUser(new MSICredentials(environment()).withObjectId(demo.userObject()).getToken(RESOURCE), demo);
      Metadata.isUser(new MSICredentials(environment()).withIdentityId(demo.userId()).getToken(RESOURCE), demo);
    });

    scenarios.run("azure-client-authentication MSICredentials: an unknown identity is refused", () ->
        Scenarios.refusal(() -> new MSICredentials(environment()).withClientId(Cloud.NOBODY).getToken(RESOURCE)));
  }

  /** At the address that {@code MSI_ENDPOINT} names, in version 2017-09-01. */
  static void appService(Scenarios scenarios, Cloud.Demo demo) {
    scenarios.run("azure-client-authentication AppServiceMSICredentials: the system-assigned identity", () -> {
      String token = new AppServiceMSICredentials(environment()).getToken(RESOURCE);
      Scenarios.equal(Cloud.claims(token).getStringClaim("oid"), demo.system());
    });

    scenarios.run("azure-client-authentication AppServiceMSICredentials: by client id, the only selector that it has", () ->
        Metadata.isUser(new AppServiceMSICredentials(environment()).withClientId(demo.userClient()).getToken(RESOURCE), demo));

    scenarios.run("azure-client-authentication AppServiceMSICredentials: an unknown identity is refused", () ->
        Scenarios.refusal(() -> new AppServiceMSICredentials(environment()).withClientId(Cloud.NOBODY).getToken(RESOURCE)));
  }

  private static AzureEnvironment environment() {
    Map<String, String> endpoints = new HashMap<>(AzureEnvironment.AZURE.endpoints());
    endpoints.put("activeDirectoryEndpointUrl", Cloud.LOGIN + "/");
    endpoints.put("resourceManagerEndpointUrl", Cloud.ARM + "/");
    return new AzureEnvironment(endpoints);
  }
}
