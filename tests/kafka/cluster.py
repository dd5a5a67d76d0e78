"""One instance: a folder with N nodes, each broker and controller at once (KRaft)."""

import base64
import json
import os
import random
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import distribution
import wire
from failure import UNAVAILABLE, Failure
from network import Network

HEAP_MEGABYTES = 256
LISTENERS = ("client", "internal", "controller")
# Below the range from which Linux takes ports for outgoing connections: the port of a killed
# broker must still be free when it is started again.
PORTS = range(20000, 32000)


# --- ports -------------------------------------------------------------------------------------


def is_free(port):
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
            return True
        except OSError:
            return False


def reservation(port):
    return distribution.cache() / "ports" / str(port)


def reserve(port, folder):
    """A file per port keeps other instances off it, also while our broker is down."""
    mark = reservation(port)
    mark.parent.mkdir(parents=True, exist_ok=True)
    try:
        with mark.open("x") as file:
            file.write(str(folder))
        return True
    except FileExistsError:
        if not Path(mark.read_text() or folder).exists():
            mark.unlink(missing_ok=True)  # its instance was deleted by hand; the port is good next time
        return False


def choose_ports(count, folder):
    chosen = []
    while len(chosen) < count:
        port = random.choice(PORTS)
        if reserve(port, folder):
            if is_free(port):
                chosen.append(port)
            else:
                reservation(port).unlink()
    return chosen


# --- processes ---------------------------------------------------------------------------------


