"""Who is measured, what each needs to be installed, and how each is started."""

import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from measure import CACHE, ROOT, say, venv

FOLDER = Path(__file__).resolve().parent
VENV = CACHE / "handlers-venv"
PYTHON_PACKAGES = ["boto3==1.44.5", "flatten-json==0.1.14", "orjson==3.13.0"]
NODE_FOLDER = CACHE / "bench" / "npm"
NODE_PACKAGES = ["@aws-sdk/util-dynamodb@3.996.9", "flat@6.0.1"]
EXAMPLES = CACHE / "tests" / "node_modules" / "@octokit" / "webhooks-examples"
# What every x86-64 processor of Lambda has. Crates that choose vector instructions when they are compiled need to be
# told; Tarn chooses when it runs, and is compiled as it is shipped.
PEER_FLAGS = "-C target-cpu=x86-64-v3"


@dataclass(frozen=True)
class Subject:
    """A handler that is measured."""

    name: str
    # "firehose" or "changes"
    job: str
    # "tarn", "python", "node", or the Rust package
    program: str
    # The handler's name in that program.
    handler: str


SUBJECTS = [
    Subject("floor", "firehose", "handlers-peers", "floor"),
    Subject("tarn", "firehose", "handlers-tarn", "firehose"),
    Subject("rust-sonic_rs-streaming", "firehose", "handlers-peers", "sonic_rs_streaming"),
    Subject("rust-serde_json-streaming", "firehose", "handlers-peers", "serde_json_streaming"),
    Subject("rust-serde_json", "firehose", "handlers-peers", "serde_json"),
    Subject("vrl", "firehose", "handlers-vrl", "vrl"),
    Subject("python-orjson", "firehose", "python", "orjson"),
    Subject("python-flatten_json", "firehose", "python", "flatten_json"),
    Subject("python-json", "firehose", "python", "json"),
    Subject("node-own", "firehose", "node", "own"),
    Subject("node-flat", "firehose", "node", "flat"),
    Subject("floor", "changes", "handlers-peers", "floor_changes"),
    Subject("tarn", "changes", "handlers-tarn", "changes"),
    Subject("rust-serde_dynamo", "changes", "handlers-peers", "serde_dynamo"),
    Subject("python-boto3-orjson", "changes", "python", "boto3_orjson"),
    Subject("python-boto3", "changes", "python", "boto3"),
    Subject("node-unmarshall-own", "changes", "node", "unmarshall_own"),
    Subject("node-unmarshall-flat", "changes", "node", "unmarshall_flat"),
]
NAMES = list(dict.fromkeys(subject.name for subject in SUBJECTS))


def install(programs):
    """Installs and builds what the programs need."""
    if "python" in programs:
        venv("python", VENV, PYTHON_PACKAGES)
    if "node" in programs:
        install_node()
    for package in sorted(programs - {"python", "node"}):
        build(package)
    if not EXAMPLES.exists():
        subprocess.run([str(ROOT / "tests" / "set-up")], check=True)


def install_node(folder=NODE_FOLDER, packages=NODE_PACKAGES, environment=None):
    """Installs npm packages into a folder of the cache, and puts the handlers beside them."""
    stamp = folder / "packages.txt"
    if not stamp.exists() or stamp.read_text(encoding="utf-8") != "\n".join(packages):
        say("installing Node's packages to compare with")
        folder.mkdir(parents=True, exist_ok=True)
        quiet = ["--no-save", "--no-audit", "--no-fund", "--loglevel=error"]
        command = ["npm", "install", "--prefix", str(folder), *quiet, *packages]
        subprocess.run(command, check=True, env={**os.environ, **(environment or {})}, stdout=subprocess.DEVNULL)
        stamp.write_text("\n".join(packages), encoding="utf-8")
    for module in (FOLDER / "node").glob("*.mjs"):
        shutil.copy(module, folder)


def target_folder():
    return Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))


def build(package):
    """Each package is built by itself, so that no program gets the features that another one turns on."""
    environment = dict(os.environ, CARGO_TARGET_DIR=str(target_folder()))
    if package != "handlers-tarn" and has_vectors():
        environment["RUSTFLAGS"] = PEER_FLAGS
    command = ["cargo", "build", "--release", "--locked", "--quiet", "-p", package]
    if subprocess.run(command, cwd=FOLDER, env=environment, check=False).returncode != 0:
        sys.exit(f"`{package}` does not build")


def has_vectors():
    cpu_info = Path("/proc/cpuinfo")
    flags = cpu_info.read_text(encoding="utf-8").split() if cpu_info.exists() else []
    return {"avx2", "bmi1", "bmi2", "f16c", "fma", "movbe"}.issubset(flags)


def command(subject):
    if subject.program == "python":
        return [venv("python", VENV, PYTHON_PACKAGES), FOLDER / "python" / "subject.py", subject.handler]
    if subject.program == "node":
        return ["node", NODE_FOLDER / "subject.mjs", subject.handler]
    return [target_folder() / "release" / subject.program, subject.handler]


def cpu_clock(process_id):
    """Seconds of CPU that all threads of a process have used so far; the same clock for every kind of program.

    The number of the clock is made as `clock_getcpuclockid(3)` makes it on Linux.
    """
    return time.clock_gettime((~process_id << 3) | 2)


class Process:
    """A running subject."""

    def __init__(self, subject):
        self.subject = subject
        arguments = [str(part) for part in command(subject)]
        self.process = subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, request):
        self.process.stdin.write(request + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline().split()
        if not answer:
            sys.exit(f"`{self.subject.name}` ended at `{request}`")
        return answer

    def load(self, folder):
        self.ask(f"load {folder}")

    def run(self, passes):
        """Seconds of CPU for so many passes over the events, and the bytes of all responses."""
        before = cpu_clock(self.process.pid)
        _, size = self.ask(f"run {passes}")
        return cpu_clock(self.process.pid) - before, int(size)

    def write(self, folder):
        self.ask(f"write {folder}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        try:
            self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
