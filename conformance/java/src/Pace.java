import com.azure.resourcemanager.compute.fluent.models.VirtualMachineUpdateInner;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Map;

/** How long writes take. */
final class Pace {
  /** A client that polls waits at least a second before it asks again. */
  private static final Duration WITHOUT_POLLING = Duration.ofSeconds(1);

  private final Resources all;

  Pace(Resources all) {
    this.all = all;
  }

  /** How long each kind of write takes with the library's own pace of polling. */
  void seconds() throws Exception {
    var tags = new VirtualMachineUpdateInner().withTags(Map.of("only", "tags"));
    all.resources.resourceGroups().define("java-timed").withRegion(Resources.PLACE).create();
    var took = new LinkedHashMap<String, Duration>();
    took.put("PUT new", Scenarios.timed(() -> all.machines().createOrUpdate(Resources.GROUP, "timed", Machines.machine())));
    took.put("PUT", Scenarios.timed(() -> all.machines().createOrUpdate(Resources.GROUP, "timed", Machines.machine())));
    took.put("PATCH", Scenarios.timed(() -> all.machines().update(Resources.GROUP, "timed", tags)));
    took.put("POST", Scenarios.timed(() -> all.resources.providers().register("Microsoft.Compute")));
    took.put("DELETE", Scenarios.timed(() -> all.machines().delete(Resources.GROUP, "timed")));
    took.put("DELETE of a group", Scenarios.timed(() -> all.resources.resourceGroups().deleteByName("java-timed")));
    took.forEach((what, time) -> System.out.printf("# %s: %.2f s%n", what, time.toMillis() / 1000.0));
    took.forEach((what, time) -> Scenarios.check(time.compareTo(WITHOUT_POLLING) < 0, what + " took " + time));
  }
}
