import java.io.BufferedReader;
import java.io.ByteArrayOutputStream;
import java.io.File;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Base64;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;

import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.hdfs.HdfsConfiguration;
import org.apache.hadoop.hdfs.tools.DFSHAAdmin;
import org.apache.hadoop.hdfs.tools.DFSZKFailoverController;
import org.apache.hadoop.hdfs.tools.NNHAServiceTarget;
import org.apache.hadoop.util.ToolRunner;

/**
 * Asks the original many questions in one Java process. A line of standard input is a question, its parts separated by
 * tabs; the first is what to do, the second a configuration directory:
 *
 *   conf DIR [FILE...]     every value of the files as Configuration returns it; FILE as after -conf
 *   haadmin DIR ARG...     the command: exit code, standard output, standard error
 *   zkfc DIR ARG...        which NameNode a controller with these generic options would stand beside
 *
 * The answer is lines "name base64", ended by an empty one.
 */
public class Judge {
  private static final PrintStream answers = System.out;

  public static void main(String[] args) throws Exception {
    BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    for (String line = in.readLine(); line != null; line = in.readLine()) {
      String[] q = line.split("\t", -1);
      String[] rest = Arrays.copyOfRange(q, 2, q.length);
      try {
        switch (q[0]) {
          case "conf": conf(q[1], rest); break;
          case "haadmin": haadmin(q[1], rest); break;
          case "zkfc": zkfc(q[1], rest); break;
          default: throw new IllegalArgumentException(line);
        }
      } catch (Throwable t) {
        while (t.getCause() != null && t.getClass() == RuntimeException.class) {
          t = t.getCause();
        }
        say("exception", t.toString());
      }
      answers.println();
      answers.flush();
    }
  }

  private static void say(String name, String value) {
    answers.println(name + " " + Base64.getEncoder().encodeToString(value.getBytes(StandardCharsets.UTF_8)));
  }

  private static Configuration load(String dir) throws Exception {
    Configuration c = new HdfsConfiguration();
    c.setQuietMode(true);
    c.setClassLoader(new URLClassLoader(new URL[] {new File(dir).toURI().toURL()}, Judge.class.getClassLoader()));
    return c;
  }

  private static void conf(String dir, String[] files) throws Exception {
    Configuration c = load(dir);
    for (String f : files) {
      c.addResource(new Path(f));
    }
    Map<String, String> all = new TreeMap<>();
    for (Map.Entry<String, String> e : c) {
      all.put(e.getKey(), null);
    }
    for (String key : all.keySet()) {
      try {
        say(key, c.get(key));
        if (key.startsWith("list")) {
          say("trimmed " + key, String.join("|", c.getTrimmedStringCollection(key)));
        } else if (key.startsWith("int")) {
          say("typed " + key, String.valueOf(c.getInt(key, -5)));
        } else if (key.startsWith("bool")) {
          say("typed " + key, String.valueOf(c.getBoolean(key, false)) + c.getBoolean(key, true));
        } else if (key.startsWith("time")) {
          say("typed " + key, String.valueOf(c.getTimeDuration(key, -5, TimeUnit.MILLISECONDS)));
        }
      } catch (Exception e) {
        say("exception " + key, e.toString());
      }
    }
  }

  private interface Body {
    int run() throws Exception;
  }

  private static void record(Body b) throws Exception {
    ByteArrayOutputStream out = new ByteArrayOutputStream(), err = new ByteArrayOutputStream();
    PrintStream oldErr = System.err;
    System.setOut(new PrintStream(out, true, "UTF-8"));
    System.setErr(new PrintStream(err, true, "UTF-8"));
    try {
      say("rc", String.valueOf(b.run() & 0xff));
    } finally {
      System.setOut(answers);
      System.setErr(oldErr);
    }
    say("out", out.toString("UTF-8"));
    say("err", err.toString("UTF-8"));
  }

  private static void haadmin(String dir, String[] args) throws Exception {
    record(() -> {
      Configuration c = load(dir);
      return ToolRunner.run(c, new DFSHAAdmin(), args);
    });
  }

  private static void zkfc(String dir, String[] args) throws Exception {
    Configuration c = load(dir);
    for (String a : args) {
      String[] kv = a.split("=", 2);
      c.set(kv[0], kv[1]);
    }
    DFSZKFailoverController z = DFSZKFailoverController.create(c);
    NNHAServiceTarget t = (NNHAServiceTarget) z.getLocalTarget();
    say("node", t.getNameServiceId() + "/" + t.getNameNodeId());
    say("name", String.valueOf(t));
  }
}
