"""The Firehose function whole, under Lambda's Runtime API on loopback: start, memory, invocations, size.

python3 benches/functions.py [--starts 10] [--invocations 20] [--rounds 5] [--only NAME …]

Beside Tarn's function stand the runtimes of AWS for Python (`awslambdaric`) and Node (`aws-lambda-ric`) with handlers that
do the same. `FIREHOSE_TRANSFORM` names Tarn's binary; without it `firehose-transform` of the target folder is taken. It reads
its project from the stand-in account, as it would from S3.
"""

import argparse
import contextlib
import io
import json
import os
import statistics
import subprocess
import sys
import tempfile
import urllib.request
import zipfile
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from measure import CACHE, ROOT, machine, program, say, venv, version
from standin import PYTHON, account

sys.path.insert(0, str(Path(__file__).with_name("handlers")))

import corpora
import subjects
from runtime_api import FunctionFailed, RunningFunction

VENV = CACHE / "functions-venv"
# The native part of `aws-lambda-ric` is compiled by cmake when it is installed.
PYTHON_PACKAGES = ["awslambdaric==4.2.2", "cmake==3.31.10", "flatten-json==0.1.14", "orjson==3.13.0"]
NODE_FOLDER = CACHE / "bench" / "npm-functions"
NODE_PACKAGES = ["aws-lambda-ric@4.0.2", "flat@6.0.1"]
EVENTS = CACHE / "bench" / "handlers"
# Firehose asks for at most 3 MB in one event by default; base64 makes 4 MB of it.
LARGE_EVENT_BYTES = 3_000_000
LARGE_INVOCATIONS = 5
# The account looks at no signature, only for which service it is.
SIGNED = "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0"


@dataclass
class Function:
    """A function that is measured."""

    name: str
    command: list
    folder: Path
    environment: dict = field(default_factory=dict)
    # What is deployed, beside what Lambda's runtime brings.
    files: list = field(default_factory=list)

    def start(self):
        return RunningFunction(self.command, self.environment, self.folder)

    def zipped_bytes(self):
        """The size of what is deployed, as a zip."""
        target = io.BytesIO()
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
            for path in self.files:
                for part in sorted(path.rglob("*")) if path.is_dir() else [path]:
                    if part.is_file() and "__pycache__" not in part.parts:
                        archive.write(part, part.relative_to(path.parent))
        return len(target.getvalue())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--starts", type=int, default=10)
    parser.add_argument("--invocations", type=int, default=20, help="in a round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", nargs="+", default=[], metavar="NAME")
    arguments = parser.parse_args()
    if not subjects.EXAMPLES.exists() or not PYTHON.exists():
        subprocess.run([str(ROOT / "tests" / "set-up")], check=True)
    results = Results(starts=arguments.starts, invocations=arguments.invocations, rounds=arguments.rounds)
    event, large_event = events()
    with project() as settings:
        functions = [function for function in available(settings) if not arguments.only or function.name in arguments.only]
        if not functions:
            parser.error("there is no such function")
        measure_starts(functions, event, arguments.starts, results)
        measure_invocations(functions, event, arguments.invocations, arguments.rounds, results)
        measure_memory(functions, large_event, results)
    for function in functions:
        results.add(function.name, "size", zipped_mb=function.zipped_bytes() / 1e6)
    results.table()


@contextlib.contextmanager
def project():
    """A lake that was pushed, with a stream without a contract: every key becomes a column, as in the handlers beside. Settings of its function."""
    with account() as running, tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        (folder / "sources").mkdir()
        (folder / "tarn.yaml").write_text("name: bench\naws: {bucket: bench-lake, raw_bucket: bench-raw}\n", encoding="utf-8")
        (folder / "sources" / "clicks.yaml").write_text("kind: stream\n", encoding="utf-8")
        for bucket in ["bench-lake", "bench-raw"]:
            request = urllib.request.Request(f"{running.endpoint}/{bucket}", method="PUT", headers={"Authorization": SIGNED})
            urllib.request.urlopen(request).close()
        subprocess.run([program("tarn", "TARN"), "push"], cwd=folder, env=os.environ | running.environment, check=True, capture_output=True)
        names = {"TARN_SOURCE": "clicks", "TARN_BUCKET": "bench-lake", "TARN_RAW_BUCKET": "bench-raw"}
        yield running.environment | names


def available(settings):
    """The functions that can run here; says which ones cannot."""
    functions = []
    binary = Path(os.environ.get("FIREHOSE_TRANSFORM", subjects.target_folder() / "release" / "firehose-transform"))
    if binary.exists():
        functions.append(Function("tarn", [binary], binary.parent, settings, [binary]))
    else:
        say(f"`{binary}` is not there: Tarn's function is left out")
    functions += python_functions()
    try:
        functions += node_functions()
    except subprocess.CalledProcessError as error:
        say(f"aws-lambda-ric cannot be installed here ({error}): Node is left out")
    return functions


def python_functions():
    python = venv("python", VENV, PYTHON_PACKAGES)
    folder = subjects.FOLDER / "python"
    packages = subprocess.run([python, "-c", PACKAGE_FOLDER], capture_output=True, text=True, check=True).stdout.strip()
    sources = [folder / "function.py", folder / "handlers.py"]
    return [
        Function(
            f"python-{flattener}",
            [python, "-m", "awslambdaric", "function.handler"],
            folder,
            {"FLATTENER": flattener, "LAMBDA_TASK_ROOT": str(folder), "_HANDLER": "function.handler"},
            [*sources, *(Path(packages, name) for name in names)],
        )
        for flattener, names in {"orjson": ["orjson"], "json": []}.items()
    ]


