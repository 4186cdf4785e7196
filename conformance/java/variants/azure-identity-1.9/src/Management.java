/** Login, as the operator. */
final class Management {
  private Management() {}

  public static void main(String[] arguments) {
    Scenarios scenarios = new Scenarios();
    SignIn.run(scenarios);
    Msal.signIn(scenarios);
    scenarios.end();
  }
}