def look_up(pid):
    """State letter and start time of a process, or None: a pid alone may have been given away again."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return fields[0], fields[19]


class Node:
    def __init__(self, folder, number, ports, advertised, network=None):
        self.folder = folder / f"node-{number}"
        self.number = number
        self.ports = dict(zip(LISTENERS, ports))
        self.host = network.host(number) if network else "127.0.0.1"
        self.prefix = network.command(number) if network else []
        self.advertised = advertised or f"{self.host}:{self.ports['client']}"

    @property
    def properties(self):
        return self.folder / "server.properties"

    @property
    def log(self):
        return self.folder / "log"

    def process(self):
        """The pid of our process and its state letter; None when it is gone."""
        try:
            pid, started = (self.folder / "pid").read_text().split()
        except (OSError, ValueError):
            return None
        now = look_up(pid)
        if not now or now[1] != started or now[0] in "ZX":
            return None
        return int(pid), now[0]

    def state(self):
        process = self.process()
        if not process:
            return "stopped"
        return "frozen" if process[1] in "Tt" else "running"

    def launch(self, command):
        with self.log.open("ab") as log:
            child = subprocess.Popen(
                [*self.prefix, *command, "kafka.Kafka", str(self.properties)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                start_new_session=True,  # a Ctrl-C for the test is not for its broker
            )
        (self.folder / "pid").write_text(f"{child.pid} {look_up(child.pid)[1]}\n")
        child.returncode = 0  # it outlives this command on purpose; nobody waits for it

    def send(self, number):
        process = self.process()
        if not process:
            raise Failure(f"broker {self.number} is not running; start it with: restart {self.number}")
        os.kill(process[0], number)

    def wait_gone(self, seconds):
        end = time.monotonic() + seconds
        while self.process():
            if time.monotonic() > end:
                return False
            time.sleep(0.02)
        return True

    def end(self, polite):
        """Stop for good. Politely first when the data will be used again."""
        if not self.process():
            return
        if polite:
            self.send(signal.SIGTERM)
            self.send(signal.SIGCONT)
            if self.wait_gone(30):
                return
        if self.process():
            self.send(signal.SIGKILL)
        if not self.wait_gone(20):
            raise Failure(f"broker {self.number} survived SIGKILL for 20 s; look at process {self.process()}")

    def last_words(self):
        lines = self.log.read_text(errors="replace").splitlines() if self.log.exists() else []
        loud = [line for line in lines if " ERROR " in line or "Exception" in line or "Error" in line]
        return (loud or lines or ["nothing was logged"])[-1]


# --- settings ----------------------------------------------------------------------------------


def test_defaults(nodes):
    """Quick and small, and nothing happens by itself: no topic appears and no record is deleted."""
    copies = min(nodes, 3)
    settled = min(nodes, 2)
    return {
        "auto.create.topics.enable": "false",
        "num.partitions": 1,
        "default.replication.factor": copies,
        "offsets.topic.replication.factor": copies,
        "offsets.topic.num.partitions": 5,
        "transaction.state.log.replication.factor": copies,
        "transaction.state.log.min.isr": settled,
        "transaction.state.log.num.partitions": 5,
        "share.coordinator.state.topic.replication.factor": copies,
        "share.coordinator.state.topic.min.isr": settled,
        "share.coordinator.state.topic.num.partitions": 5,
        "group.initial.rebalance.delay.ms": 0,
        "log.retention.ms": -1,
        "log.retention.bytes": -1,
        "log.cleaner.dedupe.buffer.size": 4 << 20,  # the default alone is half of our heap
        "num.network.threads": 2,
        "num.io.threads": 4,
        "background.threads": 2,
        # A killed broker is noticed within seconds, or tests of failover would take long.
        "broker.heartbeat.interval.ms": 500,
        "broker.session.timeout.ms": 4000,
        "controller.quorum.election.timeout.ms": 500,
        "controller.quorum.fetch.timeout.ms": 1500,
        "controller.quorum.election.backoff.max.ms": 300,
    }


def listener_settings(node, nodes, protocol, guarded):
    ports = node.ports
    inner = "SASL_PLAINTEXT" if guarded else "PLAINTEXT"
    return {
        "process.roles": "broker,controller",
        "node.id": node.number,
        "log.dirs": node.folder / "data",
        "controller.quorum.voters": ",".join(f"{n.number}@{n.host}:{n.ports['controller']}" for n in nodes),
        "listeners": ",".join(f"{name.upper()}://{node.host}:{ports[name]}" for name in LISTENERS),
        "advertised.listeners": f"CLIENT://{node.advertised},INTERNAL://{node.host}:{ports['internal']}",
        "listener.security.protocol.map": f"CLIENT:{protocol},INTERNAL:{inner},CONTROLLER:{inner}",
        "inter.broker.listener.name": "INTERNAL",
        "controller.listener.names": "CONTROLLER",
    }


def plain_login(users, own=None):
    words = ["org.apache.kafka.common.security.plain.PlainLoginModule required"]
    if own:
        words += [f'username="{own[0]}"', f'password="{own[1]}"']
    words += [f'user_{name}="{password}"' for name, password in users.items()]
    return " ".join(words) + ";"


def guard_settings(login):
    """With access rules on, the brokers and this command are a named superuser, so that a test's
    clients, anonymous ones too, are nobody in particular."""
    jaas = plain_login({login[0]: login[1]}, login)
    return {
        "super.users": f"User:{login[0]}",
        "sasl.mechanism.inter.broker.protocol": "PLAIN",
        "sasl.mechanism.controller.protocol": "PLAIN",
        "listener.name.internal.sasl.enabled.mechanisms": "PLAIN",
        "listener.name.controller.sasl.enabled.mechanisms": "PLAIN",
        "listener.name.internal.plain.sasl.jaas.config": jaas,
        "listener.name.controller.plain.sasl.jaas.config": jaas,
    }


def user_settings(users):
    return {
        "listener.name.client.sasl.enabled.mechanisms": "PLAIN",
        "listener.name.client.plain.sasl.jaas.config": plain_login(users),
    }


def write_properties(path, settings):
    path.write_text("".join(f"{key}={value}\n" for key, value in settings.items()))


# --- the instance ------------------------------------------------------------------------------


class Cluster:
    def __init__(self, folder):
        self.folder = Path(folder).absolute()
        try:
            self.facts = json.loads((self.folder / "instance.json").read_text())
        except FileNotFoundError:
            raise Failure(f"{self.folder} holds no Kafka instance; start makes one") from None
        advertised = self.facts["advertise"]
        self.network = Network(*self.facts["network"]) if self.facts["network"] else None
        self.nodes = [
            Node(self.folder, number, ports, advertised[number - 1] if advertised else None, self.network)
            for number, ports in enumerate(self.facts["ports"], 1)
        ]
        self.login = self.facts["login"]

    @classmethod
    def exists(cls, folder):
        return (Path(folder) / "instance.json").is_file()

    @classmethod
    def create(cls, folder, version, nodes, *, settings=None, users=None, protocol=None, advertise=None, networks=False):
        settings, users = settings or {}, users or {}
        folder = Path(folder).absolute()
        if folder.exists() and any(folder.iterdir()):
            raise Failure(f"{folder} is neither empty nor a Kafka instance; name another folder")
        if advertise and len(advertise) != nodes:
            raise Failure(f"--advertise names {len(advertise)} addresses for {nodes} brokers; name one for each")
        distribution.helper(version)  # before anything is made: there may be no Kafka to have
        network = Network.create(nodes) if networks else None
        folder.mkdir(parents=True, exist_ok=True)
        ports = choose_ports(nodes * len(LISTENERS), folder)
        guarded = bool(settings.get("authorizer.class.name"))
        facts = {
            "version": version,
            "cluster": base64.urlsafe_b64encode(secrets.token_bytes(16)).decode().rstrip("=").replace("-", "A"),
            "ports": [ports[at : at + len(LISTENERS)] for at in range(0, len(ports), len(LISTENERS))],
            "advertise": advertise,
            "network": [network.name, network.subnet] if network else None,
            "login": ["weir-tests", secrets.token_hex(12)] if guarded else None,
            "protocol": protocol or ("SASL_PLAINTEXT" if users else "PLAINTEXT"),
        }
        (folder / "instance.json").write_text(json.dumps(facts, indent=2) + "\n")
        cluster = cls(folder)
        try:
            cluster.prepare(settings, users)
        except BaseException:  # also when told to end meanwhile
            cluster.remove()
            raise
        return cluster

    def prepare(self, settings, users):
        """Settings and formatted storage of every node."""
        for node in self.nodes:
            node.folder.mkdir()
            lines = test_defaults(len(self.nodes))
            lines |= listener_settings(node, self.nodes, self.facts["protocol"], bool(self.login))
            lines |= guard_settings(self.login) if self.login else {}
            lines |= user_settings(users) if users else {}
            write_properties(node.properties, lines | settings)
        self.write_client_properties()
        done = self.run_helper("format", self.facts["cluster"], *(str(node.properties) for node in self.nodes), keep=True)
        if done.returncode:
            words = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
            reason = next((line for line in words if "Exception" in line), words[-1] if words else "no reason given")
            raise Failure(f"Kafka refused to format the storage: {reason}; check the --set values")

    def write_client_properties(self):
        settings = {"bootstrap.servers": ",".join(f"{node.host}:{node.ports['internal']}" for node in self.nodes)}
        if self.login:
            settings["security.protocol"] = "SASL_PLAINTEXT"
            settings["sasl.mechanism"] = "PLAIN"
            settings["sasl.jaas.config"] = plain_login({}, self.login)
        write_properties(self.folder / "client.properties", settings)

    def run_helper(self, *words, keep=False):
        command = distribution.java_command(self.facts["version"], 128, "off")
        return subprocess.run([*command, "Client", *words], capture_output=keep, text=True, check=False)

    def run_client(self, action, *words):
        return self.run_helper(action, str(self.folder / "client.properties"), *words).returncode

    def node(self, number):
        if not 1 <= number <= len(self.nodes):
            raise Failure(f"there is no broker {number} here; the brokers are 1 to {len(self.nodes)}")
        return self.nodes[number - 1]

    def addresses(self):
        return ",".join(node.advertised for node in self.nodes)

    def launch(self, nodes, write_archive=None):
        command = distribution.java_command(self.facts["version"], HEAP_MEGABYTES, "info", write_archive)
        for node in nodes:
            node.launch(command)

    def refuse_running(self, nodes):
        for node in nodes:
            if node.process():
                raise Failure(f"broker {node.number} is running already; stop it first")

    def wait_ready(self, nodes, wanted, seconds):
        """Each of the nodes answers, and knows all the wanted nodes to be in service."""
        end = time.monotonic() + seconds
        for node in nodes:
            if not wire.wait_until(lambda n=node: self.is_ready(n, wanted), end - time.monotonic()):
                raise Failure(f"broker {node.number} was not ready after {seconds:g} s: {node.last_words()}")

    def is_ready(self, node, wanted):
        if not node.process():
            raise Failure(f"broker {node.number} ended while starting: {node.last_words()}")
        with wire.Connection(node.host, node.ports["internal"], self.login) as broker:
            brokers, _ = broker.metadata()
            if not {n.number for n in wanted} <= set(brokers) or not broker.gives_producer_ids():
                return False
        with wire.Connection(node.host, node.ports["client"]) as client:
            if self.facts["protocol"] in ("PLAINTEXT", "SASL_PLAINTEXT"):
                client.check_versions()
        return True

    def ask_any(self, ask):
        """What one of the running brokers answers."""
        for node in self.nodes:
            if node.state() != "running":
                continue
            try:
                with wire.Connection(node.host, node.ports["internal"], self.login) as broker:
                    return ask(broker)
            except OSError:
                continue
        raise Failure("no broker answers; look at: status")

    def wait_topic(self, name, partitions, seconds=15):
        """Every running broker knows the topic with all its leaders (0: knows that it is gone)."""

        def known(node):
            with wire.Connection(node.host, node.ports["internal"], self.login) as broker:
                leaders = broker.metadata([name])[1][name]
            return leaders is None if partitions == 0 else bool(leaders) and len(leaders) >= partitions and min(leaders) >= 0

        for node in self.nodes:
            if node.state() == "running" and not wire.wait_until(lambda n=node: known(n), seconds):
                raise Failure(f"broker {node.number} did not learn of topic {name} in {seconds} s; look at: status")

    def peers(self, number):
        return [node.number for node in self.nodes if node.number != number]

    def partition(self, number, only_peers):
        self.need_network().cut(self.node(number).number, self.peers(number) if only_peers else [])

    def rejoin(self, number):
        self.need_network().join(self.node(number).number, self.peers(number))

    def need_network(self):
        if not self.network:
            raise Failure("these brokers share the host's network and cannot be cut off; start them with --networks")
        return self.network

    def leader(self, topic, partition):
        """Of one partition; Kafka's own topics too."""
        leaders = self.ask_any(lambda broker: broker.metadata([topic])[1][topic])
        if leaders is None or not 0 <= partition < len(leaders) or leaders[partition] < 1:
            raise Failure(f"partition {partition} of {topic} has no leader; look at: status")
        return leaders[partition]

    def stop(self, keep):
        # All are told before any is waited for: without a majority the last ones cannot leave politely.
        if keep:
            for node in self.nodes:
                if node.process():
                    node.send(signal.SIGTERM)
                    node.send(signal.SIGCONT)
        for node in self.nodes:
            node.end(polite=keep)
        if not keep:
            self.remove()

    def remove(self):
        for node in self.nodes:
            for port in node.ports.values():
                reservation(port).unlink(missing_ok=True)
        if self.network:
            self.network.remove(len(self.nodes))
        shutil.rmtree(self.folder)


def fresh_folder():
    return tempfile.mkdtemp(prefix="weir-kafka-")


def warm(version):
    """Run one broker once, to keep its classes ready: each later start takes a third less work."""
    place = distribution.archive(version)
    if place.is_file():
        return
    distribution.say(f"starting Kafka {version} once to make later starts quicker")
    with tempfile.TemporaryDirectory(dir=place.parent) as name:
        made = Path(name) / "classes.jsa"
        cluster = Cluster.create(Path(name) / "instance", version, 1)
        try:
            cluster.launch(cluster.nodes, write_archive=made)
            cluster.wait_ready(cluster.nodes, cluster.nodes, 60)
            cluster.nodes[0].end(polite=True)
            distribution.settle(made, place)
        except (Failure, OSError) as problem:
            distribution.say(f"that did not work, starts stay slower: {problem}")
        finally:
            cluster.stop(keep=False)


def check_linux():
    if not Path("/proc/self/stat").exists():
        raise Failure("this machine has no /proc, which is needed to know our processes; use Linux", UNAVAILABLE)
