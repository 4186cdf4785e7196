import java.time.Duration;

/** Runs scenarios, says of each how it came out, and ends the process. */
final class Scenarios {
  private static final int REASON_CHARACTERS_MAX = 600;

  private boolean failed;

  /** What a scenario does; whatever it throws is its failure. */
  @FunctionalInterface
  interface Body {
    void run() throws Exception;
  }

  void run(String name, Body body) {
    try {
      body.run();
      System.out.println("ok " + name);
    } catch (Exception | AssertionError | LinkageError failure) {
      // A broken scenario must not hide the next.
      failed = true;
      System.out.println("FAIL " + name + ": " + line(failure) + reason(failure));
      failure.printStackTrace();
    }
  }

  /** Clients leave threads behind, so the process is ended, not left. */
  void end() {
    System.exit(failed ? 1 : 0);
  }

  private static String line(Throwable failure) {
    for (StackTraceElement frame : failure.getStackTrace()) {
      // Ours are the only classes without a package.
      if (frame.getClassName().indexOf('.') < 0) {
        return frame.getFileName() + ":" + frame.getLineNumber() + ": ";
      }
    }
    return "";
  }

  private static String reason(Throwable failure) {
    String said = failure.toString().replaceAll("\\s+", " ");
    return said.substring(0, Math.min(said.length(), REASON_CHARACTERS_MAX));
  }

  static void check(boolean holds, Object otherwise) {
    if (!holds) {
      throw new AssertionError(otherwise);
    }
  }

  static void equal(Object one, Object other) {
    check(one == null ? other == null : one.equals(other), one + " is not " + other);
  }

  /** An ARM id or a part of one, of which case means nothing. */
  static void sameId(String one, String other) {
    check(one.equalsIgnoreCase(other), one + " is not " + other);
  }

  /** All that was said in the exception that the call throws, its causes too. */
  static String refusal(Body body) {
    try {
      body.run();
    } catch (Exception refused) {
      StringBuilder said = new StringBuilder();
      for (Throwable cause = refused; cause != null; cause = cause.getCause()) {
        said.append(cause).append('\n');
      }
      return said.toString();
    }
    throw new AssertionError("it was not refused");
  }

  static void refused(String code, Body body) {
    String said = refusal(body);
    check(said.contains(code), code + " is not in: " + said);
  }

  /** How long the call took. */
  static Duration timed(Body body) throws Exception {
    long started = System.nanoTime();
    body.run();
    return Duration.ofNanos(System.nanoTime() - started);
  }
}
