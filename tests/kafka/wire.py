"""The few Kafka requests that must be quick, spoken straight to a broker's port.

Starting a Java client costs most of a second. Readiness and topics are asked for by
every test, so they are asked in the plain old request versions that 3.9 and 4.x share.
"""

import socket
import struct
import time

from failure import Failure

METADATA, SASL_HANDSHAKE, API_VERSIONS, CREATE_TOPICS = 3, 17, 18, 19
DELETE_TOPICS, INIT_PRODUCER_ID, SASL_AUTHENTICATE = 20, 22, 36

ERROR_NAMES = {
    3: "no such topic",
    7: "the broker ran out of time",
    17: "not a valid topic name",
    29: "not allowed by the access rules",
    36: "the topic is there already",
    37: "not a valid number of partitions",
    38: "more replicas asked for than brokers are up",
    41: "the broker is not the controller",
    58: "wrong user name or password",
}


def string(text):
    data = text.encode()
    return struct.pack(">h", len(data)) + data


def array(items):
    return struct.pack(">i", len(items)) + b"".join(items)


class Answer:
    """A response body, read from front to back."""

    def __init__(self, data):
        self.data = data
        self.at = 0

    def number(self, form):
        value = struct.unpack_from(">" + form, self.data, self.at)[0]
        self.at += struct.calcsize(">" + form)
        return value

    def string(self):
        length = self.number("h")
        if length < 0:
            return None
        self.at += length
        return self.data[self.at - length : self.at].decode()

    def array(self, read):
        return [read() for _ in range(self.number("i"))]


class Connection:
    """One broker. Raises OSError while that broker cannot answer."""

    def __init__(self, host, port, login=None, timeout=2.0):
        self.socket = socket.create_connection((host, port), timeout)
        self.socket.settimeout(timeout)
        if login:
            self.log_in(*login)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def ask(self, api, version, body):
        message = struct.pack(">hhi", api, version, 1) + string("weir-tests") + body
        self.socket.sendall(struct.pack(">i", len(message)) + message)
        length = struct.unpack(">i", self.receive(4))[0]
        return Answer(self.receive(length)[4:])  # the first four bytes repeat our request's number

    def receive(self, length):
        data = b""
        while len(data) < length:
            part = self.socket.recv(length - len(data))
            if not part:
                raise ConnectionError("the broker closed the connection")
            data += part
        return data

    def log_in(self, user, password):
        self.ask(SASL_HANDSHAKE, 1, string("PLAIN"))
        token = f"\0{user}\0{password}".encode()
        error = self.ask(SASL_AUTHENTICATE, 0, struct.pack(">i", len(token)) + token).number("h")
        if error:
            raise ConnectionError(ERROR_NAMES.get(error, f"Kafka error {error}"))

    def check_versions(self):
        error = self.ask(API_VERSIONS, 0, b"").number("h")
        if error:
            raise ConnectionError(f"the broker answered ApiVersions with Kafka error {error}")

    def gives_producer_ids(self):
        """The last thing a new broker learns: until then idempotent producers are told to try again."""
        answer = self.ask(INIT_PRODUCER_ID, 0, struct.pack(">hi", -1, 1000))
        answer.number("i")  # throttle time
        return answer.number("h") == 0

    def metadata(self, topics=()):
        """The brokers in service, and per topic the leaders of its partitions (None: no such topic)."""
        answer = self.ask(METADATA, 1, array([string(name) for name in topics]))
        brokers = answer.array(lambda: read_broker(answer))
        answer.number("i")  # which broker takes controller requests: any does in KRaft
        return brokers, dict(answer.array(lambda: read_topic(answer)))

    def all_topics(self):
        answer = self.ask(METADATA, 1, struct.pack(">i", -1))
        answer.array(lambda: read_broker(answer))
        answer.number("i")
        return sorted(name for name, _ in answer.array(lambda: read_topic(answer)))

    def create_topic(self, name, partitions, replicas, settings):
        pairs = [string(key) + string(value) for key, value in settings]
        topic = string(name) + struct.pack(">ih", partitions, replicas) + array([]) + array(pairs)
        self.socket.settimeout(15)
        answer = self.ask(CREATE_TOPICS, 2, array([topic]) + struct.pack(">i?", 10000, False))
        answer.number("i")  # throttle time
        answer.array(lambda: refuse(f"create topic {name}", answer.string(), answer.number("h"), answer.string()))

    def delete_topic(self, name):
        self.socket.settimeout(15)
        answer = self.ask(DELETE_TOPICS, 1, array([string(name)]) + struct.pack(">i", 10000))
        answer.number("i")
        answer.array(lambda: refuse(f"delete topic {name}", answer.string(), answer.number("h"), None))


def read_broker(answer):
    node = answer.number("i")
    answer.string(), answer.number("i"), answer.string()  # host, port, rack
    return node


def read_topic(answer):
    error, name, _ = answer.number("h"), answer.string(), answer.number("b")
    leaders = dict(answer.array(lambda: read_partition(answer)))
    return name, [leaders[number] for number in sorted(leaders)] if error == 0 else None


def read_partition(answer):
    error, number, leader = answer.number("h"), answer.number("i"), answer.number("i")
    answer.array(lambda: answer.number("i"))  # replicas
    answer.array(lambda: answer.number("i"))  # in-sync replicas
    return number, leader if error == 0 else -1


def refuse(action, _name, error, message):
    if error:
        raise Failure(f"cannot {action}: {message or ERROR_NAMES.get(error, f'Kafka error {error}')}")


def wait_until(ask, seconds):
    """Ask again and again until the answer is true; false once the time is over."""
    end = time.monotonic() + seconds
    while True:
        try:
            if ask():
                return True
        except (OSError, struct.error):
            pass  # not up yet, or it went down while answering: both are worth another try
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
