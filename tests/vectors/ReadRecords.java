// Avro records, each after its length in 4 bytes, with Apache Avro: java ReadRecords.java SCHEMA.json
// RECORDS. Prints what write_records.c expects.
import java.io.DataInputStream;
import java.io.File;
import java.io.FileInputStream;
import java.io.PrintStream;
import org.apache.avro.Schema;
import org.apache.avro.generic.GenericDatumReader;
import org.apache.avro.generic.GenericRecord;
import org.apache.avro.io.BinaryDecoder;
import org.apache.avro.io.DecoderFactory;

public class ReadRecords {
    static String said(Object value) {
        return value instanceof Double
            ? String.format("%016x", Double.doubleToRawLongBits((Double) value)) : String.valueOf(value);
    }

    public static void main(String[] args) throws Exception {
        Schema schema = new Schema.Parser().parse(new File(args[0]));
        GenericDatumReader<GenericRecord> reader = new GenericDatumReader<>(schema);
        PrintStream out = new PrintStream(System.out, false, "UTF-8");
        try (DataInputStream in = new DataInputStream(new FileInputStream(args[1]))) {
            while (in.available() > 0) {
                byte[] bytes = new byte[in.readInt()];
                in.readFully(bytes);
                BinaryDecoder decoder = DecoderFactory.get().binaryDecoder(bytes, null);
                GenericRecord record = reader.read(null, decoder);
                if (!decoder.isEnd()) {
                    throw new IllegalStateException("bytes are left");
                }
                StringBuilder line = new StringBuilder();
                for (Schema.Field field : schema.getFields()) {
                    line.append(line.length() > 0 ? " " : "").append(field.name()).append('=')
                        .append(said(record.get(field.pos())));
                }
                out.print(line.append('\n'));
            }
        }
        out.flush();
    }
}
