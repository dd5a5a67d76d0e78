"""Apache Kafka's own jars, from Maven Central, pinned by SHA-256 in jars-VERSION.sha256 beside this file."""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from failure import UNAVAILABLE, Failure

HERE = Path(__file__).resolve().parent
COPY_JARS = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies"
PACKAGES = {"javac": "default-jdk-headless", "java": "default-jdk-headless", "mvn": "maven"}

# Kafka names no logger of its own among its dependencies; slf4j-simple needs no settings
# file, and 3.9 still calls log4j 1 classes by name.
LOGGERS = {
    "3": ["org.slf4j:slf4j-simple:1.7.36", "ch.qos.reload4j:reload4j:1.2.25"],
    "4": ["org.slf4j:slf4j-simple:1.7.36"],
}

# Short-lived and small: the quick compiler only, the smallest collector, a bounded heap.
# The machine's own remarks are off: they would land among the records on standard output.
JAVA_FLAGS = ["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-XX:-UsePerfData", "-Xshare:auto", "-Xlog:disable"]


def cache():
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "weir" / "kafka"


def say(sentence):
    print(f"broker: {sentence}", file=sys.stderr)


def pinned_versions():
    found = [path.name[len("jars-") : -len(".sha256")] for path in HERE.glob("jars-*.sha256")]
    return sorted(found, key=lambda version: [int(part) for part in version.split(".")])


def choose_version(wanted):
    """The newest pinned version that starts with what was asked for: 4, 4.x, 3.9, 3.9.x, 3.9.2."""
    parts = [part for part in (wanted or "").split(".") if part and part != "x"]
    fitting = [version for version in pinned_versions() if version.split(".")[: len(parts)] == parts]
    if not fitting:
        raise Failure(f"Kafka {wanted} is not pinned here; pinned are {', '.join(pinned_versions())}")
    return fitting[-1]


def read_pins(version):
    lines = (HERE / f"jars-{version}.sha256").read_text().splitlines()
    return {artifact: digest for digest, artifact in (line.split() for line in lines if line)}


