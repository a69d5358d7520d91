package skep.clienttests;

import java.io.FileWriter;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import org.junit.runner.Description;
import org.junit.runner.JUnitCore;
import org.junit.runner.notification.Failure;
import org.junit.runner.notification.RunListener;

/**
 * Runs test classes one after the other, each in a thread of its own with a limit of time.
 *
 * <p>Arguments: the file of results, then the classes. A result is one line: class, test, PASS | FAIL | SKIP,
 * milliseconds, message, parted by tabs.
 */
public final class Main {
  private Main() {}

  public static void main(String[] args) throws Exception {
    PrintStream summary = System.out;
    System.setOut(System.err); // what the tests print
    long limitMs = 1000 * Long.getLong("class.limit_s", 900);
    try (PrintWriter results = new PrintWriter(new FileWriter(args[0]), true)) {
      for (int i = 1; i < args.length; i++) {
        reset();
        summary.println(runClass(args[i], limitMs).write(results));
      }
    }
    System.exit(0);
  }

  /** Brings the target back to empty: by the command that the caller gave, else through the API. */
  private static void reset() throws Exception {
    String command = System.getProperty("reset.command", "");
    if (command.isEmpty()) {
      Cleaner.emptyEverything();
      return;
    }
    int code = new ProcessBuilder("bash", "-c", command).inheritIO().start().waitFor();
    if (code != 0) {
      throw new IllegalStateException("the reset command ended with " + code);
    }
  }

  private static Results runClass(String name, long limitMs) throws InterruptedException {
    Results results = new Results(name.substring(name.lastIndexOf('.') + 1));
    Thread thread = new Thread(() -> {
      try {
        JUnitCore junit = new JUnitCore();
        junit.addListener(results);
        junit.run(Class.forName(name));
      } catch (ClassNotFoundException | LinkageError error) {
        results.put("<class>", "FAIL", error);
      }
    });
    thread.setDaemon(true);
    thread.start();
    thread.join(limitMs);
    return results;
  }

  /** What came of the tests of one class. Written by the thread of the tests, read when that is done or given up. */
  private static final class Results extends RunListener {
    private final String className;
    private final Map<String, String> lines = new LinkedHashMap<>();
    private final Map<String, Long> began = new HashMap<>();
    private final long classBegan = System.currentTimeMillis();

    Results(String className) {
      this.className = className;
    }

    synchronized void put(String test, String result, Throwable error) {
      long now = System.currentTimeMillis();
      String message = error == null ? "" : error.toString().replaceAll("\\s+", " ");
      message = message.substring(0, Math.min(message.length(), 3000));
      lines.put(test, result + "\t" + (now - began.getOrDefault(test, now)) + "\t" + message);
    }

    private static String name(Description test) {
      return test.getMethodName() == null ? "<class>" : test.getMethodName();
    }

    @Override
    public synchronized void testStarted(Description test) {
      began.put(name(test), System.currentTimeMillis());
      lines.put(name(test), "FAIL\t0\ttime is up");
    }

    @Override
    public void testFailure(Failure failure) {
      put(name(failure.getDescription()), "FAIL", failure.getException());
    }

    @Override
    public void testAssumptionFailure(Failure failure) {
      put(name(failure.getDescription()), "SKIP", failure.getException());
    }

    @Override
    public void testIgnored(Description test) {
      put(name(test), "SKIP", null);
    }

    @Override
    public synchronized void testFinished(Description test) {
      if (lines.get(name(test)).endsWith("\ttime is up")) {
        put(name(test), "PASS", null);
      }
    }

    /** Writes the results, and returns their sum. */
    synchronized String write(PrintWriter out) {
      int passed = 0;
      int failed = 0;
      for (Map.Entry<String, String> line : lines.entrySet()) {
        out.println(className + "\t" + line.getKey() + "\t" + line.getValue());
        passed += line.getValue().startsWith("PASS") ? 1 : 0;
        failed += line.getValue().startsWith("FAIL") ? 1 : 0;
      }
      double seconds = (System.currentTimeMillis() - classBegan) / 1000.0;
      return String.format("%-40s %4d passed %4d failed %7.1f s", className, passed, failed, seconds);
    }
  }
}
