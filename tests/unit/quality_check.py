#!/usr/bin/env python3
"""Is the agent's verdict on records that of an independent evaluator, record by record?

usage: quality_check.py WEIR [--seed N] [--records N]

Random contracts and, for each, random records go to `weir check CONTRACT --records FILE --json`. The
evaluator is python3-jsonschema (types, required, ranges, steps, lengths, patterns, formats, lists), given
decimals instead of doubles, and SQLite (duplicates, as the query that a warehouse would run). What the two
do not agree on is printed with the seed that repeats it.

Exit code 77 (skipped, and said so) where python3-jsonschema is missing.
"""
import argparse
import decimal
import json
import pathlib
import random
import sqlite3
import subprocess
import sys
import tempfile
from datetime import datetime
from importlib import metadata

try:
    import jsonschema
except ImportError as missing:
    print(f"skipped: {missing}; install python3-jsonschema")
    sys.exit(77)

Decimal = decimal.Decimal
decimal.getcontext().prec = 700  # exact for any two doubles
FORMATS = ("email", "uuid", "ipv4", "ipv6")
PATTERNS = (r"^[a-z]{2,5}$", r"[0-9]", r"^(on|off|auto)$", r"^\w+-\d+$", r"^[^\s]*$", r"é|ü", r"^a.*z$")
TEXTS = ("", "a", "on", "off", "auto", "abc", "a-1", "zone-03", "n/a", "é", "grün", "a b", "az", "a-z", "ABC",
         "x" * 40, "12", "0", "日本語", "a.b@c.de", "10.0.0.1", "256.1.1.1", "01.2.3.4", "::1", "fe80::1", "12345::",
         "123e4567-e89b-12d3-a456-426614174000", "123e4567e89b12d3a456426614174000", "good", "A\\B", 'quo"te')
NUMBERS = ("0", "-0.0", "0.1", "0.3", "0.30000000000000004", "1.5", "20", "21.25", "-40", "99.99", "100", "1e3",
           "1e-9", "123456789.125", "-1.7976931348623157e308", "0.7", "2.675")
INTEGERS = ("0", "1", "-1", "7", "10", "12", "127", "128", "-129", "255", "256", "65536", "2147483648", "5.0",
            "9007199254740993", "9223372036854775807", "-9223372036854775808")
TIMES = ("2026-01-01T00:00:00Z", "2026-06-30T12:00:00.123Z", "2025-12-31T23:59:59.999Z", "2026-06-30T14:00:00+02:00",
         "2027-01-01T00:00:00Z")
NOT_TIMES = ("yesterday", "2026-13-01T00:00:00Z", "")


class Literal(str):
    """A number as it stands in the file."""


