"""Avro records, each after its length in 4 bytes, with fastavro: read_records.py SCHEMA.json RECORDS.
Prints what write_records.c expects."""
import datetime
import io
import json
import struct
import sys

import fastavro

EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)


def said(value):
    if isinstance(value, float):
        return struct.pack(">d", value).hex()
    if isinstance(value, datetime.datetime):
        return str((value - EPOCH) // datetime.timedelta(milliseconds=1))
    words = {"None": "null", "True": "true", "False": "false"}
    return words[str(value)] if value is None or isinstance(value, bool) else str(value)


schema = fastavro.parse_schema(json.load(open(sys.argv[1])))
data = open(sys.argv[2], "rb").read()
at = 0
while at < len(data):
    size = int.from_bytes(data[at : at + 4], "big")
    value = io.BytesIO(data[at + 4 : at + 4 + size])
    record = fastavro.schemaless_reader(value, schema)
    assert value.read() == b"", "bytes are left"
    print(*(f"{name}={said(x)}" for name, x in record.items()))
    at += 4 + size
