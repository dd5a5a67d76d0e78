#!/usr/bin/env python3
"""weir spool on sealed spools: the right key, a wrong one, none, a live spool, a copied one; and
weir spool rekey, killed at each of its calls that change the disk (strace does the killing).
usage: spool_sealed_check.py WEIR REPOSITORY [--all]     --all: at each call, not at some"""
import json
import os
import pathlib
import pty
import shutil
import signal
import subprocess
import sys
import tempfile
import time

weir, root = sys.argv[1], pathlib.Path(sys.argv[2])
STEP = 1 if "--all" in sys.argv else 8
CHANGES = ("pwrite64", "fsync", "fdatasync", "mkdir", "mkdirat", "renameat", "renameat2", "unlinkat", "rmdir", "linkat",
           "fchown", "fchownat", "fchmod", "openat")


def spool(*words, code=0, says=None):
    done = subprocess.run([weir, "spool", *map(str, words)], capture_output=True, text=True, timeout=60)
    assert done.returncode == code, (words, done)
    assert says is None or says in done.stderr, (words, done.stderr)
    assert "\r" not in done.stderr, "progress in a pipe"
    return done.stdout


def agent_run(folder):
    log = open(folder / "log", "a")
    return subprocess.Popen([weir, "run", "-c", folder / "weir.yaml"], stdout=log, stderr=log)


def make(folder):
    """A sealed spool with a few records, its agent still running."""
    shutil.copy(root / "config/products/host.odcs.yaml", folder)
    (folder / "key").write_bytes(bytes(range(32)))
    (folder / "key.hex").write_text(bytes(range(32)).hex() + "\n")
    (folder / "other").write_bytes(bytes(range(1, 33)))
    (folder / "broken").write_text("not a key\n")
    (folder / "weir.yaml").write_text(
        "gateway: gw-spool\nstate: state\nkafka: {bootstrap: \"127.0.0.1:1\"}\n"
        "products: [{contract: host.odcs.yaml, spool: {size: 4 MiB, commit: 200 ms, key file: key}}]\n"
        "inputs: [{driver: linux, every: 500 ms}]\n")
    agent = agent_run(folder)
    live = folder / "state/host"
    end = time.time() + 20
    while time.time() < end:
        time.sleep(0.3)
        done = subprocess.run([weir, "spool", "cat", live, "--key-file", folder / "key"], capture_output=True)
        if done.returncode == 0 and len(done.stdout.splitlines()) >= 20:
            return agent, live
    raise AssertionError((folder / "log").read_text())


def check_live(folder, live):
    for key in ("key", "key.hex"):
        spool("cat", live, "--key-file", folder / key)
    good = json.loads(spool("verify", live, "--key-file", folder / "key", "--json"))
    assert good["spools"][0]["good"], good
    spool("rekey", live, "--key-file", folder / "key", "--new-key-file", folder / "other", code=69,
          says="an agent uses it")
    assert not (folder / "state/host.rekey").exists()


def check_keys(folder, copy):
    for verb in ("cat", "export", "verify"):
        spool(verb, copy, code=77, says="is sealed; give its key")
    for verb in ("ls", "stat", "cat", "export", "verify"):
        spool(verb, copy, "--key-file", folder / "other", code=77, says="is not this spool's")
        spool(verb, copy, "--key-file", folder / "broken", code=65, says="no key")
        spool(verb, copy, "--key-file", folder / "nowhere", code=66)
    # Headers lie in clear: that much is told without the key.
    assert "sealed" in spool("stat", copy)
    spool("ls", copy, "--blocks")


