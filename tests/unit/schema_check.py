#!/usr/bin/env python3
"""Is each JSON document valid against a JSON Schema, and does it hold only members the schema names?

usage: schema_check.py SCHEMA DOCUMENT...

Exit 0: all valid. 1: one is not; each reason is printed. 77: python3-jsonschema is not installed.
"""
import json
import sys

try:
    import jsonschema
except ImportError:
    print("schema_check: install python3-jsonschema", file=sys.stderr)
    sys.exit(77)


def close_objects(schema):
    """A copy in which an unknown member is an error: the writer must not misspell one."""
    if isinstance(schema, list):
        return [close_objects(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {key: close_objects(value) for key, value in schema.items()}
    if "additionalProperties" in closed:
        closed["additionalProperties"] = False
    return closed


def main(schema_path, *document_paths):
    with open(schema_path, encoding="utf-8") as file:
        schema = json.load(file)
    jsonschema.Draft202012Validator.check_schema(schema)
    validators = [jsonschema.Draft202012Validator(s) for s in (schema, close_objects(schema))]
    bad = 0
    for path in document_paths:
        with open(path, encoding="utf-8") as file:
            document = json.load(file)
        for validator in validators:
            for error in validator.iter_errors(document):
                where = "/".join(str(part) for part in error.absolute_path) or "(document)"
                print(f"{path}: {where}: {error.message}", file=sys.stderr)
                bad += 1
    return 1 if bad else 0


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
