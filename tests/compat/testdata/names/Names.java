import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import javax.security.auth.x500.X500Principal;

/** Answers lines on standard input. "read BASE64": does Java read this text as a name; "print BASE64": how does it print this DER. */
public class Names {
    public static void main(String[] args) throws Exception {
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.US_ASCII));
        StringBuilder out = new StringBuilder();
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            byte[] given = Base64.getDecoder().decode(line.substring(line.indexOf(' ') + 1));
            try {
                if (line.startsWith("read ")) {
                    new X500Principal(new String(given, StandardCharsets.UTF_8));
                    out.append("yes\n");
                } else {
                    byte[] name = new X500Principal(given).getName().getBytes(StandardCharsets.UTF_8);
                    out.append(Base64.getEncoder().encodeToString(name)).append('\n');
                }
            } catch (IllegalArgumentException e) {
                out.append("no\n");
            }
        }
        System.out.print(out);
    }
}
