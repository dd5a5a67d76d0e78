// Records of layout `blocks` as rows, with Apache Avro: java ReadBlocks.java SCHEMA.json RECORD.avro...
// Prints what read_blocks.py prints.
import static java.util.stream.Collectors.toList;

import java.io.File;
import java.nio.file.Files;
import java.nio.file.Paths;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Comparator;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.apache.avro.Schema;
import org.apache.avro.generic.GenericDatumReader;
import org.apache.avro.generic.GenericRecord;
import org.apache.avro.io.DecoderFactory;

public class ReadBlocks {
    static class Row {
        long seq, time;
        int quality;
        String key;
        Map<String, Object> values = new LinkedHashMap<>();

        Row(String key, long time) {
            this.key = key;
            this.time = time;
        }
    }

    /** The rows of one record, in order of seq. */
    static List<Row> rows(GenericRecord block) {
        List<List<Row>> ofKey = new ArrayList<>();
        Iterator<String> names = keys(block).iterator();
        long[] time = {0, 0}; // where the axis begins, and of the row
        for (GenericRecord axis : ReadBlocks.<GenericRecord>list(block.get("axes"))) {
            List<Long> steps = list(axis.get("times"));
            for (int n = (Integer) axis.get("keys"); n > 0; n--) {
                String key = names.next();
                time[1] = time[0];
                ofKey.add(steps.stream().map(step -> new Row(key, time[1] += step)).collect(toList()));
            }
            time[0] += steps.get(0);
        }
        List<Row> cells = ofKey.stream().flatMap(List::stream).collect(toList());
        List<Row> byTime = new ArrayList<>(cells), rows = new ArrayList<>();
        byTime.sort(Comparator.comparingLong(row -> row.time)); // stable
        List<Integer> order = list(block.get("order"));
        Iterator<Integer> qualities = spread(block, "qualities"), scales = spread(block, "scales");
        for (int i = 0; i < cells.size(); i++) {
            rows.add(byTime.get(i + (order.isEmpty() ? 0 : order.get(i))));
            rows.get(i).seq = (Long) block.get("seq") + i;
            cells.get(i).quality = qualities.next();
        }
        List<Integer> runs = list(block.get("present"));
        Iterator<Boolean> present = IntStream.range(0, runs.size()).boxed()
            .flatMap(i -> Collections.nCopies(runs.get(i), i % 2 == 0).stream()).iterator();
        Iterator<Long> numbers = ReadBlocks.<Long>list(block.get("numbers")).iterator();
        for (String field : ReadBlocks.<String>list(block.getSchema().getObjectProp("columns"))) {
            long number = 0;
            for (List<Row> of : ofKey) {
                List<Row> mine = of.stream().filter(row -> present.next()).collect(toList());
                int scale = mine.isEmpty() ? 64 : scales.next();
                number = (scale & 64) != 0 ? number : 0;
                for (Row row : mine) {
                    row.values.put(field, value(block, number += numbers.next(), scale & 63));
                }
            }
        }
        return rows;
    }

    static List<String> keys(GenericRecord block) {
        List<String> listed = list(block.getSchema().getObjectProp("keys")), keys = new ArrayList<>();
        List<Integer> runs = list(block.get("listed")), shared = list(block.get("shared"));
        if (!runs.isEmpty() && !block.get("list").equals(block.getSchema().getObjectProp("list"))) {
            throw new IllegalArgumentException("keys of another schema");
        }
        for (int i = 0; i < runs.size(); i += 2) {
            keys.addAll(listed.subList(runs.get(i), runs.get(i) + runs.get(i + 1)));
        }
        for (Object rest : list(block.get("keys"))) {
            int size = shared.remove(0);
            keys.add((size == 0 ? "" : keys.get(keys.size() - 1).substring(0, size)) + rest);
        }
        return keys;
    }

    static Object value(GenericRecord block, long number, int scale) {
        double decimal = number / Math.pow(10, scale % 16); // Math.pow(10, 0..15) is exact
        return scale == 32 ? list(block.get("doubles")).get((int) number)
            : scale == 33 ? list(block.get("texts")).get((int) number).toString()
            : scale == 34 ? (Object) (number != 0)
            : scale == 35 ? (Object) number // an integer, or a time in ms
            : scale >= 16 ? (double) (float) decimal : decimal;
    }

    /** (value, count)*, one by one. */
    static Iterator<Integer> spread(GenericRecord block, String name) {
        List<Integer> runs = list(block.get(name));
        return IntStream.range(0, runs.size() / 2).boxed()
            .flatMap(i -> Collections.nCopies(runs.get(2 * i + 1), runs.get(2 * i)).stream()).iterator();
    }

    @SuppressWarnings("unchecked")
    static <T> List<T> list(Object list) {
        return (List<T>) list;
    }

    // ---- the rest prints rows for comparison ----

    static String said(Object value) {
        return value instanceof Double
            ? String.format("%016x", Double.doubleToRawLongBits((Double) value)) : value.toString();
    }

    public static void main(String[] args) throws Exception {
        Schema schema = new Schema.Parser().parse(new File(args[0]));
        GenericDatumReader<GenericRecord> reader = new GenericDatumReader<>(schema);
        StringBuilder out = new StringBuilder();
        for (String path : Arrays.asList(args).subList(1, args.length)) {
            byte[] bytes = Files.readAllBytes(Paths.get(path));
            GenericRecord block = reader.read(null, DecoderFactory.get().binaryDecoder(bytes, null));
            for (GenericRecord loss : ReadBlocks.<GenericRecord>list(block.get("lost"))) {
                out.append("lost " + loss.get("from_seq") + " " + loss.get("to_seq") + " " + loss.get("count")
                    + " " + loss.get("cause") + "\n");
            }
            for (Row row : rows(block)) {
                out.append(row.seq + " " + row.key + " " + row.time + " " + row.quality);
                row.values.forEach((field, value) -> out.append(" " + field + "=" + said(value)));
                out.append('\n');
            }
        }
        System.out.print(out);
    }
}
