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
    scenarios.run("the program of docs/guide/languages.md", () -> Example.main(new String[0]));
    scenarios.end();
  }
}
