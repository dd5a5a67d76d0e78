"""kcat -f '%R%s' ... | read_bytes.py REGISTRY: the values that kcat writes, each with its length before it, by fastavro and
the schema of the id in front; a line of JSON each. For a kcat without Avro, as Debian builds it."""
import io
import json
import struct
import sys
import urllib.request

import fastavro

schemas = {}
data = sys.stdin.buffer.read()
at = 0
while at < len(data):
    size, magic, number = struct.unpack_from(">iBI", data, at)
    assert magic == 0, "no id in front"
    if number not in schemas:
        with urllib.request.urlopen(f"{sys.argv[1]}/schemas/ids/{number}") as answer:
            schemas[number] = fastavro.parse_schema(json.loads(json.load(answer)["schema"]))
    value = io.BytesIO(data[at + 9:at + 4 + size])
    row = fastavro.schemaless_reader(value, schemas[number])
    assert value.read() == b"", "bytes are left"
    row["ts"] = round(row["ts"].timestamp() * 1000)
    print(json.dumps(row))
    at += 4 + size
