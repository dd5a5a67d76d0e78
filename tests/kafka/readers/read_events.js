// read_events.js REGISTRY TOPIC DUMP: each record as a CloudEvent by npm cloudevents, and its data by npm
// @confluentinc/schemaregistry; a line of JSON each: {event: {..}, row: {..}}.
const fs = require("fs");
const { Kafka } = require("cloudevents");
const { SchemaRegistryClient, AvroDeserializer, SerdeType } = require("@confluentinc/schemaregistry");

const [registry, topic, dump] = process.argv.slice(2);

async function main() {
  const client = new SchemaRegistryClient({ baseURLs: [registry] });
  const deserializer = new AvroDeserializer(client, SerdeType.VALUE, {});
  for (const line of fs.readFileSync(dump, "utf8").trim().split("\n")) {
    const record = JSON.parse(line);
    const value = Buffer.from(record.value, "base64");
    const headers = Object.fromEntries(record.headers);
    const event = Kafka.toEvent({ headers, body: value, value, key: Buffer.from(record.key, "base64"), timestamp: 0 });
    event.validate();
    const row = await deserializer.deserialize(topic, value, headers);
    const { id, source, type, time, subject, specversion, dataschema, datacontenttype } = event;
    const data = Buffer.from(event.data_base64 ?? event.data).equals(value) || event.data_base64 === record.value;
    console.log(JSON.stringify({
      event: { id, source, type, time, subject, specversion, dataschema, datacontenttype, data },
      row: { ...row, ts: Number(row.ts) },
    }));
  }
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
