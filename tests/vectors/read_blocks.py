"""Records of layout `blocks` as rows, with fastavro: read_blocks.py SCHEMA.json RECORD.avro..."""
import itertools
import json
import struct
import sys

import fastavro


def rows(block):
    """The rows of one decoded record: [seq, key, time in ms, quality, {field: value}]."""
    keys, name = [], ""
    for shared, rest in zip(block["shared"], block["keys"]):
        name = name[:shared] + rest
        keys.append(name)
    cells, steps, axis_first = [], iter(block["times"]), 0  # the rows, key after key
    of_key, names = [], iter(keys)
    for key_count, row_count in pairs(block["axes"]):
        times = list(itertools.accumulate(next(steps) for _ in range(row_count)))
        times, axis_first = [axis_first + t for t in times], axis_first + times[0]
        for key in itertools.islice(names, key_count):
            of_key.append([[0, key, time, 0, {}] for time in times])
            cells += of_key[-1]
    by_time = sorted(cells, key=lambda row: row[2])
    order = block["order"] or [0] * len(cells)
    out = [by_time[i + step] for i, step in enumerate(order)]
    for i, row in enumerate(out):
        row[0] = block["seq"] + i
    for row, quality in zip(cells, spread(block["qualities"])):
        row[3] = quality
    scales, numbers, doubles = spread(block["scales"]), iter(block["numbers"]), iter(block["doubles"])
    for field, runs in block["columns"].items():
        here, first = has_value(runs), 0
        for key_rows in of_key:
            mine = [row for row in key_rows if next(here)]
            scale = next(scales) if mine else 0
            number = first if scale & 64 else 0
            for place, row in enumerate(mine):
                if scale == 32:
                    row[4][field] = next(doubles)
                    continue
                number += next(numbers)
                first = number if place == 0 else first
                row[4][field] = value_of(block, number, scale & 63)
    return out


def pairs(numbers):
    return zip(numbers[::2], numbers[1::2])


def spread(runs):
    """(value, count)*, one by one."""
    return (value for value, count in pairs(runs) for _ in range(count))


def has_value(runs):
    """Runs of rows with a value, without, with, ...; after the last, one without end."""
    for i, count in enumerate(runs):
        yield from itertools.repeat(i % 2 == 0, count)
    yield from itertools.repeat(len(runs) % 2 == 0)


def value_of(block, number, scale):
    if scale == 33:
        return block["texts"][number]
    if scale >= 34:
        return bool(number) if scale == 34 else number  # 35: an integer, or a time in ms
    value = number / 10 ** (scale % 16)
    return struct.unpack("f", struct.pack("f", value))[0] if scale >= 16 else value


def main():
    schema = fastavro.parse_schema(json.load(open(sys.argv[1])))
    for path in sys.argv[2:]:
        with open(path, "rb") as file:
            block = fastavro.schemaless_reader(file, schema)
        for seq, key, time, quality, values in rows(block):
            said = "".join(
                f" {f}={struct.pack('>d', v).hex() if isinstance(v, float) else str(v).lower() if isinstance(v, bool) else v}"
                for f, v in values.items()
            )
            print(f"{seq} {key} {time} {quality}{said}")


main()