def digest_of(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def jar_name(artifact):
    group, name, version = artifact.split(":")
    return f"{group}.{name}-{version}.jar"


def need(*programs):
    """Each program is there afterwards, installed from Debian when this machine lets us."""
    missing = sorted({PACKAGES[program] for program in programs if not shutil.which(program)})
    if not missing:
        return
    wish = " and ".join(missing)
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        raise Failure(f"Kafka needs Java and Maven and this machine lacks the packages {wish}; install them", UNAVAILABLE)
    say(f"installing the Debian packages {wish}")
    environment = dict(os.environ, DEBIAN_FRONTEND="noninteractive")
    for step in (["update", "-q"], ["install", "-q", "-y", "--no-install-recommends", *missing]):
        done = subprocess.run(["apt-get", *step], env=environment, capture_output=True, check=False)
    if done.returncode or not all(map(shutil.which, programs)):
        raise Failure(f"the Debian packages {wish} could not be installed; install them by hand", UNAVAILABLE)


def dependency(artifact, alone):
    group, name, version = artifact.split(":")
    # Every pinned jar is named in full, so that Maven has nothing left to decide.
    exclusion = "<exclusions><exclusion><groupId>*</groupId><artifactId>*</artifactId></exclusion></exclusions>"
    return (
        f"<dependency><groupId>{group}</groupId><artifactId>{name}</artifactId>"
        f"<version>{version}</version>{exclusion if alone else ''}</dependency>"
    )


def copy_jars(artifacts, alone, work):
    """Maven puts the jars into work/lib."""
    need("mvn", "java")
    pom = work / "pom.xml"
    pom.write_text(
        "<project><modelVersion>4.0.0</modelVersion><groupId>weir.tests</groupId>"
        "<artifactId>kafka</artifactId><version>1</version><dependencies>"
        + "".join(dependency(artifact, alone) for artifact in artifacts)
        + "</dependencies></project>\n"
    )
    command = ["mvn", "-q", "-B", "-Dstyle.color=never", "-f", str(pom), COPY_JARS, "-DincludeScope=runtime"]
    command += ["-Dmdep.prependGroupId=true", f"-DoutputDirectory={work / 'lib'}"]
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    if done.returncode:
        reason = first_error(done.stdout + done.stderr)
        raise Failure(f"Kafka could not be fetched: Maven says {reason!r}; check the network", UNAVAILABLE)


def first_error(output):
    lines = [re.sub("\x1b\\[[0-9;]*m", "", line) for line in output.splitlines() if "ERROR" in line]
    return lines[0].replace("[ERROR]", "").strip()[:300] if lines else "nothing"


def verify(pins, folder):
    for artifact, digest in pins.items():
        path = folder / jar_name(artifact)
        if not path.is_file():
            raise Failure(f"Maven did not deliver {artifact}; fetch again")
        if digest_of(path) != digest:
            raise Failure(f"{artifact} does not have the pinned SHA-256; do not use it, and find out who changed it")


def fetch(version):
    """The folder with the version's jars; Maven runs only the first time."""
    folder = cache() / version
    if (folder / "lib").is_dir():
        return folder
    say(f"fetching Kafka {version} with Maven, once")
    folder.mkdir(parents=True, exist_ok=True)
    pins = read_pins(version)
    with tempfile.TemporaryDirectory(dir=folder) as name:
        work = Path(name)
        copy_jars(pins, True, work)
        verify(pins, work / "lib")
        settle(work / "lib", folder / "lib")
    return folder


def settle(made, place):
    """Only whole and verified results get their name; of two that race, the first stays."""
    try:
        made.rename(place)
    except OSError:
        if not place.exists():
            raise


def pin(version):
    """Write jars-VERSION.sha256 from what Maven resolves today: for whoever moves to a new version."""
    artifacts = [f"org.apache.kafka:kafka_2.13:{version}"] + LOGGERS[version.split(".", 1)[0]]
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        copy_jars(artifacts, False, work)
        listing = list_artifacts(work)
        lines = [f"{digest_of(work / 'lib' / jar_name(artifact))}  {artifact}\n" for artifact in listing]
    (HERE / f"jars-{version}.sha256").write_text("".join(lines))


def list_artifacts(work):
    command = ["mvn", "-q", "-B", "-Dstyle.color=never", "-f", str(work / "pom.xml"), COPY_JARS.replace("copy-dependencies", "list")]
    command += ["-DincludeScope=runtime", f"-DoutputFile={work / 'list'}"]
    subprocess.run(command, capture_output=True, stdin=subprocess.DEVNULL, check=True)
    words = [line.split()[0] for line in (work / "list").read_text().splitlines() if ":jar:" in line]
    return sorted(":".join((group, name, version)) for group, name, _, version, *_ in (word.split(":") for word in words))


def helper(version):
    """Client.java as a jar, compiled when it changed."""
    folder = fetch(version)
    source = HERE / "Client.java"
    jar = folder / f"client-{digest_of(source)[:12]}.jar"
    if jar.is_file():
        return jar
    need("javac", "java")
    with tempfile.TemporaryDirectory(dir=folder) as name:
        classes = Path(name) / "classes"
        command = ["javac", "-nowarn", "-cp", f"{folder / 'lib'}/*", "-d", str(classes), str(source)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise Failure(f"Client.java does not compile: {done.stderr.strip()}")
        with zipfile.ZipFile(Path(name) / "client.jar", "w") as archive:
            for path in sorted(classes.rglob("*.class")):
                archive.write(path, path.relative_to(classes))
        settle(Path(name) / "client.jar", jar)
    return jar


def archive(version):
    """Where Kafka's classes are kept ready to map, for this Java and this helper. Java passes over one
    that does not fit, so it only ever costs time."""
    need("java")
    java = Path(shutil.which("java")).resolve()
    key = hashlib.sha256(f"{java} {java.stat().st_mtime_ns} {helper(version).name}".encode()).hexdigest()
    return fetch(version) / f"classes-{key[:12]}.jsa"


def java_command(version, heap, level, write_archive=None):
    shared = archive(version)
    sharing = [f"-XX:SharedArchiveFile={shared}"] if shared.is_file() else []
    if write_archive:
        sharing = [f"-XX:ArchiveClassesAtExit={write_archive}"]
    jars = [helper(version), *sorted((fetch(version) / "lib").glob("*.jar"))]
    logger = "-Dorg.slf4j.simpleLogger."
    return [
        "java",
        *JAVA_FLAGS,
        *sharing,
        f"-Xmx{heap}m",
        f"{logger}defaultLogLevel={level}",
        f"{logger}logFile=System.err",
        f"{logger}showDateTime=true",
        f"{logger}dateTimeFormat=HH:mm:ss.SSS",
        "-cp",
        ":".join(map(str, jars)),
    ]
