import com.azure.core.credential.TokenCredential;
import com.azure.core.credential.TokenRequestContext;
import com.azure.core.management.AzureEnvironment;
import com.azure.core.management.profile.AzureProfile;
import com.azure.identity.ClientSecretCredential;
import com.azure.identity.ClientSecretCredentialBuilder;
import com.azure.resourcemanager.compute.ComputeManager;
import com.azure.resourcemanager.compute.fluent.models.VirtualMachineInner;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.nimbusds.jose.JWSAlgorithm;
import com.nimbusds.jose.jwk.source.RemoteJWKSet;
import com.nimbusds.jose.proc.JWSVerificationKeySelector;
import com.nimbusds.jose.proc.SecurityContext;
import com.nimbusds.jwt.JWTClaimsSet;
import com.nimbusds.jwt.JWTParser;
import com.nimbusds.jwt.proc.DefaultJWTClaimsVerifier;
import com.nimbusds.jwt.proc.DefaultJWTProcessor;
import java.io.IOException;
import java.net.URI;
import java.net.URL;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.text.ParseException;
import java.util.Map;
import java.util.Set;

/** The running cloud, as {@code up --json} described it. */
final class Cloud {
  static final String ARM_AUDIENCE = "https://management.azure.com";
  static final String ARM_SCOPE = ARM_AUDIENCE + "/.default";
  static final String NOBODY = "00000000-0000-4000-8000-000000000000";
  /** A resource that no directory knows. */
  static final String NOWHERE = "https://nobody.example";

  private static final ObjectMapper JSON = new ObjectMapper();
  private static final JsonNode INFO = parsed(read(Path.of(System.getenv("BONAFIDE_INFO"))));

  static final String TENANT = INFO.get("tenantId").asText();
  static final String SUBSCRIPTION = INFO.get("subscriptionId").asText();
  static final String LOGIN = INFO.at("/endpoints/login").asText().replaceAll("/$", "");
  static final String ARM = INFO.at("/endpoints/management").asText().replaceAll("/$", "");
  static final String OPERATOR = INFO.at("/operator/clientId").asText();
  static final String SECRET = read(Path.of(INFO.at("/operator/secretFile").asText())).strip();
  static final Path CERTIFICATE = Path.of(INFO.at("/operator/certificateFile").asText());

  private Cloud() {}

  /** The operator, by its client secret. */
  static ClientSecretCredential operator() {
    return new ClientSecretCredentialBuilder()
        .authorityHost(LOGIN).disableInstanceDiscovery().tenantId(TENANT).clientId(OPERATOR).clientSecret(SECRET).build();
  }

  static AzureProfile profile() {
    Map<String, String> endpoints = Map.of(
        "activeDirectoryEndpointUrl", LOGIN + "/",
        "resourceManagerEndpointUrl", ARM,
        "managementEndpointUrl", ARM_AUDIENCE,
        "microsoftGraphResourceId", "https://graph.microsoft.com/");
    return new AzureProfile(TENANT, SUBSCRIPTION, new AzureEnvironment(endpoints));
  }

  static String token(TokenCredential credential, String scope) {
    return credential.getTokenSync(new TokenRequestContext().addScopes(scope)).getToken();
  }

  static String token(TokenCredential credential) {
    return token(credential, ARM_SCOPE);
  }

  /** The machine {@code demo}, which {@code up} makes, as its own and its user-assigned identity's ids. */
  static Demo demo() {
    VirtualMachineInner machine = ComputeManager.authenticate(operator(), profile()).serviceClient().getVirtualMachines()
        .getByResourceGroup("demo", "demo");
    var user = machine.identity().userAssignedIdentities().entrySet().iterator().next();
    return new Demo(machine.id(), machine.identity().principalId(),
        user.getKey(), user.getValue().clientId(), user.getValue().principalId());
  }

  /** A machine with a system-assigned identity, by its object id, and one user-assigned identity. */
  record Demo(String machine, String system, String userId, String userClient, String userObject) {}

  /** The claims of a token, not verified. */
  static JWTClaimsSet claims(String token) throws ParseException {
    return JWTParser.parse(token).getJWTClaimsSet();
  }

  /** The claims of a token whose signature, times, issuer and audience its issuer's discovery document bears out. */
  static JWTClaimsSet verify(String token, String audience) throws Exception {
    String issuer = claims(token).getIssuer();
    Scenarios.check(issuer.startsWith(LOGIN + "/"), "the issuer is " + issuer);
    HttpRequest request = HttpRequest.newBuilder(
        URI.create(issuer.replaceAll("/$", "") + "/.well-known/openid-configuration")).build();
    JsonNode document = parsed(HttpClient.newHttpClient().send(request, HttpResponse.BodyHandlers.ofString()).body());
    Scenarios.equal(document.get("issuer").asText(), issuer);
    var keys = new RemoteJWKSet<SecurityContext>(new URL(document.get("jwks_uri").asText()));
    var processor = new DefaultJWTProcessor<SecurityContext>();
    processor.setJWSKeySelector(new JWSVerificationKeySelector<>(JWSAlgorithm.RS256, keys));
    processor.setJWTClaimsSetVerifier(new DefaultJWTClaimsVerifier<>(audience,
        new JWTClaimsSet.Builder().issuer(issuer).build(), Set.of("exp", "nbf", "iat", "sub")));
    return processor.process(token, null);
  }

  private static String read(Path file) {
    try {
      return Files.readString(file);
    } catch (IOException error) {
      throw new IllegalStateException(error);
    }
  }

  private static JsonNode parsed(String text) {
    try {
      return JSON.readTree(text);
    } catch (IOException error) {
      throw new IllegalStateException(error);
    }
  }
}
