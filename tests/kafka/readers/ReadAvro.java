import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.*;
import org.apache.avro.Schema;
import org.apache.avro.generic.*;
import org.apache.avro.io.DecoderFactory;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

// Kafka's Java client and the Avro library: ReadAvro.java BOOTSTRAP REGISTRY TOPIC COUNT, a line of JSON each
class ReadAvro {
  static final Map<Integer, Schema> schemas = new HashMap<>();
  static String registry;

  static Schema schema(int id) {
    return schemas.computeIfAbsent(id, key -> {
      try {
        HttpRequest request = HttpRequest.newBuilder(URI.create(registry + "/schemas/ids/" + key)).build();
        String answer = HttpClient.newHttpClient().send(request, HttpResponse.BodyHandlers.ofString()).body();
        var tree = new com.fasterxml.jackson.databind.ObjectMapper().readTree(answer);
        return new Schema.Parser().parse(tree.get("schema").asText());
      } catch (Exception error) {
        throw new RuntimeException(error);
      }
    });
  }

  public static void main(String[] words) throws Exception {
    registry = words[1];
    int left = Integer.parseInt(words[3]);
    Properties settings = new Properties();
    settings.put("bootstrap.servers", words[0]);
    settings.put("group.id", "java");
    settings.put("auto.offset.reset", "earliest");
    settings.put("isolation.level", "read_committed");
    settings.put("key.deserializer", ByteArrayDeserializer.class.getName());
    settings.put("value.deserializer", ByteArrayDeserializer.class.getName());
    try (KafkaConsumer<byte[], byte[]> consumer = new KafkaConsumer<>(settings)) {
      consumer.subscribe(List.of(words[2]));
      for (int quiet = 0; left > 0 && quiet < 30; quiet++) {
        for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofSeconds(1))) {
          byte[] value = record.value();
          if (value[0] != 0) {
            throw new IllegalStateException("no id in front");
          }
          Schema schema = schema(ByteBuffer.wrap(value, 1, 4).getInt());
          var decoder = DecoderFactory.get().binaryDecoder(value, 5, value.length - 5, null);
          GenericRecord row = new GenericDatumReader<GenericRecord>(schema).read(null, decoder);
          if (!decoder.isEnd()) {
            throw new IllegalStateException("bytes are left");
          }
          System.out.println(row);
          left--;
        }
      }
    }
    System.exit(left == 0 ? 0 : 1);
  }
}
