/** The Cloud Shell endpoint of {@code bonafide exec --dialect cloud-shell}. */
final class CloudShell {
  private CloudShell() {}

  public static void main(String[] arguments) {
    Scenarios scenarios = new Scenarios();
    Cloud.Demo demo = Cloud.demo();
    scenarios.run("ManagedIdentityCredential in Cloud Shell", () ->
        Scenarios.equal(Cloud.claims(Cloud.token(Metadata.system())).getStringClaim("oid"), demo.system()));
    scenarios.end();
  }
}
