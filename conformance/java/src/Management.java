/** Login and management, as the operator. */
final class Management {
  private Management() {}

  public static void main(String[] arguments) {
    Scenarios scenarios = new Scenarios();
    SignIn.run(scenarios);
    SignIn.fromEnvironment(scenarios);
    Msal.signIn(scenarios);
    Legacy.signIn(scenarios);
    Resources.run(scenarios);
    scenarios.end();
  }
}
