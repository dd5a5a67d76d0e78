"""A gateway for tests: a folder with settings, a contract and a spool; the real agent; a real Kafka."""
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
WEIR = os.path.abspath(os.environ.get("WEIR", ROOT / "build/ci/weir"))
BROKER = str(ROOT / "tests/kafka/broker")
TOPIC = "site.bench.readings.v1"
CURSORS = "site.weir-cursors"

CONTRACT = """\
apiVersion: v3.1.0
kind: DataContract
id: 6f1d5c1e-6a55-4b66-9a25-6d3b6f0d7a01
name: bench-readings
version: 1.0.0
status: active
domain: site
dataProduct: bench
description: {{purpose: Readings for tests.}}
team: {{name: bench-team, members: [{{username: owner@example.com, role: owner}}]}}
support: [{{channel: bench, url: "mailto:bench@example.com"}}]
schema:
  - name: readings
    physicalName: {topic}
    physicalType: topic
    logicalType: object
    properties:
      - {{name: sensor, logicalType: string, required: true, primaryKey: true, primaryKeyPosition: 1}}
      - {{name: ts, logicalType: timestamp, required: true}}
      - {{name: value, logicalType: number}}
      - {{name: note, logicalType: string}}
servers:
  - {{server: test, type: kafka, host: "localhost:9092", format: json}}
"""

SETTINGS = """\
gateway: {gateway}
state: state
kafka:
  bootstrap: {bootstrap}
heartbeat: {{every: 1 s}}
products:
  - contract: bench.odcs.yaml
    spool: {{size: {size}, commit: 1 s{spool}}}
inputs:
  - name: replay
    driver: file
    product: bench
    path: readings.jsonl
    format: json
    key: sensor        # member that becomes the record's key
    time: ts           # Unix milliseconds
"""


def say(text):
    print(text, flush=True)


def fail(text):
    say(f"FAILED: {text}")
    sys.exit(1)


def check(condition, text):
    if not condition:
        fail(text)


def wait_until(condition, seconds, what):
    """Poll until `condition()` is true; a deadline, not a speed: it only ends what hangs."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        result = condition()
        if result:
            return result
        time.sleep(0.1)
    return fail(f"after {seconds} s still not: {what}")


class Kafka:
    """An Apache Kafka of our own."""

    def __init__(self, *options, cursors=True):
        self.topics = set()
        self.folder = tempfile.mkdtemp(prefix="weir-kafka-")
        done = subprocess.run([BROKER, "start", "--dir", self.folder + "/kafka", *options],
                              capture_output=True, text=True)
        if done.returncode == 69:
            say(done.stderr.strip())
            shutil.rmtree(self.folder)
            sys.exit(1 if os.environ.get("REQUIRE_KAFKA") == "1" else 77)
        check(done.returncode == 0, f"Kafka did not start: {done.stderr}")
        self.address = self.run("address").strip()
        if cursors:  # exactly-once is the default on ethernet
            self.topic(CURSORS, "--partitions", "16")

    def run(self, *words):
        action, *rest = words
        if action in ("topic", "acl"):
            action, rest = [action, rest[0]], rest[1:]
        else:
            action = [action]
        done = subprocess.run([BROKER, *action, "--dir", self.folder + "/kafka", *rest],
                              capture_output=True, text=True)
        check(done.returncode == 0, f"broker {' '.join(words)}: {done.stderr}")
        return done.stdout

    def topic(self, name, *options):
        """Made, where this Kafka has not made it yet."""
        if name not in self.topics:
            self.run("topic", "create", name, *options)
            self.topics.add(name)

    def topics_for(self, topic=TOPIC):
        for name in (topic, topic + ".losses", "mesh.heartbeats"):
            self.topic(name)

    def records(self, topic):
        """All records of a topic, by kcat: a consumer that knows nothing of us."""
        done = subprocess.run(
            ["kcat", "-b", self.address, "-C", "-t", topic, "-e", "-q", "-J", "-X",
             "isolation.level=read_committed"],
            capture_output=True, text=True)
        check(done.returncode == 0, f"kcat: {done.stderr}")
        return [json.loads(line) for line in done.stdout.splitlines()]

    def close(self):
        subprocess.run([BROKER, "stop", "--dir", self.folder + "/kafka"], capture_output=True)
        shutil.rmtree(self.folder, ignore_errors=True)


class Gateway:
    """A folder that `weir run` is started on."""

    def __init__(self, bootstrap, gateway="gw-test", size="64 MiB", spool="", topic=TOPIC):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="weir-gateway-"))
        self.process = None
        self.log = self.folder / "log"
        (self.folder / "bench.odcs.yaml").write_text(CONTRACT.format(topic=topic))
        (self.folder / "weir.yaml").write_text(
            SETTINGS.format(gateway=gateway, bootstrap=bootstrap, size=size, spool=spool))

    def edit(self, old, new, name="weir.yaml"):
        path = self.folder / name
        text = path.read_text()
        check(old in text, f"{name} has no {old!r}")
        path.write_text(text.replace(old, new))

    def command(self, *words, timeout=120):
        return subprocess.run([WEIR, *words], capture_output=True, text=True, timeout=timeout,
                              cwd=self.folder)

    def start(self):
        self.process = subprocess.Popen([WEIR, "run", "--config", "weir.yaml"], cwd=self.folder,
                                        stderr=open(self.log, "a"))
        return self

    def start_and_end(self, timeout=60):
        """For a start that must fail: (exit code, what it said)."""
        done = self.command("run", "--config", "weir.yaml", timeout=timeout)
        return done.returncode, done.stderr

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self, timeout=60):
        self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.process.kill()
            fail(f"SIGTERM was not enough:\n{self.log_tail()}")
        check(code == 0, f"the agent ended with {code}:\n{self.log_tail()}")

    def status(self):
        done = self.command("status", "--json", "--config", "weir.yaml")
        try:
            return json.loads(done.stdout)
        except json.JSONDecodeError:
            return None

    def log_text(self):
        return self.log.read_text() if self.log.exists() else ""

    def log_tail(self):
        return "\n".join(self.log_text().splitlines()[-15:])

    def close(self):
        if self.process and self.process.poll() is None:
            self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


def verify(address, topic=TOPIC):
    """(exit code, the judge's JSON)."""
    done = subprocess.run([WEIR, "verify", topic, "--bootstrap", address, "--json"],
                          capture_output=True, text=True)
    try:
        return done.returncode, json.loads(done.stdout.splitlines()[-1])
    except (json.JSONDecodeError, IndexError):
        return fail(f"weir verify said: {done.stdout} {done.stderr}")
