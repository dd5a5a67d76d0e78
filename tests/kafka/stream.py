"""A gateway whose one input counts: each reading's value is its number, so that whoever reads the topic can
tell what is missing, came twice or came late. Judged by `weir verify` and by Kafka's own Java client."""
import json
import os
import threading
import time

from gateway import Gateway, TOPIC, check, fail, verify, wait_until

GROUP = "site.weir.gw-test"
KEYS = 20
JUDGE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "Judge.java")


def a_gateway(kafka, delivery="exactly-once", **more):
    gateway = Gateway(kafka.address, **more)
    gateway.edit("contract: bench.odcs.yaml", f"contract: bench.odcs.yaml\n    delivery: {delivery}")
    return gateway


def write(gateway, first, count, mode="a"):
    with open(gateway.folder / "readings.jsonl", mode) as out:
        for i in range(first, first + count):
            out.write('{"sensor": "s%d", "ts": %d, "value": %d}\n' % (i % KEYS, 1700000000000 + i, i))


class Writer(threading.Thread):
    """Appends lines at a pace, `count` of them or until told to stop."""

    def __init__(self, gateway, count, rate):
        super().__init__(daemon=True)
        self.gateway, self.count, self.rate, self.written = gateway, count, rate, 0

    def run(self):
        began = time.monotonic()
        while self.written < self.count:
            due = min(self.count, int((time.monotonic() - began) * self.rate) + 1)
            write(self.gateway, self.written, due - self.written)
            self.written = due
            time.sleep(0.02)

    def stop(self):
        """How many it wrote."""
        self.count = 0
        self.join()
        return self.written


def stream(gateway):
    if gateway.process.poll() is not None:
        fail(f"the agent ended by itself ({gateway.process.poll()}):\n{gateway.log_tail()}")
    status = gateway.status()
    return status["streams"][0] if status and status.get("streams") else {"seq": 0, "acked": -1}


def drained(gateway, count, seconds=120):
    def done():
        product = stream(gateway)
        return product["acked"] == product["seq"] and product["seq"] >= count
    wait_until(done, seconds, f"{count} delivered;\n{gateway.log_tail()}")


def reason(gateway, code, seconds=40):
    wait_until(lambda: code in " ".join((gateway.status() or {}).get("reasons", [])), seconds,
               f"{code};\n{gateway.log_tail()}")


def said(gateway, words, seconds=40):
    wait_until(lambda: words in gateway.log_text(), seconds, f"the log to say {words!r};\n{gateway.log_tail()}")


# --- kills --------------------------------------------------------------------------------------


def java_sees(kafka, isolation):
    return json.loads(kafka.run("java", JUDGE, kafka.folder + "/kafka/client.properties", TOPIC, isolation))


def runs_of(values):
    runs = []
    for value in sorted(values):
        if runs and runs[-1][1] == value:
            runs[-1][1] = value + 1
        else:
            runs.append([value, value + 1])
    return runs


def readable(kafka, count):
    """A commit is promised before its markers are written to the partitions; only then it can be read."""
    wait_until(lambda: verify(kafka.address)[1]["delivered"] >= count, 30, f"{count} readable")


def all_once(kafka, wanted, epochs=1):
    """Every value of `wanted` once, in order per key, by both judges."""
    readable(kafka, len(wanted))
    code, verdict = verify(kafka.address)
    told = {k: v for k, v in verdict.items() if k != "streams"}
    check(code == 0 and verdict["delivered"] == len(wanted) and len(verdict["streams"]) == epochs,
          f"weir verify ({code}): {told}")
    check(verdict["missing"] == verdict["duplicated"] == verdict["out_of_order"] == 0, f"weir verify: {told}")
    seen = java_sees(kafka, "read_committed")
    check(seen == {"records": len(wanted), "streams": epochs, "missing": 0, "duplicates": 0, "out_of_order": 0,
                   "malformed": 0, "values": runs_of(wanted)}, f"Java's consumer: {seen}")


def all_recognisable(kafka, count):
    """Every value, in order per key where it comes first; repeats carry the identity of what they repeat, as
    both judges see. Their number."""
    readable(kafka, count)
    code, verdict = verify(kafka.address)
    told = {k: v for k, v in verdict.items() if k != "streams"}
    check(verdict["delivered"] == count and verdict["missing"] == verdict["out_of_order"] == 0
          and code == (1 if verdict["duplicated"] else 0), f"weir verify ({code}): {told}")
    seen = java_sees(kafka, "read_uncommitted")
    check(seen == {"records": count + verdict["duplicated"], "streams": 1, "missing": 0,
                   "duplicates": verdict["duplicated"], "out_of_order": 0, "malformed": 0,
                   "values": [[0, count]]}, f"Java's consumer: {seen}")
    return verdict["duplicated"]