def check_export(folder, copy):
    key = ("--key-file", folder / "key")
    rows = [json.loads(line) for line in spool("cat", copy, *key, "--identity").splitlines()]
    seqs = [int(row["weir"].split("/")[2]) for row in rows]
    assert seqs == list(range(1, len(rows) + 1)), seqs
    some = spool("export", copy, *key, "--from-seq", 3, "--to-seq", 5).splitlines()
    assert len(some) == 3, some
    times = sorted({row["record"]["observed_at"] for row in rows})
    assert len(times) > 1, times
    early = spool("export", copy, *key, "--to", times[1]).splitlines()
    late = spool("export", copy, *key, "--from", times[1]).splitlines()
    assert early and late and len(early) + len(late) == len(rows), (len(early), len(late))
    sensor = rows[0]["key"]
    of_one = [json.loads(line) for line in spool("export", copy, *key, "--key", sensor).splitlines()]
    assert of_one and {row["sensor"] for row in of_one} == {sensor}
    table = spool("export", copy, *key, "--format", "csv", "--from-seq", 1, "--to-seq", 2).splitlines()
    assert len(table) == 3 and "sensor" in table[0], table
    target = folder / "out.jsonl"
    spool("export", copy, *key, "--out", target)
    assert len(target.read_text().splitlines()) == len(rows)
    spool("export", copy, *key, "--out", target, code=73)  # never over a file that is there

    # On a terminal it says at its end what it did; the records are not there.
    target.unlink()
    ours, theirs = pty.openpty()
    subprocess.run([weir, "spool", "export", copy, *map(str, key), "--out", target], stdout=subprocess.DEVNULL,
                   stderr=theirs, check=True, timeout=60)
    assert f"{len(rows)} records written to" in os.read(ours, 4096).decode()


