"""A product's owner for tests: an authority, keys of domains, and `weir product` with them."""
import json
import pathlib
import shutil
import subprocess
import tempfile

from gateway import WEIR, check


class Owner:
    def __init__(self, address, domains=("site",)):
        self.address = address
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="weir-owner-"))
        self.openssl("req", "-x509", *self.key("ca"), "-subj", "/CN=ca", "-days", "30", "-out", self.path("ca.pem"))
        for domain in domains:
            self.openssl("req", *self.key(domain), "-subj", f"/CN={domain}", "-out", self.path("csr"))
            self.openssl("x509", "-req", "-in", self.path("csr"), "-CA", self.path("ca.pem"), "-CAkey",
                         self.path("ca.key"), "-CAcreateserial", "-days", "30", "-out", self.path(domain + ".pem"))

    def path(self, name):
        return str(self.folder / name)

    def key(self, who):
        return ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", self.path(who + ".key")]

    def openssl(self, *words):
        done = subprocess.run(["openssl", *words], capture_output=True, text=True)
        check(done.returncode == 0, f"openssl {words[0]}: {done.stderr}")
        return done.stdout

    def product(self, verb, contract, *words, domain="site"):
        """`contract` is its text. (exit code, the steps by name, what it said on stderr)"""
        path = self.folder / "bench.odcs.yaml"
        path.write_text(contract)
        signed = ["--sign", f"{self.path(domain + '.key')},{self.path(domain + '.pem')}"] if domain else []
        done = subprocess.run([WEIR, "product", verb, str(path), *signed, "--trust", self.path("ca.pem"), "--json",
                               *words, "--kafka", self.address], capture_output=True, text=True)
        plan = json.loads(done.stdout) if done.stdout else {"steps": []}
        return done.returncode, {step["name"]: step for step in plan["steps"]}, done.stderr

    def apply(self, contract, *words, domain="site"):
        code, steps, errors = self.product("apply", contract, *words, domain=domain)
        check(code == 0, f"weir product apply: {code} {errors} {steps}")
        return steps

    def close(self):
        shutil.rmtree(self.folder)