def dump(value):
    """JSON, with numbers as they were written."""
    if isinstance(value, Literal):
        return str(value)
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(k)}:{dump(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(dump(v) for v in value) + "]"
    return json.dumps(value, ensure_ascii=False)


# ---- random contracts ----

def maybe(dice, chance):
    return dice.random() < chance


def string_options(dice):
    options = {}
    if maybe(dice, 0.3):
        options["minLength"] = dice.randint(0, 3)
    if maybe(dice, 0.3):
        options["maxLength"] = dice.randint(2, 12)
    if maybe(dice, 0.3):
        options["pattern"] = dice.choice(PATTERNS)
    if maybe(dice, 0.2):
        options["format"] = dice.choice(FORMATS)
    return options


def number_options(dice, pool, steps, formats):
    options = {}
    for key in ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"):
        if maybe(dice, 0.2):
            options[key] = Literal(dice.choice(pool[:2] if "min" in key.lower() else pool[2:]))
    if maybe(dice, 0.3):
        options["multipleOf"] = Literal(dice.choice(steps))
    if maybe(dice, 0.2):
        options["format"] = dice.choice(formats)
    return options


def time_options(dice):
    return {key: dice.choice(TIMES) for key in ("minimum", "exclusiveMaximum") if maybe(dice, 0.3)}


def options_for(dice, kind):
    if kind == "string":
        return string_options(dice)
    if kind == "integer":
        return number_options(dice, ("-100", "0.5", "10", "99.5", "100", "255"), ("1", "5", "0.5", "2.5", "7"),
                              ("i8", "i16", "i32", "i64", "u8", "u16", "u32", "u64"))
    if kind == "number":
        return number_options(dice, ("-50", "0.3", "21.25", "79.99", "100"), ("0.1", "0.05", "0.25", "1", "0.001"),
                              ("f64", "f32"))
    return time_options(dice) if kind == "timestamp" else {}


POOLS = {"string": TEXTS, "integer": INTEGERS, "number": NUMBERS, "timestamp": TIMES, "boolean": ("true", "false")}


def literal_for(kind, text):
    if kind in ("string", "timestamp"):
        return text
    return Literal(text)


def rules_for(dice, kind):
    rules = []
    if maybe(dice, 0.15):
        rules.append({"metric": "nullValues", "mustBe": 0})
    if maybe(dice, 0.15):
        listed = [literal_for(kind, t) for t in dice.sample(POOLS[kind], 2)]
        if maybe(dice, 0.5):
            listed.append(None)
        rules.append({"type": "library", "metric": "missingValues", "mustBeLessThan": 1,
                      "arguments": {"missingValues": listed}})
    if maybe(dice, 0.2):
        count = min(len(POOLS[kind]), dice.randint(2, 12))
        rules.append({"metric": "invalidValues", "mustBeLessOrEqualTo": 0, "unit": "percent",
                      "arguments": {"validValues": [literal_for(kind, t) for t in dice.sample(POOLS[kind], count)]}})
    if kind == "string" and maybe(dice, 0.15):
        rules.append({"metric": "invalidValues", "mustBeBetween": [0, 0],
                      "arguments": {"pattern": dice.choice(PATTERNS)}})
    if kind != "boolean" and maybe(dice, 0.05):
        rules.append({"metric": "duplicateValues", "mustBe": 0})
    if maybe(dice, 0.1):  # allows some: no record is judged by it
        rules.append({"metric": "nullValues", "mustBeLessThan": 5, "unit": "percent"})
    return rules


def random_property(dice, index):
    kind = dice.choice(("string", "integer", "number", "boolean", "timestamp"))
    prop = {"name": f"f{index}", "logicalType": kind, "required": maybe(dice, 0.3)}
    options = options_for(dice, kind)
    rules = rules_for(dice, kind)
    if options:
        prop["logicalTypeOptions"] = options
    if rules:
        prop["quality"] = rules
    if kind != "boolean" and maybe(dice, 0.05):
        prop["unique"] = True
    return prop


def random_contract(dice):
    properties = [
        {"name": "sensor", "logicalType": "string", "required": True, "primaryKey": True, "primaryKeyPosition": 1},
        {"name": "at", "logicalType": "timestamp", "required": True,
         "customProperties": [{"property": "weir.role", "value": "time"}]},
        {"name": "quality", "logicalType": "string", "required": True,
         "customProperties": [{"property": "weir.role", "value": "quality"}]},
    ] + [random_property(dice, i) for i in range(dice.randint(1, 4))]
    entry = {"name": "r", "physicalName": "d.p.r.v1", "logicalType": "object", "properties": properties}
    if maybe(dice, 0.2):
        names = dice.sample([p["name"] for p in properties if p["name"] != "quality"], 2)
        entry["quality"] = [{"metric": "duplicateValues", "mustBe": 0, "unit": "rows",
                             "arguments": {"properties": names}}]
    action = dice.choice((None, "quarantine", "drop", "count", "annotate"))
    if action:
        entry["customProperties"] = [{"property": "weir.onViolation", "value": action}]
    return {"apiVersion": "v3.1.0", "kind": "DataContract", "id": "c", "version": "1.0.0", "status": "active",
            "domain": "d", "team": {"name": "t"}, "support": [{"channel": "c"}], "schema": [entry]}


# ---- random records ----

def random_value(dice, kind):
    chance = dice.random()
    if chance < 0.04:
        return None
    if chance < 0.07:  # of another type
        kind = dice.choice([k for k in POOLS if k != kind])
    if kind == "timestamp" and maybe(dice, 0.1):
        return dice.choice(NOT_TIMES)
    if kind == "number" and maybe(dice, 0.7):
        return Literal(f"{dice.randint(-2000, 8000) / 100}")
    if kind == "integer" and maybe(dice, 0.7):
        return Literal(str(dice.randint(-20, 120)))
    if kind == "string" and maybe(dice, 0.5):
        return dice.choice("abcxyz") * dice.randint(1, 4) + dice.choice(("", "z", f"-{dice.randint(1, 99)}"))
    return literal_for(kind, dice.choice(POOLS[kind]))


def random_record(dice, properties):
    record = {"sensor": f"s{dice.randint(1, 9)}", "at": f"2026-02-01T00:00:{dice.randint(0, 59):02}Z",
              "quality": dice.choice(("good", "bad"))}
    for prop in properties[3:]:
        if not maybe(dice, 0.02):
            record[prop["name"]] = random_value(dice, prop["logicalType"])
    if maybe(dice, 0.01):
        del record[dice.choice(("sensor", "at"))]
    return record


# ---- the evaluator ----

RANGES = {"i8": (-2**7, 2**7 - 1), "i16": (-2**15, 2**15 - 1), "i32": (-2**31, 2**31 - 1), "u8": (0, 2**8 - 1),
          "u16": (0, 2**16 - 1), "u32": (0, 2**32 - 1), "u64": (0, 2**64 - 1)}


def plain(value):
    """As the evaluator sees it: decimals for numbers."""
    return json.loads(dump(value), parse_float=Decimal)


def schemas_of(prop):
    """JSON Schemas that all must hold for a value that is there."""
    kind = prop["logicalType"]
    options = plain(prop.get("logicalTypeOptions", {}))
    kinds = {"type": "string" if kind == "timestamp" else kind}
    schemas = [kinds]
    if kind == "integer":
        schemas.append({"minimum": -2**63, "maximum": 2**63 - 1})
        low, high = RANGES.get(options.pop("format", None), (-2**63, 2**63 - 1))
        schemas.append({"minimum": low, "maximum": high})
    elif kind == "number" and options.pop("format", None) == "f32":
        schemas.append({"maximum": Decimal(2 - 2**-23) * 2**127, "minimum": -Decimal(2 - 2**-23) * 2**127})
    if kind == "timestamp":
        kinds["format"] = "time"
        schemas.append({"time": options})
    else:
        schemas.append(options)
    for rule in prop.get("quality", []):
        arguments = plain(rule.get("arguments", {}))
        if rule["metric"] == "missingValues":
            schemas.append({"not": {"enum": arguments["missingValues"]}})
        elif rule["metric"] == "invalidValues" and "validValues" in arguments:
            schemas.append({"enum": arguments["validValues"]})
        elif rule["metric"] == "invalidValues":
            schemas.append({"pattern": arguments["pattern"]})
    return schemas


def moment(text):
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def check_time(_validator, bounds, instance, _schema):
    try:
        at = moment(instance)
    except (AttributeError, TypeError, ValueError):
        return
    if "minimum" in bounds and at < moment(bounds["minimum"]):
        yield jsonschema.ValidationError("before the minimum")
    if "exclusiveMaximum" in bounds and at >= moment(bounds["exclusiveMaximum"]):
        yield jsonschema.ValidationError("not before the exclusiveMaximum")


def is_integer(_checker, instance):
    whole = isinstance(instance, Decimal) and instance == instance.to_integral_value()
    return (isinstance(instance, int) and not isinstance(instance, bool)) or whole


BASE = jsonschema.Draft202012Validator
Validator = jsonschema.validators.extend(BASE, {"time": check_time},
                                         type_checker=BASE.TYPE_CHECKER.redefine("integer", is_integer))
formats = jsonschema.FormatChecker(FORMATS)


@formats.checks("time", raises=ValueError)
def is_time(text):
    return not isinstance(text, str) or moment(text) is not None


class Evaluator:
    """The verdict on each record of one contract: conforms, and whether the product could carry it."""

    def __init__(self, entry):
        self.properties = entry["properties"]
        self.validators = {p["name"]: [Validator(s, format_checker=formats) for s in schemas_of(p)]
                           for p in self.properties}
        self.keys = [[p["name"]] for p in self.properties
                     if p.get("unique") or any(r["metric"] == "duplicateValues" for r in p.get("quality", []))]
        self.keys += [r["arguments"]["properties"] for r in entry.get("quality", [])]

    def null_breaks(self, prop):
        if prop["required"]:
            return True
        for rule in prop.get("quality", []):
            strict = not ("mustBeLessThan" in rule and rule["metric"] == "nullValues")
            if rule["metric"] == "nullValues" and strict:
                return True
            if rule["metric"] == "missingValues" and None in rule["arguments"]["missingValues"]:
                return True
        return False

    def judge(self, record):
        """(conforms, fits): `fits` without the rules that only judge."""
        conforms = fits = True
        for prop in self.properties:
            value = record.get(prop["name"])
            if value is None:
                conforms = conforms and not self.null_breaks(prop)
                fits = fits and not prop["required"]
                continue
            checks = [v.is_valid(value) for v in self.validators[prop["name"]]]
            if not checks[0] or (prop["logicalType"] == "integer" and not checks[1]):
                conforms = fits = False
            conforms = conforms and all(checks)
        return conforms, fits

    def duplicates(self, records):
        """Numbers of the records that repeat an earlier one, by SQL."""
        again = set()
        for keys in self.keys:
            db = sqlite3.connect(":memory:")
            columns = ", ".join(f"k{i}" for i in range(len(keys)))
            db.execute(f"CREATE TABLE t (n INTEGER, {columns})")
            for n, record in enumerate(records):
                values = [canonical(record.get(k), self.kind(k)) for k in keys]
                db.execute(f"INSERT INTO t VALUES (?{', ?' * len(keys)})", [n, *values])
            present = " AND ".join(f"k{i} IS NOT NULL" for i in range(len(keys)))
            query = (f"SELECT n FROM (SELECT n, ROW_NUMBER() OVER (PARTITION BY {columns} ORDER BY n) AS place "
                     f"FROM t WHERE {present}) WHERE place > 1")
            again.update(n for (n,) in db.execute(query))
        return again

    def kind(self, name):
        return next(p["logicalType"] for p in self.properties if p["name"] == name)


def canonical(value, kind):
    """Equal values as equal texts; what is not of the column's type as what it says."""
    if value is None:
        return None
    if kind == "timestamp" and isinstance(value, str):
        try:
            return f"T{moment(value).timestamp():.3f}"
        except ValueError:
            pass
    if isinstance(value, (int, Decimal)) and not isinstance(value, bool):
        number = float(value) + 0.0  # -0 is 0
        return f"N{number!r}" if kind == "number" else f"N{int(value) if value == int(value) else value}"
    return json.dumps(value)


# ---- agreement ----

def expected_action(entry, fits):
    custom = {c["property"]: c["value"] for c in entry.get("customProperties", [])}
    action = custom.get("weir.onViolation", "annotate")
    if fits:
        return action
    return "drop" if action == "drop" else "quarantine"


def ask_weir(weir, contract, lines):
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder)
        (path / "c.odcs.json").write_text(dump(contract))
        (path / "records.jsonl").write_text("\n".join(lines) + "\n")
        run = subprocess.run([weir, "check", path / "c.odcs.json", "--records", path / "records.jsonl", "--json"],
                             capture_output=True, text=True, check=False)
    if run.returncode not in (0, 1):
        print(run.stdout, run.stderr, dump(contract), sep="\n")
        sys.exit(f"weir check: exit {run.returncode}")
    return [json.loads(line) for line in run.stdout.splitlines()][:-1]


def compare(weir, seed, count):
    """(records, records that do not conform, disagreements) of one contract."""
    dice = random.Random(seed)
    contract = random_contract(dice)
    entry = contract["schema"][0]
    records = [random_record(dice, entry["properties"]) for _ in range(count)]
    verdicts = ask_weir(weir, contract, [dump(r) for r in records])
    evaluator = Evaluator(entry)
    seen = [plain(r) for r in records]
    # A line without its key or time, or with one that is none, makes no record: it is refused.
    whole = [r for r, v in zip(seen, verdicts) if v["action"] != "refuse"]
    repeated = iter_duplicates(evaluator, whole)
    bad = wrong = 0
    for n, (record, verdict) in enumerate(zip(seen, verdicts)):
        conforms, fits = evaluator.judge(record)
        if verdict["action"] == "refuse":
            agree = not fits and not conforms
        else:
            conforms = not next(repeated) and conforms
            agree = verdict["conforms"] == conforms
            agree = agree and (conforms or verdict["action"] == expected_action(entry, fits))
        bad += not conforms
        if not agree:
            wrong += 1
            print(f"seed {seed} record {n}: evaluator conforms={conforms} fits={fits}, weir {verdict}")
            print(f"  {dump(records[n])}")
            print(f"  {dump(entry)}")
    return len(verdicts), bad, wrong


def iter_duplicates(evaluator, records):
    again = evaluator.duplicates(records)
    return iter([n in again for n in range(len(records))])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("weir")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--records", type=int, default=10000)
    arguments = parser.parse_args()
    total = bad = wrong = 0
    seed = arguments.seed
    while total < arguments.records:
        judged, broken, differ = compare(arguments.weir, seed, min(250, arguments.records - total))
        total, bad, wrong, seed = total + judged, bad + broken, wrong + differ, seed + 1
    print(f"{total} records under {seed - arguments.seed} contracts, {bad} do not conform; "
          f"jsonschema {metadata.version('jsonschema')} and SQLite {sqlite3.sqlite_version} differ from weir on {wrong}")
    sys.exit(wrong > 0 or total != arguments.records or bad == 0 or bad == total)


if __name__ == "__main__":
    main()
