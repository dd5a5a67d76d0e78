"""Do the documents on the mesh satisfy the official schemas? Run by the python of datacontract.py:
documents_check.py SCHEMA FILE...  One line each for what is wrong; exit 1 where anything is."""
import json
import pathlib
import sys

import jsonschema

schema = json.loads(pathlib.Path(sys.argv[1]).read_text())
validator = jsonschema.Draft201909Validator(schema)
wrong = 0
for name in sys.argv[2:]:
    for problem in validator.iter_errors(json.loads(pathlib.Path(name).read_text())):
        print(f"{name}: {problem.json_path}: {problem.message}")
        wrong += 1
# A judge that finds nothing wrong anywhere is none.
document = json.loads(pathlib.Path(sys.argv[2]).read_text())
if validator.is_valid({**document, "owner": "nobody"}) or validator.is_valid({**document, "kind": "Else"}):
    print("the validator lets everything pass")
    wrong += 1
sys.exit(wrong > 0)
