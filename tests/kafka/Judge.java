// What Kafka's own Java client sees of a topic that weir writes: how many records, which came twice, which
// are missing, which came out of order for their key. It knows nothing of weir but the header `weir` =
// GATEWAY/EPOCH/SEQ and, in the tests, that each value is a number of its own.
//
//   broker java Judge.java CLIENT_PROPERTIES TOPIC read_committed|read_uncommitted
//
// prints one JSON line, after the topic's end seen at the start.

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.HashMap;
import java.util.Map;
import java.util.Properties;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

public final class Judge {
  private static final Duration WAIT = Duration.ofSeconds(30);

  private final Map<String, BitSet> streams = new HashMap<>(); // seqs by GATEWAY/EPOCH
  private final Map<String, Long> last = new HashMap<>(); // by GATEWAY/EPOCH and key
  private final BitSet values = new BitSet();
  private long records, duplicates, outOfOrder, malformed;

  private void take(ConsumerRecord<byte[], byte[]> record) {
    records++;
    var header = record.headers().lastHeader("weir");
    String identity = header == null ? "" : new String(header.value(), StandardCharsets.UTF_8);
    int cut = identity.lastIndexOf('/');
    if (cut < 0) {
      malformed++;
      return;
    }
    String stream = identity.substring(0, cut);
    int seq = Integer.parseInt(identity.substring(cut + 1));
    BitSet seen = streams.computeIfAbsent(stream, name -> new BitSet());
    if (seen.get(seq)) {
      duplicates++;
      return; // a repeat says nothing of the order
    }
    seen.set(seq);
    String lane = stream + ' ' + new String(record.key(), StandardCharsets.UTF_8);
    Long before = last.put(lane, (long) seq);
    if (before != null && before > seq) outOfOrder++;
    String value = new String(record.value(), StandardCharsets.UTF_8).replaceFirst(".*\"value\":(\\d+).*", "$1");
    values.set(Integer.parseInt(value));
  }

  private String verdict() {
    long missing = 0;
    for (BitSet seen : streams.values()) missing += seen.length() - 1 - seen.cardinality();
    return String.format(
        "{\"records\": %d, \"streams\": %d, \"missing\": %d, \"duplicates\": %d, \"out_of_order\": %d, "
            + "\"malformed\": %d, \"values\": %s}",
        records, streams.size(), missing, duplicates, outOfOrder, malformed, runs());
  }

  // The values as [first, end) pairs.
  private String runs() {
    var pairs = new ArrayList<String>();
    for (int from = values.nextSetBit(0); from >= 0; ) {
      int end = values.nextClearBit(from);
      pairs.add("[" + from + ", " + end + "]");
      from = values.nextSetBit(end);
    }
    return pairs.toString();
  }

  public static void main(String[] words) throws Exception {
    var settings = new Properties();
    try (var in = Files.newInputStream(Path.of(words[0]))) {
      settings.load(in);
    }
    settings.put("isolation.level", words[2]);
    settings.put("allow.auto.create.topics", "false");
    var judge = new Judge();
    var bytes = new ByteArrayDeserializer();
    try (var consumer = new KafkaConsumer<byte[], byte[]>(settings, bytes, bytes)) {
      var partitions = new ArrayList<TopicPartition>();
      for (var info : consumer.partitionsFor(words[1], WAIT)) {
        partitions.add(new TopicPartition(words[1], info.partition()));
      }
      Map<TopicPartition, Long> ends = consumer.endOffsets(partitions, WAIT);
      consumer.assign(partitions);
      consumer.seekToBeginning(partitions);
      long idleSince = System.nanoTime();
      while (ends.entrySet().stream().anyMatch(end -> consumer.position(end.getKey()) < end.getValue())) {
        var batch = consumer.poll(Duration.ofMillis(200));
        if (!batch.isEmpty()) idleSince = System.nanoTime();
        if (System.nanoTime() - idleSince > WAIT.toNanos()) throw new IllegalStateException("not read to its end");
        batch.forEach(judge::take);
      }
    }
    System.out.println(judge.verdict());
  }
}
