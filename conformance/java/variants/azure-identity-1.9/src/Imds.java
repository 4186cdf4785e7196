/** The metadata endpoint at its real address. */
final class Imds {
  private Imds() {}

  public static void main(String[] arguments) {
    Scenarios scenarios = new Scenarios();
    Metadata.run(scenarios, Cloud.demo());
    scenarios.end();
  }
}