PACKAGE_FOLDER = "import sysconfig; print(sysconfig.get_paths()['platlib'])"


def node_functions():
    path = f"{VENV / 'bin'}:{os.environ['PATH']}"
    subjects.install_node(NODE_FOLDER, NODE_PACKAGES, {"PATH": path})
    client = NODE_FOLDER / "node_modules" / "aws-lambda-ric" / "index.mjs"
    sources = [NODE_FOLDER / "function.mjs", NODE_FOLDER / "handlers.mjs"]
    return [
        Function(
            f"node-{flattener}",
            ["node", client, "function.handler"],
            NODE_FOLDER,
            {"FLATTENER": flattener, "LAMBDA_TASK_ROOT": str(NODE_FOLDER), "_HANDLER": "function.handler"},
            [*sources, *(NODE_FOLDER / "node_modules" / name for name in names)],
        )
        for flattener, names in {"own": [], "flat": ["flat"]}.items()
    ]


def events():
    """An event of about 1 MB and one of about 3 MB of decoded clicks."""
    folder, _ = corpora.corpus("click", EVENTS, subjects.EXAMPLES)
    texts = [path.read_bytes() for path in sorted(folder.glob("*.event"))]
    parsed = [json.loads(text) for text in texts[: -(-LARGE_EVENT_BYTES // corpora.EVENT_BYTES)]]
    records = [record for event in parsed for record in event["records"]]
    return texts[0], corpora.compact(parsed[0] | {"records": records})


def decoded_megabytes(event):
    return sum(len(record["data"]) * 3 // 4 for record in json.loads(event)["records"]) / 1e6


def require_answers(function, event, response):
    """Every record is answered, and taken."""
    asked = [record["recordId"] for record in json.loads(event)["records"]]
    answered = [record["recordId"] for record in json.loads(response)["records"] if record["result"] == "Ok"]
    if asked != answered:
        raise FunctionFailed(f"`{function.name}` took {len(answered)} of {len(asked)} records")


def measure_starts(functions, event, starts, results):
    """From the start of the process to the first request for an event, and the first event."""
    for _ in range(starts):
        for function in functions:
            with function.start() as running:
                memory = running.peak_megabytes()
                first = running.invoke(event)
                require_answers(function, event, first.response)
                results.add(
                    function.name,
                    "start",
                    start_ms=running.started_wall * 1e3,
                    start_cpu_ms=running.started_cpu * 1e3,
                    start_memory_mb=memory,
                    first_event_ms=first.wall * 1e3,
                    first_event_cpu_ms=first.cpu * 1e3,
                )


def measure_invocations(functions, event, invocations, rounds, results):
    """Events one after the other through functions that are warm."""
    megabytes = decoded_megabytes(event)
    with contextlib.ExitStack() as stack:
        running = {function.name: stack.enter_context(function.start()) for function in functions}
        for one in running.values():
            for _ in range(invocations):
                one.invoke(event)
        for _ in range(rounds):
            for name, one in running.items():
                done = [one.invoke(event) for _ in range(invocations)]
                cpu = sum(invocation.cpu for invocation in done) / invocations
                results.add(
                    name,
                    "invocations",
                    event_cpu_ms=cpu * 1e3,
                    event_ms=statistics.median(invocation.wall for invocation in done) * 1e3,
                    mb_per_cpu_second=megabytes / cpu,
                )


def measure_memory(functions, event, results):
    megabytes = decoded_megabytes(event)
    for function in functions:
        with function.start() as running:
            for _ in range(LARGE_INVOCATIONS):
                response = running.invoke(event).response
            require_answers(function, event, response)
            results.add(function.name, "memory", large_event_mb=megabytes, peak_memory_mb=running.peak_megabytes())


class Results:
    """Appends each measurement to `results/functions.jsonl` and prints the medians."""

    COLUMNS = {
        "start ms": "start_ms",
        "start CPU ms": "start_cpu_ms",
        "first MB CPU ms": "first_event_cpu_ms",
        "warm MB CPU ms": "event_cpu_ms",
        "warm ms": "event_ms",
        "MB per CPU s": "mb_per_cpu_second",
        "started MB": "start_memory_mb",
        "peak MB": "peak_memory_mb",
        "zip MB": "zipped_mb",
    }

    def __init__(self, **settings):
        self.path = ROOT / "benches" / "results" / "functions.jsonl"
        commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True)
        packages = [*PYTHON_PACKAGES, *NODE_PACKAGES]
        self.common = {
            "benchmark": "functions",
            "started": datetime.now(UTC).isoformat(timespec="seconds"),
            "machine": machine(packages) | {"node": version(["node", "--version"]), "rust": version(["rustc", "--version"])},
            "commit": commit.stdout.strip(),
        } | settings
        self.figures = {}

    def add(self, function, measurement, **figures):
        kept = {name: round(figure, 4) for name, figure in figures.items()}
        for name, figure in kept.items():
            self.figures.setdefault(function, {}).setdefault(name, []).append(figure)
        with self.path.open("a", encoding="utf-8") as lines:
            lines.write(json.dumps(self.common | {"function": function, "measurement": measurement} | kept) + "\n")

    def table(self):
        rows = [["", *self.COLUMNS]]
        for function, figures in self.figures.items():
            rows.append([function, *(f"{statistics.median(figures[name]):,.2f}" for name in self.COLUMNS.values())])
        widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
        for name, *cells in rows:
            aligned = [cell.rjust(width) for cell, width in zip(cells, widths[1:], strict=True)]
            print("  ".join([name.ljust(widths[0]), *aligned]))


if __name__ == "__main__":
    main()
