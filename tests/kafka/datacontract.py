"""The independent checker of contracts (datacontract-cli of PyPI), pinned, in a virtual environment of
its own in the cache. With it come confluent-kafka and a validator of JSON Schema draft 2019-09."""
import fcntl
import os
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
PINS = HERE / "datacontract-1.2.8.txt"


def folder():
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return pathlib.Path(base) / "weir" / PINS.stem


def make():
    """The environment's python, or None where it cannot be had; the reason was told."""
    python = folder() / "bin/python"
    folder().parent.mkdir(parents=True, exist_ok=True)
    with open(str(folder()) + ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if (folder() / "ready").exists():
            return python
        for words in ([sys.executable, "-m", "venv", "--clear", str(folder())],
                      [str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check", "-r", str(PINS)]):
            done = subprocess.run(words, capture_output=True, text=True)
            if done.returncode != 0:
                print(f"datacontract-cli cannot be had: {(done.stderr or done.stdout).strip()[-300:]}")
                return None
        (folder() / "ready").touch()
    return python


def command():
    """The command `datacontract`, or None."""
    python = make()
    return python and python.parent / "datacontract"


if __name__ == "__main__":
    sys.exit(0 if make() else 69)
