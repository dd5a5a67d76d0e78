// Records of layout `blocks` as rows, with Apache Avro: java ReadBlocks.java SCHEMA.json RECORD.avro...
// Prints what read_blocks.py prints.
import java.io.File;
import java.nio.file.Files;
import java.nio.file.Paths;
import java.util.ArrayList;
import java.util.Arrays;
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
        List<?> keys = list(block, "keys"), order = list(block, "order"), times = list(block, "times");
        List<Row> rows = new ArrayList<>();
        List<List<Row>> byKey = new ArrayList<>();
        keys.forEach(key -> byKey.add(new ArrayList<>()));
        for (int i = 0; i < times.size(); i++) {
            int key = order.isEmpty() ? 0 : (Integer) order.get(i);
            Row row = new Row();
            row.seq = (Long) block.get("seq") + i;
            row.key = keys.get(key).toString();
            rows.add(row);
            byKey.get(key).add(row);
        }
        List<Long> qualities = new ArrayList<>();
        List<?> runs = list(block, "qualities");
        for (int i = 0; i < runs.size(); i += 2) {
            for (int n = (Integer) runs.get(i + 1); n > 0; n--) {
                qualities.add(((Integer) runs.get(i)).longValue());
            }
        }
        int at = 0;
        long first = 0;
        for (List<Row> ofKey : byKey) {
            long time = first;
            for (Row row : ofKey) {
                row.quality = qualities.isEmpty() ? 0 : qualities.get(at);
                row.time = time += (Long) times.get(at++);
                first = row == ofKey.get(0) ? time : first;
            }
        }
        GenericRecord columns = (GenericRecord) block.get("columns");
        for (Schema.Field field : columns.getSchema().getFields()) {
            fill(field.name(), (GenericRecord) columns.get(field.pos()), byKey);
        }
        return rows;
    }

    static void fill(String field, GenericRecord column, List<List<Row>> byKey) {
        boolean isNumber = column.getSchema().getField("scales") != null;
        boolean isText = column.getSchema().getField("texts") != null;
        boolean isBoolean = column.getSchema().getName().equals("BooleanColumn");
        List<?> own = list(column, "keys"), runs = list(column, "present"), numbers = list(column, "numbers");
        int number = 0, next = 0, nextDouble = 0, run = 0, left = runs.isEmpty() ? 0 : (Integer) runs.get(0);
        int scale = 0;
        for (int key = 0; key < byKey.size(); key++) {
            if (!own.isEmpty() && !own.contains(key)) {
                continue;
            }
            long m = 0;
            boolean isFirst = true;
            for (Row row : byKey.get(key)) {
                while (!runs.isEmpty() && left == 0) {
                    left = (Integer) runs.get(++run);
                }
                left--;
                if (run % 2 == 1) {
                    continue;
                }
                if (isFirst && isNumber) {
                    List<?> scales = list(column, "scales");
                    scale = (Integer) scales.get(Math.min(next++, scales.size() - 1));
                }
                isFirst = false;
                if (scale == -1) {
                    row.values.put(field, list(column, "doubles").get(nextDouble++));
                    continue;
                }
                m += (Long) numbers.get(number++);
                double value = m / Math.pow(10, scale % 32); // Math.pow(10, 0..15) is exact
                row.values.put(field, isText ? list(column, "texts").get((int) m).toString()
                    : isBoolean ? (Object) (m != 0) : !isNumber ? (Object) m
                    : scale >= 32 ? (double) (float) value : value);
            }
        }
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
