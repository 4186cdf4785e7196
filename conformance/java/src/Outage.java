import com.azure.core.credential.TokenCredential;
import com.azure.core.credential.TokenRequestContext;
import com.azure.identity.DefaultAzureCredentialBuilder;
import com.azure.identity.ManagedIdentityCredentialBuilder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/**
 * Asks for one token after the other, by credentials that are kept and by new ones, and prints each: until there is the file
 * LOOP_UNTIL, of the resources api://outage/0 to LOOP_RESOURCES - 1, so that no cache of a library's answers.
 */
final class Outage {
  private Outage() {}

  public static void main(String[] arguments) throws InterruptedException {
    Path until = Path.of(System.getenv("LOOP_UNTIL"));
    int resources = Integer.parseInt(System.getenv("LOOP_RESOURCES"));
    List<TokenCredential> kept = List.of(managed(), byDefault());
    int number = 0;
    while (!Files.exists(until)) {
      for (TokenCredential credential : List.of(kept.get(0), kept.get(1), managed(), byDefault())) {
        String name = credential.getClass().getSimpleName();
        var scope = new TokenRequestContext().addScopes("api://outage/" + number % resources + "/.default");
        try {
          System.out.println("token " + name + " " + credential.getTokenSync(scope).getToken());
        } catch (RuntimeException error) {
          System.out.println("failed " + name + " " + String.valueOf(error.getMessage()).replaceAll("\\s+", " "));
        }
        number++;
      }
      Thread.sleep(200);
    }
    System.exit(0);
  }

  private static TokenCredential managed() {
    return new ManagedIdentityCredentialBuilder().build();
  }

  private static TokenCredential byDefault() {
    return new DefaultAzureCredentialBuilder().build();
  }
}
