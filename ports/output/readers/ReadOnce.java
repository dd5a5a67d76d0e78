import java.time.Duration;
import java.util.*;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.common.serialization.StringDeserializer;

// Read a topic of weir without repeats: ReadOnce.java BOOTSTRAP TOPIC (ends when nothing came for 10 s)
class ReadOnce {
  static final int WINDOW = 20000; // a repeat comes at most 10,000 records behind what it repeats
  static final Map<String, Set<String>> newest = new HashMap<>(); // seqs, by topic (a product's), gateway and epoch

  static boolean isRepeat(ConsumerRecord<String, String> record) {
    String identity = new String(record.headers().lastHeader("weir").value());
    int cut = identity.lastIndexOf('/');
    Set<String> seqs = newest.computeIfAbsent(record.topic() + '/' + identity.substring(0, cut), name ->
        Collections.newSetFromMap(new LinkedHashMap<String, Boolean>() {
          protected boolean removeEldestEntry(Map.Entry<String, Boolean> eldest) { return size() > WINDOW; }
        }));
    return !seqs.add(identity.substring(cut + 1));
  }

  public static void main(String[] words) {
    var settings = Map.<String, Object>of("bootstrap.servers", words[0], "group.id", "read-once-java", "auto.offset.reset", "earliest");
    var text = new StringDeserializer();
    try (var consumer = new KafkaConsumer<String, String>(settings, text, text)) {
      consumer.subscribe(List.of(words[1]));
      for (var batch = consumer.poll(Duration.ofSeconds(10)); !batch.isEmpty(); batch = consumer.poll(Duration.ofSeconds(10))) {
        for (var record : batch) if (!isRepeat(record)) System.out.println(record.value());
      }
    }
  }
}
