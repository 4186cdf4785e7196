/** The metadata endpoint at its real address. */
final class Imds {
  private Imds() {}

  public static void main(String[] arguments) {
    Scenarios scenarios = new Scenarios();
    Cloud.Demo demo = Cloud.demo();
    Metadata.run(scenarios, demo);
    Recent.run(scenarios, demo);
    Metadata.unknownResource(scenarios);
    MsalMetadata.run(scenarios, demo);
    Legacy.imds(scenarios, demo);
    scenarios.end();
  }
}
