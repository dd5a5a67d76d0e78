"""Records of layout `blocks` as rows, with fastavro: read_blocks.py SCHEMA.json RECORD.avro..."""
import json
import struct
import sys
from itertools import accumulate, chain, islice

import fastavro


def rows(block, schema):
    """The rows of one record: [seq, key, time in ms, quality, {field: value}]."""
    assert block["list"] in (0, schema["list"]), "keys of another schema"
    keys = [schema["keys"][place + i] for place, n in pairs(block["listed"]) for i in range(n)]
    for shared, rest in zip(block["shared"], block["keys"]):
        keys.append(keys[-1][:shared] + rest if shared else rest)
    names, of_key, begin = iter(keys), [], 0  # the rows of each key
    for axis in block["axes"]:
        times = list(accumulate(axis["times"], initial=begin))[1:]
        of_key += [[[0, key, time, 0, {}] for time in times] for key in islice(names, axis["keys"])]
        begin = times[0]
    cells = list(chain(*of_key))
    by_time = sorted(cells, key=lambda row: row[2])
    out = [by_time[i + step] for i, step in enumerate(block["order"] or [0] * len(cells))]
    for i, (row, cell, quality) in enumerate(zip(out, cells, spread(block["qualities"]))):
        row[0], cell[3] = block["seq"] + i, quality
    present = (i % 2 == 0 for i, n in enumerate(block["present"]) for _ in range(n))
    scales, numbers = spread(block["scales"]), iter(block["numbers"])
    for field in schema["columns"]:
        number = 0
        for mine in ([row for row in of if next(present)] for of in of_key):
            scale = next(scales) if mine else 64
            number = number if scale & 64 else 0
            for row in mine:
                number = (number + next(numbers) + 2**63) % 2**64 - 2**63
                row[4][field] = value(block, number, scale & 63)
    return out


def value(block, number, scale):
    if scale >= 32:
        return (block["doubles"] if scale == 32 else block["texts"])[number] if scale < 34 else \
            number != 0 if scale == 34 else number  # 35: an integer, or a time in ms
    decimal = number / 10 ** (scale % 16)
    return decimal if scale < 16 else struct.unpack("f", struct.pack("f", decimal))[0]


def pairs(numbers):
    return zip(numbers[::2], numbers[1::2])


def spread(runs):
    return (value for value, n in pairs(runs) for _ in range(n))


# ---- the rest prints rows for comparison ----


def said(v):
    if isinstance(v, float):
        return struct.pack(">d", v).hex()
    return str(v).lower() if isinstance(v, bool) else v


def main():
    with open(sys.argv[1]) as file:
        schema = json.load(file)
    parsed = fastavro.parse_schema(schema)
    for path in sys.argv[2:]:
        with open(path, "rb") as file:
            block = fastavro.schemaless_reader(file, parsed)
        for loss in block["lost"]:
            print(f"lost {loss['from_seq']} {loss['to_seq']} {loss['count']} {loss['cause']}")
        for seq, key, time, quality, values in rows(block, schema):
            print(seq, key, time, quality, *(f"{f}={said(v)}" for f, v in values.items()))


main()
