#!/usr/bin/env python3
"""weir spool against a live agent without a broker, a copy of its spool, and damaged copies.
usage: spool_command_check.py WEIR REPOSITORY"""
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

weir, root = sys.argv[1], pathlib.Path(sys.argv[2])


def spool(*words, code=0):
    done = subprocess.run([weir, "spool", *map(str, words)], capture_output=True, text=True, timeout=60)
    if done.returncode != code:
        sys.exit(f"weir spool {words}: exit {done.returncode}, not {code}: {done.stderr}{done.stdout}")
    return done.stdout


def check(folder, agent):
    deadline = time.time() + 20
    state = folder / "state"
    while not list(state.glob("*/ring")) and time.time() < deadline:
        time.sleep(0.2)
    live = list(state.glob("*/ring"))[0].parent
    lines = []
    while len(lines) < 5 and time.time() < deadline:
        time.sleep(0.5)
        lines = spool("cat", live).splitlines()
    assert len(lines) >= 5 and all(json.loads(line) for line in lines), lines
    assert json.loads(spool("verify", live, "--json"))["spools"][0]["good"]
    spool("ls", state, "--blocks")

    agent.kill()
    agent.wait()
    copy = folder / "card"
    shutil.copytree(live, copy)
    lines = spool("cat", copy, "--identity").splitlines()
    ids = [json.loads(line)["weir"].split("/") for line in lines]
    assert [int(seq) for _, _, seq in ids] == list(range(1, len(lines) + 1)), ids
    assert ids[0][0] == "gw-spool", ids[0]
    stat = json.loads(spool("stat", copy, "--json"))["spools"][0]
    assert stat["gateway"] == "gw-spool" and stat["waiting"] == len(lines), stat
    table = spool("export", copy, "--format", "csv", "--from-seq", 2, "--to-seq", 4)
    assert len(table.splitlines()) == 4, table
    assert spool("export", copy, "--to", "2020-01-01") == ""
    spool("verify", copy)

    whole = set(lines)
    file = copy / "nursery" / "0001.seg"
    bytes_ = bytearray(file.read_bytes())
    used = len(bytes(bytes_).rstrip(b"\0"))
    hurt = 0
    for at in range(0, used, max(1, used // 40)):
        bytes_[at] ^= 0x55
        file.write_bytes(bytes_)
        done = subprocess.run([weir, "spool", "cat", copy, "--identity"], capture_output=True,
                              text=True, timeout=60)
        assert done.returncode in (0, 64, 65, 66, 70), (at, done)
        assert set(done.stdout.splitlines()) <= whole, f"altered at byte {at}"
        done = subprocess.run([weir, "spool", "verify", copy], capture_output=True, timeout=60)
        assert done.returncode in (0, 1, 65, 66, 70), (at, done)
        hurt += done.returncode != 0
        bytes_[at] ^= 0x55
    assert hurt > 0

    # A copy that was cut short, or lacks a file, is never called good.
    file.write_bytes(bytes_[:3000])
    assert "newer ones may have lain there" in spool("verify", copy, code=1)
    file.write_bytes(bytes_)
    spool("verify", copy)
    (copy / "ring" / "0003.seg").unlink()
    spool("verify", copy, code=1)

    spool("ls", folder / "none", code=66)
    spool("ls", folder / "weir.yaml", code=66)
    spool("export", copy, "--from", "soon", code=64)
    spool("export", copy, "--from", "2027-01-01", "--to", "2026-01-01", code=64)
    spool("export", copy, "--from-seq", 5, "--to-seq", 3, code=64)
    spool("tell", code=64)


def main():
    folder = pathlib.Path(tempfile.mkdtemp(prefix="weir-spool-"))
    shutil.copy(root / "config/products/host.odcs.yaml", folder)
    (folder / "weir.yaml").write_text(
        "gateway: gw-spool\nstate: state\nkafka: {bootstrap: \"127.0.0.1:1\"}\n"
        "products: [{contract: host.odcs.yaml, spool: {size: 4 MiB, commit: 200 ms}}]\n"
        "inputs: [{driver: linux}]\n")
    log = open(folder / "log", "w")
    agent = subprocess.Popen([weir, "run", "-c", folder / "weir.yaml"], stdout=log, stderr=log)
    try:
        check(folder, agent)
    finally:
        agent.kill()
        agent.wait()
        shutil.rmtree(folder)
    print("good")


if __name__ == "__main__":
    main()
