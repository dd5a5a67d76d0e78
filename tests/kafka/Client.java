// The parts of the broker command that need Kafka's own Java: formatting the storage of several
// nodes in one go, access rules, and an independent reader for what a test delivered.

import static java.util.concurrent.TimeUnit.SECONDS;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.TreeSet;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeoutException;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.acl.AccessControlEntry;
import org.apache.kafka.common.acl.AclBinding;
import org.apache.kafka.common.acl.AclBindingFilter;
import org.apache.kafka.common.acl.AclOperation;
import org.apache.kafka.common.acl.AclPermissionType;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.resource.PatternType;
import org.apache.kafka.common.resource.ResourcePattern;
import org.apache.kafka.common.resource.ResourceType;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

public final class Client {
  private static final long WAIT = 20;

  public static void main(String[] words) throws Exception {
    List<String> rest = Arrays.asList(words).subList(1, words.length);
    try {
      switch (words[0]) {
        case "format" -> format(rest);
        case "consume" -> consume(rest);
        case "acl" -> acl(rest);
        default -> fail("no such action: " + words[0]);
      }
    } catch (KafkaException | ExecutionException | TimeoutException problem) {
      Throwable cause = problem instanceof ExecutionException ? problem.getCause() : problem;
      fail("Kafka refused or did not answer: " + cause.getMessage());
    }
  }

  // format CLUSTER_ID SERVER_PROPERTIES...
  private static void format(List<String> words) {
    for (String config : words.subList(1, words.size())) {
      String[] arguments = {"format", "-t", words.get(0), "-c", config};
      if (kafka.tools.StorageTool.execute(arguments, System.out) != 0) System.exit(1);
    }
  }

  private static Properties load(String path) throws IOException {
    Properties settings = new Properties();
    try (var in = Files.newInputStream(Path.of(path))) {
      settings.load(in);
    }
    return settings;
  }

  // consume CLIENT_PROPERTIES TOPIC ISOLATION SECONDS ENCODING
  private static void consume(List<String> words) throws IOException {
    Properties settings = load(words.get(0));
    settings.put(ConsumerConfig.ISOLATION_LEVEL_CONFIG, words.get(2));
    settings.put(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG, "none");
    settings.put(ConsumerConfig.ALLOW_AUTO_CREATE_TOPICS_CONFIG, "false");
    Duration limit = Duration.ofSeconds(Long.parseLong(words.get(3)));
    boolean base64 = words.get(4).equals("base64");
    var bytes = new ByteArrayDeserializer();
    try (var consumer = new KafkaConsumer<byte[], byte[]>(settings, bytes, bytes);
        var out = new PrintStream(System.out, false, StandardCharsets.UTF_8)) {
      readAll(consumer, words.get(1), limit, record -> out.println(line(record, base64)));
    }
  }

  private interface Sink {
    void take(ConsumerRecord<byte[], byte[]> record) throws IOException;
  }

  // Ends at the high watermark seen at the start (read_committed: at the last stable offset), so a
  // reader beside a running producer ends too. Positions count, not records: markers take offsets.
  private static void readAll(
      KafkaConsumer<byte[], byte[]> consumer, String topic, Duration limit, Sink sink) throws IOException {
    var partitions = new ArrayList<TopicPartition>();
    for (var info : consumer.partitionsFor(topic, limit)) {
      partitions.add(new TopicPartition(topic, info.partition()));
    }
    if (partitions.isEmpty()) fail("there is no topic " + topic);
    Map<TopicPartition, Long> ends = consumer.endOffsets(partitions, limit);
    consumer.assign(partitions);
    consumer.beginningOffsets(partitions, limit).forEach(consumer::seek);
    long deadline = System.nanoTime() + limit.toNanos();
    while (ends.entrySet().stream().anyMatch(end -> consumer.position(end.getKey()) < end.getValue())) {
      if (System.nanoTime() > deadline) fail("topic " + topic + " was not read to its end in time");
      for (var record : consumer.poll(Duration.ofMillis(200))) {
        var from = new TopicPartition(record.topic(), record.partition());
        if (record.offset() < ends.get(from)) sink.take(record);
      }
    }
  }

  private static String line(ConsumerRecord<byte[], byte[]> record, boolean base64) throws IOException {
    var text = new java.io.StringWriter();
    try (JsonGenerator json = new JsonFactory().createGenerator(text)) {
      json.writeStartObject();
      json.writeNumberField("partition", record.partition());
      json.writeNumberField("offset", record.offset());
      json.writeNumberField("timestamp", record.timestamp());
      json.writeStringField("timestamp_type", record.timestampType().toString());
      json.writeFieldName("key");
      content(json, record.key(), base64);
      json.writeArrayFieldStart("headers");
      for (Header header : record.headers()) {
        json.writeStartArray();
        json.writeString(header.key());
        content(json, header.value(), base64);
        json.writeEndArray();
      }
      json.writeEndArray();
      json.writeFieldName("value");
      content(json, record.value(), base64);
      json.writeEndObject();
    }
    return text.toString();
  }

  // Text stays text; what is not UTF-8 becomes {"base64": "..."} rather than being bent into text.
  private static void content(JsonGenerator json, byte[] bytes, boolean base64) throws IOException {
    if (bytes == null) {
      json.writeNull();
      return;
    }
    String encoded = Base64.getEncoder().encodeToString(bytes);
    if (base64) {
      json.writeString(encoded);
      return;
    }
    try {
      json.writeString(StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes)).toString());
    } catch (CharacterCodingException notText) {
      json.writeStartObject();
      json.writeStringField("base64", encoded);
      json.writeEndObject();
    }
  }

  // acl CLIENT_PROPERTIES add|remove USER allow|deny OPERATION TYPE NAME literal|prefixed
  // acl CLIENT_PROPERTIES list
  private static void acl(List<String> words) throws Exception {
    try (Admin admin = Admin.create(load(words.get(0)))) {
      switch (words.get(1)) {
        case "list" -> {
          var lines = new TreeSet<String>();
          for (AclBinding rule : admin.describeAcls(AclBindingFilter.ANY).values().get(WAIT, SECONDS)) lines.add(sentence(rule));
          lines.forEach(System.out::println);
        }
        case "add" -> admin.createAcls(List.of(rule(words))).all().get(WAIT, SECONDS);
        default -> {
          var removed = admin.deleteAcls(List.of(rule(words).toFilter())).all().get(WAIT, SECONDS);
          if (removed.isEmpty()) fail("there is no such access rule: " + sentence(rule(words)));
        }
      }
    }
  }

  private static AclBinding rule(List<String> words) {
    var type = ResourceType.fromString(words.get(5));
    var pattern = new ResourcePattern(type, words.get(6), PatternType.valueOf(words.get(7).toUpperCase()));
    var operation = AclOperation.fromString(words.get(4));
    if (operation.isUnknown()) fail("Kafka knows no operation " + words.get(4) + "; read and write are two");
    var permission = AclPermissionType.fromString(words.get(3));
    return new AclBinding(pattern, new AccessControlEntry("User:" + words.get(2), "*", operation, permission));
  }

  private static String sentence(AclBinding rule) {
    var entry = rule.entry();
    var pattern = rule.pattern();
    return String.join(
        " ",
        entry.principal(),
        entry.permissionType().toString().toLowerCase(),
        entry.operation().toString().toLowerCase(),
        pattern.resourceType().toString().toLowerCase(),
        pattern.name(),
        pattern.patternType().toString().toLowerCase());
  }

  private static void fail(String sentence) {
    System.err.println("broker: " + sentence);
    System.exit(1);
  }
}
