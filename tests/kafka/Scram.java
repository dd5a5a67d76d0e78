// Makes a user who logs in by SCRAM-SHA-256 and SCRAM-SHA-512.
//
//   broker java Scram.java CLIENT_PROPERTIES NAME PASSWORD

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Properties;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.ScramCredentialInfo;
import org.apache.kafka.clients.admin.ScramMechanism;
import org.apache.kafka.clients.admin.UserScramCredentialUpsertion;

public final class Scram {
  public static void main(String[] words) throws Exception {
    Properties settings = new Properties();
    try (var in = Files.newInputStream(Path.of(words[0]))) {
      settings.load(in);
    }
    try (Admin admin = Admin.create(settings)) {
      for (ScramMechanism mechanism : List.of(ScramMechanism.SCRAM_SHA_256, ScramMechanism.SCRAM_SHA_512)) {
        var user = new UserScramCredentialUpsertion(words[1], new ScramCredentialInfo(mechanism, 4096), words[2]);
        admin.alterUserScramCredentials(List.of(user)).all().get();
      }
    }
  }
}
