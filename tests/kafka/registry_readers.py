"""The stock readers of registry_test, pinned, in a folder of the cache: Python's confluent-kafka with its
registry deserializer, npm's cloudevents and @confluentinc/schemaregistry, Java's Avro library."""
import fcntl
import os
import pathlib
import subprocess
import sys

import distribution
from failure import UNAVAILABLE, Failure

PYTHON = "confluent-kafka[avro,schemaregistry]==2.16.1"
NODE = ("cloudevents@10.0.0", "@confluentinc/schemaregistry@1.10.1")
JAVA = "org.apache.avro:avro:1.11.3"
COPY = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies"
POM = """<project><modelVersion>4.0.0</modelVersion><groupId>weir.tests</groupId><artifactId>readers</artifactId>
<version>1</version><dependencies><dependency><groupId>{}</groupId><artifactId>{}</artifactId><version>{}</version>
</dependency></dependencies></project>
"""


def folder():
    return distribution.cache().parent / "registry-readers-2"


def run(words, where):
    done = subprocess.run(words, cwd=where, capture_output=True, text=True)
    if done.returncode != 0:
        raise Failure(f"{words[0]} cannot fetch the readers: {(done.stderr or done.stdout).strip()[-300:]}", UNAVAILABLE)


def fetch():
    """The folder: python/bin/python, node/node_modules, java/*.jar. Failure where they cannot be had."""
    folder().mkdir(parents=True, exist_ok=True)
    with open(folder() / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if (folder() / "ready").exists():
            return folder()
        for name in ("node", "java"):
            (folder() / name).mkdir(exist_ok=True)
        run([sys.executable, "-m", "venv", "--clear", "python"], folder())
        run(["python/bin/pip", "install", "-q", "--disable-pip-version-check", PYTHON], folder())
        run(["npm", "install", "--silent", "--no-fund", "--no-audit", *NODE], folder() / "node")
        (folder() / "java/pom.xml").write_text(POM.format(*JAVA.split(":")))
        run(["mvn", "-q", "-B", COPY, "-DoutputDirectory=."], folder() / "java")
        (folder() / "ready").touch()
        return folder()
