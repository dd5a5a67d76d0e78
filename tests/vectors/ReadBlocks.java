// Records of layout `blocks` as rows, with Apache Avro: java ReadBlocks.java SCHEMA.json RECORD.avro...
// Prints what read_blocks.py prints.
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
import org.apache.avro.Schema;
import org.apache.avro.generic.GenericDatumReader;
import org.apache.avro.generic.GenericRecord;
import org.apache.avro.io.DecoderFactory;

public class ReadBlocks {
    static class Row {
        long seq, time, quality;
        String key;
        Map<String, Object> values = new LinkedHashMap<>();
    }

    /** The rows of one decoded record, in order of seq. */
    static List<Row> rows(GenericRecord block) {
        List<String> keys = new ArrayList<>();
        for (Object rest : list(block, "keys")) {
            int shared = keys.isEmpty() ? 0 : (Integer) list(block, "shared").get(keys.size());
            keys.add((keys.isEmpty() ? "" : keys.get(keys.size() - 1).substring(0, shared)) + rest);
        }
        List<Row> cells = new ArrayList<>(); // the rows, key after key
        List<List<Row>> ofKey = new ArrayList<>();
        List<?> axes = list(block, "axes"), steps = list(block, "times"), order = list(block, "order");
        int at = 0;
        long first = 0;
        for (int axis = 0; axis < axes.size(); axis += 2) {
            int keyCount = (Integer) axes.get(axis), rowCount = (Integer) axes.get(axis + 1);
            for (int key = 0; key < keyCount; key++) {
                List<Row> mine = new ArrayList<>();
                long time = first;
                for (int i = 0; i < rowCount; i++) {
                    Row row = new Row();
                    row.key = keys.get(ofKey.size());
                    row.time = time += (Long) steps.get(at + i);
                    mine.add(row);
                }
                cells.addAll(mine);
                ofKey.add(mine);
            }
            first += (Long) steps.get(at);
            at += rowCount;
        }
        List<Row> byTime = new ArrayList<>(cells), rows = new ArrayList<>();
        byTime.sort(Comparator.comparingLong(row -> row.time)); // stable
        for (int i = 0; i < cells.size(); i++) {
            Row row = byTime.get(i + (order.isEmpty() ? 0 : (Integer) order.get(i)));
            row.seq = (Long) block.get("seq") + i;
            rows.add(row);
        }
        List<Integer> qualities = spread(list(block, "qualities"));
        for (int i = 0; i < qualities.size(); i++) {
            cells.get(i).quality = qualities.get(i);
        }
        Iterator<Integer> scales = spread(list(block, "scales")).iterator();
        Iterator<?> numbers = list(block, "numbers").iterator(), doubles = list(block, "doubles").iterator();
        GenericRecord columns = (GenericRecord) block.get("columns");
        for (Schema.Field field : columns.getSchema().getFields()) {
            fill(block, field.name(), ofKey, list(columns, field.name()), scales, numbers, doubles);
        }
        return rows;
    }

    static void fill(GenericRecord block, String field, List<List<Row>> ofKey, List<?> runs,
            Iterator<Integer> scales, Iterator<?> numbers, Iterator<?> doubles) {
        int run = 0, left = runs.isEmpty() ? Integer.MAX_VALUE : (Integer) runs.get(0);
        long first = 0;
        for (List<Row> rows : ofKey) {
            int scale = -1; // until its first value
            long number = 0;
            for (Row row : rows) {
                while (left == 0) { // the last run has no end
                    left = ++run < runs.size() ? (Integer) runs.get(run) : Integer.MAX_VALUE;
                }
                left--;
                if (run % 2 == 1) {
                    continue;
                }
                boolean isFirst = scale < 0;
                if (isFirst) {
                    scale = scales.next();
                    number = (scale & 64) != 0 ? first : 0;
                }
                if (scale == 32) {
                    row.values.put(field, doubles.next());
                    continue;
                }
                number += (Long) numbers.next();
                first = isFirst ? number : first;
                row.values.put(field, value(block, number, scale & 63));
            }
        }
    }

    static Object value(GenericRecord block, long number, int scale) {
        double value = number / Math.pow(10, scale % 16); // Math.pow(10, 0..15) is exact
        return scale == 33 ? list(block, "texts").get((int) number).toString()
            : scale == 34 ? (Object) (number != 0)
            : scale == 35 ? (Object) number // an integer, or a time in ms
            : scale >= 16 ? (double) (float) value : value;
    }

    /** (value, count)*, one by one. */
    static List<Integer> spread(List<?> runs) {
        List<Integer> all = new ArrayList<>();
        for (int i = 0; i < runs.size(); i += 2) {
            all.addAll(Collections.nCopies((Integer) runs.get(i + 1), (Integer) runs.get(i)));
        }
        return all;
    }

    static List<?> list(GenericRecord record, String name) {
        return (List<?>) record.get(name);
    }

    public static void main(String[] args) throws Exception {
        Schema schema = new Schema.Parser().parse(new File(args[0]));
        GenericDatumReader<GenericRecord> reader = new GenericDatumReader<>(schema);
        StringBuilder out = new StringBuilder();
        for (String path : Arrays.asList(args).subList(1, args.length)) {
            byte[] bytes = Files.readAllBytes(Paths.get(path));
            for (Row row : rows(reader.read(null, DecoderFactory.get().binaryDecoder(bytes, null)))) {
                out.append(row.seq + " " + row.key + " " + row.time + " " + row.quality);
                row.values.forEach((field, value) -> out.append(" " + field + "="
                    + (value instanceof Double
                        ? String.format("%016x", Double.doubleToRawLongBits((Double) value)) : value)));
                out.append('\n');
            }
        }
        System.out.print(out);
    }
}
