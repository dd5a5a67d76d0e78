"""Records of layout `blocks` as rows, with fastavro: read_blocks.py SCHEMA.json RECORD.avro..."""
import json
import struct
import sys

import fastavro


def rows(block):
    """The rows of one decoded record: (seq, key, time in ms, quality, {field: value})."""
    order = block["order"] or [0] * len(block["times"])
    by_key = [[row for row, k in enumerate(order) if k == key] for key in range(len(block["keys"]))]
    out = [[block["seq"] + i, block["keys"][k], 0, 0, {}] for i, k in enumerate(order)]
    times, first = iter(block["times"]), 0
    for key_rows in by_key:
        time = first
        for place, row in enumerate(key_rows):
            time += next(times)
            out[row][2], first = time, time if place == 0 else first
    runs = block["qualities"]
    qualities = [q for q, n in zip(runs[::2], runs[1::2]) for _ in range(n)]
    for row, quality in zip((r for key_rows in by_key for r in key_rows), qualities):
        out[row][3] = quality
    for field, column in block["columns"].items():
        runs = column["present"]
        present = iter([i % 2 == 0 for i, n in enumerate(runs) for _ in range(n)])
        numbers, doubles = iter(column["numbers"]), iter(column.get("doubles", []))
        scales = iter(column.get("scales", []))
        scale = 0
        for key in column["keys"] or range(len(by_key)):
            number, is_first = 0, True
            for row in by_key[key]:
                if runs and not next(present):
                    continue
                if is_first:
                    scale, is_first = next(scales, scale), False
                if scale == -1:
                    out[row][4][field] = next(doubles)
                    continue
                number += next(numbers)
                out[row][4][field] = value_of(column, number, scale)
    return out


def value_of(column, number, scale):
    if "texts" in column:
        return column["texts"][number]
    if "scales" not in column:
        return number  # integers; times in ms; booleans as 0, 1
    value = number / 10 ** (scale % 32)
    return struct.unpack("f", struct.pack("f", value))[0] if scale >= 32 else value


def main():
    schema = fastavro.parse_schema(json.load(open(sys.argv[1])))
    for path in sys.argv[2:]:
        with open(path, "rb") as file:
            block = fastavro.schemaless_reader(file, schema)
        for seq, key, time, quality, values in rows(block):
            said = "".join(
                f" {f}={struct.pack('>d', v).hex() if isinstance(v, float) else v}"
                for f, v in values.items()
            )
            print(f"{seq} {key} {time} {quality}{said}")


main()
