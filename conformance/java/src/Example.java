import com.azure.core.credential.TokenRequestContext;
import com.azure.identity.DefaultAzureCredentialBuilder;

/** A token of the machine's identity, with the stock SDK: on Azure, and here by {@code bonafide exec}. */
public final class Example {
  public static void main(String[] arguments) {
    var credential = new DefaultAzureCredentialBuilder().build();
    var asked = new TokenRequestContext().addScopes("https://vault.azure.net/.default");
    System.out.println("a token until " + credential.getTokenSync(asked).getExpiresAt());
  }
}
