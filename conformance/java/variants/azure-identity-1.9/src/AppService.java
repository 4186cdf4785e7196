/** The App Service endpoint of {@code bonafide exec}. */
final class AppService {
  private AppService() {}

  public static void main(String[] arguments) {
    Scenarios scenarios = new Scenarios();
    Metadata.run(scenarios, Cloud.demo());
    scenarios.end();
  }
}
