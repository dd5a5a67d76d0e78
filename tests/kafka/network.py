"""A network of namespaces for an instance: each broker in one of its own, with a cable to a bridge on this
host. Pulling a cable is what a partition is: no refusal, just silence. Needs root."""

import os
import random
import shutil
import subprocess

from failure import UNAVAILABLE, Failure


def ip(*words, check=True):
    done = subprocess.run(["ip", *words], capture_output=True, text=True, check=False)
    if check and done.returncode:
        raise Failure(f"ip {' '.join(words)}: {done.stderr.strip()}", UNAVAILABLE)
    return done.stdout


class Network:
    def __init__(self, name, subnet):
        self.name = name  # of the bridge; the rest is derived from it
        self.subnet = subnet

    @classmethod
    def create(cls, count):
        if os.geteuid() != 0 or not shutil.which("ip"):
            raise Failure("networks of their own need root and iproute2", UNAVAILABLE)
        taken = ip("-o", "address")
        number = random.choice([n for n in range(1, 255) if f" 10.213.{n}." not in taken])
        network = cls(f"weirk{number}", f"10.213.{number}")
        try:
            network.build(count)
        except BaseException:
            network.remove(count)
            raise
        return network

    def host(self, number):
        return f"{self.subnet}.{number}"

    def namespace(self, number):
        return f"{self.name}-{number}"

    def cable(self, number):
        return f"{self.name}n{number}"  # our end

    def build(self, count):
        ip("link", "add", self.name, "type", "bridge")
        ip("address", "add", f"{self.subnet}.254/24", "dev", self.name)
        ip("link", "set", self.name, "up")
        for number in range(1, count + 1):
            space, cable = self.namespace(number), self.cable(number)
            ip("netns", "add", space)
            ip("link", "add", cable, "type", "veth", "peer", "name", "eth0", "netns", space)
            ip("link", "set", cable, "master", self.name, "up")
            ip("-n", space, "link", "set", "lo", "up")
            ip("-n", space, "address", "add", f"{self.host(number)}/24", "dev", "eth0")
            ip("-n", space, "link", "set", "eth0", "up")

    def remove(self, count):
        for number in range(1, count + 1):
            ip("link", "delete", self.cable(number), check=False)
            ip("netns", "delete", self.namespace(number), check=False)
        ip("link", "delete", self.name, check=False)

    def command(self, number):
        return ["ip", "netns", "exec", self.namespace(number)]  # it becomes the command: one pid

    def cut(self, number, peers):
        """All of it, or (`peers`: their numbers) the way to other brokers only."""
        if not peers:
            ip("link", "set", self.cable(number), "down")
        for peer in peers:
            ip("-n", self.namespace(number), "route", "replace", "blackhole", f"{self.host(peer)}/32")

    def join(self, number, peers):
        ip("link", "set", self.cable(number), "up")
        for peer in peers:
            ip("-n", self.namespace(number), "route", "delete", "blackhole", f"{self.host(peer)}/32", check=False)
