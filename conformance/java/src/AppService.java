/** The App Service endpoint of {@code bonafide exec}. */
final class AppService {
  private AppService() {}

  public static void main(String[] arguments) {
    Scenarios scenarios = new Scenarios();
    Cloud.Demo demo = Cloud.demo();
    Metadata.run(scenarios, demo);
    Recent.run(scenarios, demo);
    MsalMetadata.run(scenarios, demo);
    Legacy.appService(scenarios, demo);
    scenarios.end();
  }
}
