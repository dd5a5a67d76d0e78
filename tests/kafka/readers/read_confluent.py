"""read_confluent.py BOOTSTRAP REGISTRY TOPIC COUNT DUMP: by confluent-kafka and its registry deserializer, a line of
JSON each; DUMP gets the records as they are, in base64, for readers without a Kafka client."""
import base64
import json
import sys

from confluent_kafka import Consumer
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer
from confluent_kafka.serialization import MessageField, SerializationContext

bootstrap, registry, topic, count, dump = sys.argv[1:]
deserialize = AvroDeserializer(SchemaRegistryClient({"url": registry}))
consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "readers", "auto.offset.reset": "earliest",
                     "enable.auto.commit": False, "isolation.level": "read_committed"})
consumer.subscribe([topic])
with open(dump, "w") as out:
    for _ in range(int(count)):
        message = consumer.poll(30)
        if message is None or message.error():
            sys.exit(f"no record: {message and message.error()}")
        headers = message.headers()
        row = deserialize(message.value(), SerializationContext(topic, MessageField.VALUE, headers))
        row["ts"] = round(row["ts"].timestamp() * 1000)
        print(json.dumps(row))
        out.write(json.dumps({"key": base64.b64encode(message.key()).decode(),
                              "value": base64.b64encode(message.value()).decode(),
                              "headers": [[name, value.decode()] for name, value in headers]}) + "\n")
consumer.close()