def check_damage(folder, copy):
    """A sealed block that was altered is never shown, whatever byte it is."""
    file = copy / "nursery" / "0001.seg"
    content = bytearray(file.read_bytes())
    whole = set(spool("cat", copy, "--key-file", folder / "key", "--identity").splitlines())
    used = len(bytes(content).rstrip(b"\0"))
    for at in range(0, used, max(1, used // 30)):
        content[at] ^= 0x10
        file.write_bytes(content)
        done = subprocess.run([weir, "spool", "cat", copy, "--identity", "--key-file", folder / "key"],
                              capture_output=True, text=True, timeout=60)
        # A record whose key's name was hit comes with a name that says so.
        alien = {line for line in done.stdout.splitlines() if '"lost-key-' not in line} - whole
        assert not alien, (at, alien, done.stderr)
        content[at] ^= 0x10
    file.write_bytes(content)


def records(place, key):
    """What a key reads of a spool, or None where it is not its key."""
    words = [] if key is None else ["--key-file", str(key)]
    done = subprocess.run([weir, "spool", "cat", str(place), "--identity", *words], capture_output=True, text=True,
                          timeout=60)
    return done.stdout if done.returncode == 0 else None


def check_rekey(folder, copy):
    old, new = folder / "key", folder / "other"
    before = records(copy, old)
    (copy / "quarantine.jsonl").write_text("{}\n")
    spool("rekey", copy, "--key-file", old, code=64, says="name the new key")
    spool("rekey", copy, "--key-file", new, "--new-key-file", old, "--in-clear", code=64)
    spool("rekey", copy, "--new-key-file", new, code=77, says="is sealed; give its key")
    spool("rekey", copy, "--key-file", folder / "broken", "--new-key-file", new, code=65)
    for origin, target in ((old, new), (new, None), (None, old)):
        words = ([] if origin is None else ["--key-file", origin]) + \
            (["--in-clear"] if target is None else ["--new-key-file", target])
        out = spool("rekey", copy, *words)
        assert "records" in out, out
        assert records(copy, target) == before
        assert target is None or (records(copy, None) is None and records(copy, new if target == old else old) is None)
    assert (copy / "quarantine.jsonl").read_text() == "{}\n"
    assert not (copy.parent / (copy.name + ".rekey")).exists()
    # Nothing of the records lies there in clear.
    spool("rekey", copy, "--key-file", old, "--new-key-file", new)
    for file in copy.glob("*/*.seg"):
        assert b"memory/available" not in file.read_bytes()
    spool("rekey", copy, "--key-file", new, "--new-key-file", old)


def check_resize(folder, copy):
    """Grown and shrunk with nothing lost; a size that cannot be is refused in one sentence."""
    key = ("--key-file", folder / "key")
    before = records(copy, folder / "key")
    spool("resize", copy, *key, code=64, says="say how large")
    spool("resize", copy, *key, "--size", "12 parsecs", code=64, says="not a size")
    spool("resize", copy, *key, "--size", "1 MiB", code=64, says="name a size from 3 to 512 MiB")
    spool("resize", copy, "--size", "8 MiB", code=77, says="is sealed; give its key")
    for size, files in (("8 MiB", 16), ("3 MiB", 6), ("4 MiB", 8)):
        assert "lie in the new ring" in spool("resize", copy, *key, "--size", size)
        assert len(list((copy / "ring").glob("*.seg"))) == files
        assert records(copy, folder / "key") == before
    assert "already" in spool("resize", copy, *key, "--size", "4 MiB")
    assert not (copy.parent / (copy.name + ".rekey")).exists()


def kill_once(folder, copy, call, when, before):
    """Killed as it makes its n-th call of this kind: which key reads it then? None: it made fewer calls."""
    old, new = folder / "key", folder / "other"
    place = folder / "place" / "host"
    shutil.rmtree(place.parent, ignore_errors=True)
    place.parent.mkdir()
    shutil.copytree(copy, place)
    command = [weir, "spool", "rekey", str(place), "--key-file", str(old), "--new-key-file", str(new)]
    done = subprocess.run(["strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={call}", "-e",
                           f"inject={call}:signal=KILL:when={when}", *command], capture_output=True, timeout=60,
                          env={**os.environ, "ASAN_OPTIONS": "detect_leaks=0"})  # it cannot work under strace
    if done.returncode == 0:
        return None
    assert done.returncode in (-signal.SIGKILL, 128 + signal.SIGKILL), (call, when, done)
    by_old, by_new = records(place, old), records(place, new)
    assert (by_old, by_new) in ((before, None), (None, before)), (call, when, by_old, by_new)
    again = subprocess.run(command, capture_output=True, timeout=60)
    assert again.returncode == 0 and records(place, new) == before, (call, when, again)
    assert not (place.parent / "host.rekey").exists(), (call, when)
    return "old" if by_new is None else "new"


def check_kills(folder, copy):
    """Readable by the old key or by the new one whenever it is killed, and a second run comes to the end."""
    before = records(copy, folder / "key")
    count = {"old": 0, "new": 0}
    for call in CHANGES:
        when = 1
        while (reader := kill_once(folder, copy, call, when, before)) is not None:
            count[reader] += 1
            when += STEP
    assert count["old"] > 0 and count["new"] > 0, count
    print(f"rekey killed {sum(count.values())} times: {count['old']} times the old key reads it, "
          f"{count['new']} times the new one")


def check_agent(folder, agent):
    """The agent's own sentences: a wrong key, and a ring of wrong files, which is another thing."""
    agent.wait()
    text = (folder / "weir.yaml").read_text()
    for key, sentence in (("key file: other", "it is not the one that is set"), ("", "none is set")):
        (folder / "weir.yaml").write_text(text.replace("key file: key", key))
        done = subprocess.run([weir, "run", "-c", folder / "weir.yaml"], capture_output=True, text=True, timeout=60)
        assert done.returncode == 78 and sentence in done.stderr + done.stdout, done
    (folder / "weir.yaml").write_text(text)
    # A size that is set later is told, and the ring goes on as it was made.
    (folder / "weir.yaml").write_text(text.replace("4 MiB", "8 MiB"))
    agent = agent_run(folder)
    end = time.time() + 20
    while "spool.size" not in (folder / "log").read_text() and time.time() < end:
        time.sleep(0.1)
    agent.kill()
    agent.wait()
    assert 'weir spool resize host --size "8192 KiB"' in (folder / "log").read_text()
    (folder / "weir.yaml").write_text(text)
    file = folder / "state/host/ring/0002.seg"
    os.truncate(file, 4096)
    done = subprocess.run([weir, "run", "-c", folder / "weir.yaml"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 65 and "spool.shape" in done.stderr + done.stdout, done


def main():
    folder = pathlib.Path(tempfile.mkdtemp(prefix="weir-sealed-"))
    agent = None
    try:
        agent, live = make(folder)
        check_live(folder, live)
        agent.kill()
        agent.wait()
        copy = folder / "card"
        shutil.copytree(live, copy)
        check_keys(folder, copy)
        check_export(folder, copy)
        check_damage(folder, copy)
        check_rekey(folder, copy)
        check_resize(folder, copy)
        check_agent(folder, agent)
        if shutil.which("strace") is None:
            print("there is no strace: rekey was not killed")
            return 77
        check_kills(folder, copy)
    finally:
        if agent is not None:
            agent.kill()
            agent.wait()
        shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
