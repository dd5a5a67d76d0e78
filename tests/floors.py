#!/usr/bin/env python3
"""An include never climbs: each module stands on a floor, named in its header, and includes only what
is on its own floor or below. The floor is the line "// Floor: NAME." of the header; a .c file stands
where its own header does; what is not in agent/ is an edge."""
import pathlib
import re
import sys

FLOORS = ["ground", "forms", "keeping", "flow", "wiring", "edges"]


def floor_of_header(path):
    found = re.search(r"^// Floor: (\w+)", path.read_text(), re.M)
    return found.group(1) if found else None


def main():
    root = pathlib.Path(__file__).resolve().parent.parent
    faults = []
    floors = {}
    for header in sorted(root.glob("agent/*.h")):
        floor = floor_of_header(header)
        if floor not in FLOORS:
            faults.append(f"{header.relative_to(root)}: names no floor; write '// Floor: NAME.'")
            continue
        floors[f"agent/{header.name}"] = FLOORS.index(floor)
    checked = 0
    for source in sorted(list(root.glob("agent/*.[ch]")) + list(root.glob("ports/**/*.[ch]"))):
        name = str(source.relative_to(root))
        includes = re.findall(r'^#include "([^"]+)"', source.read_text(), re.M)
        if name.startswith("agent/"):
            own = floors.get(name[:-1] + "h")
            if own is None:  # a .c without a header stands where the highest header it serves stands
                own = FLOORS.index("edges") if "/command_" in name or name == "agent/main.c" else max(
                    [floors.get(i, 0) for i in includes] or [0])
        else:
            own = FLOORS.index("edges")
        for include in includes:
            there = floors.get(include, FLOORS.index("edges"))
            checked += 1
            if there > own:
                faults.append(f"{name}: includes {include} ({FLOORS[there]}) from {FLOORS[own]}")
    print("\n".join(faults) or f"{checked} includes, none climbs")
    return 1 if faults or checked == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
