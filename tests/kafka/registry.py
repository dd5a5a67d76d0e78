"""A real schema registry for the tests: Apicurio Registry, from Maven Central, pinned by SHA-256, in
memory, on 127.0.0.1. Its face for Confluent's clients is `url`."""

import fcntl
import hashlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tarfile
import tempfile
import time
import urllib.request

import cluster
import distribution
from failure import Failure

VERSION = "2.6.13.Final"
ARTIFACT = f"io.apicurio:apicurio-registry-app:{VERSION}:tar.gz:all"
SHA256 = "3cda1b34aa020fb4ac4dd6a66018d757e81e437f97e20a1f92d366b70091c6ba"
COPY = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy"
JAVA = ["-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData", "-Xshare:auto"]
START_S = 120  # 8 s on an idle machine


def home():
    return distribution.cache().parent / f"apicurio-{VERSION}"


def fetch():
    """The folder with the runnable jar; Failure where it cannot be had."""
    home().parent.mkdir(parents=True, exist_ok=True)
    with open(str(home()) + ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if (home() / "ready").exists():
            return home()
        distribution.need("java", "mvn")
        with tempfile.TemporaryDirectory(dir=home().parent) as folder:
            done = subprocess.run(["mvn", "-q", "-B", COPY, f"-Dartifact={ARTIFACT}", f"-DoutputDirectory={folder}"],
                                  cwd=folder, capture_output=True, text=True)
            archive = os.path.join(folder, f"apicurio-registry-app-{VERSION}-all.tar.gz")
            if done.returncode != 0 or not os.path.exists(archive):
                raise Failure(f"Apicurio {VERSION} cannot be had: {(done.stdout + done.stderr).strip()[-300:]}", 69)
            with open(archive, "rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            if digest != SHA256:
                raise Failure(f"{archive} has the SHA-256 {digest}, not the pinned one", 1)
            shutil.rmtree(home(), ignore_errors=True)
            with tarfile.open(archive) as file:
                file.extractall(home())  # its SHA-256 is the pinned one
        (home() / "ready").touch()
        return home()


class Registry:
    """Started at once, ready after `wait`. Its memory ends with it, so a pause is freeze and thaw."""

    def __init__(self, folder):
        self.port = cluster.choose_ports(1, folder)[0]
        self.url = f"http://127.0.0.1:{self.port}/apis/ccompat/v7"
        self.log = open(os.path.join(folder, "registry.log"), "a+")
        self.process = subprocess.Popen(
            ["nice", "java", *JAVA, "-Dquarkus.http.host=127.0.0.1", f"-Dquarkus.http.port={self.port}",
             "-jar", f"apicurio-registry-app-{VERSION}-runner.jar"],
            cwd=fetch(), stdout=self.log, stderr=self.log)

    def wait(self):
        end = time.monotonic() + START_S
        while time.monotonic() < end and self.process.poll() is None:
            try:
                with urllib.request.urlopen(self.url + "/subjects", timeout=5):
                    return self
            except OSError:
                time.sleep(0.2)
        self.log.seek(0)
        raise Failure(f"the registry did not start: {self.log.read()[-500:]}", 1)

    def freeze(self):
        """Connections are taken and nobody answers: the worst way to be away."""
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self):
        self.process.send_signal(signal.SIGCONT)

    def close(self):
        self.process.kill()
        self.process.wait()
        self.log.close()
        cluster.reservation(self.port).unlink(missing_ok=True)


class Gate:
    """A way to the registry that can be shut: what comes in is refused, as by a host that is down."""

    def __init__(self, folder):
        self.port = cluster.choose_ports(1, folder)[0]
        self.process = None

    def open(self, target):
        self.process = subprocess.Popen([sys.executable, __file__, str(self.port), str(target)])
        end = time.monotonic() + 10
        while cluster.is_free(self.port) and time.monotonic() < end:
            time.sleep(0.05)

    def shut(self):
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None

    def close(self):
        self.shut()
        cluster.reservation(self.port).unlink(missing_ok=True)


def carry(port, target):
    """One connection after the other, copied both ways."""
    import threading

    def copy(a, b):
        try:
            while data := a.recv(65536):
                b.sendall(data)
        except OSError:
            pass
        for end in (a, b):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    with socket.create_server(("127.0.0.1", port)) as server:
        while True:
            near, _ = server.accept()
            far = socket.create_connection(("127.0.0.1", target))
            for pair in ((near, far), (far, near)):
                threading.Thread(target=copy, args=pair, daemon=True).start()


if __name__ == "__main__":
    carry(int(sys.argv[1]), int(sys.argv[2]))
