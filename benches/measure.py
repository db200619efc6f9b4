"""What both benchmarks share: running a program and measuring it, the data, the tools, and the results."""

import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LAKE = ROOT / "examples" / "shop"
CACHE = Path.home() / ".cache" / "tarn"
VENV = CACHE / "bench-venv"
# dbt-core 2 fetches a part of itself from outside PyPI when it is installed.
PACKAGES = ["duckdb==2.0.0", "dbt-core==1.10.23", "dbt-duckdb==1.11.1", "sqlglot==30.30.0", "pyyaml==6.0.3", "jinja2==3.1.6"]


def say(text):
    print(text, file=sys.stderr, flush=True)


def program(name, variable):
    """A program of this repository: named by `variable`, else built by cargo."""
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    path = Path(os.environ.get(variable, target / "release" / name))
    if not path.exists():
        sys.exit(f"`{path}` is not there: build it with `cargo build --release`, or name it by {variable}")
    return str(path)


def venv(name="python", folder=VENV, packages=PACKAGES):
    """A program of a virtual environment with tools to compare with; makes it if it is not there or not as wanted."""
    stamp = folder / "packages.txt"
    if not stamp.exists() or stamp.read_text(encoding="utf-8") != "\n".join(packages):
        say("installing the tools to compare with")
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        subprocess.run([str(folder / "bin" / "pip"), "install", "--quiet", *packages], check=True)
        stamp.write_text("\n".join(packages), encoding="utf-8")
    return str(folder / "bin" / name)


def shop_data(events):
    """The folder with the generated files; they are kept for the next time."""
    folder = CACHE / "bench" / str(events)
    finished = folder / "finished"
    if not finished.exists():
        say(f"generating {events} events")
        generator = program("shop-generator", "SHOP_GENERATOR")
        subprocess.run([generator, str(folder), "--events", str(events)], check=True, stderr=subprocess.DEVNULL)
        finished.touch()
    return folder


def measured(command, environment=None, folder=None):
    """Runs a command to its end: seconds of wall clock and CPU, and peak memory of its largest process."""
    with tempfile.TemporaryFile() as output:
        started = time.perf_counter()
        process = subprocess.Popen(
            [str(part) for part in command],
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(environment or {})},
            cwd=folder,
        )
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        text = output.read().decode(errors="replace")
    return {
        "wall": round(wall, 4),
        "cpu": round(usage.ru_utime + usage.ru_stime, 4),
        "peak_mb": round(usage.ru_maxrss / 1024, 1),
        "exit": process.returncode,
        "output": text[-2000:],
    }


def require_success(result, what):
    if result["exit"] != 0:
        sys.exit(f"{what} ended with {result['exit']}:\n{result['output']}")


def version(command):
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return (done.stdout or done.stderr).strip().splitlines()[0]


def machine(packages=PACKAGES):
    """What the figures were measured on."""
    model = platform.machine()
    cpu_info = Path("/proc/cpuinfo")
    if cpu_info.exists():
        names = [line.split(":", 1)[1].strip() for line in cpu_info.read_text().splitlines() if line.startswith("model name")]
        model = names[0] if names else model
    return {
        "cores": os.cpu_count(),
        "cpu": model,
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "system": platform.platform(),
        "python": platform.python_version(),
        "packages": packages,
        "load_before": round(os.getloadavg()[0], 2),
    }


class Results:
    """Appends each run to `results/<benchmark>.jsonl` and prints the medians."""

    def __init__(self, benchmark, **settings):
        self.path = ROOT / "benches" / "results" / f"{benchmark}.jsonl"
        self.path.parent.mkdir(exist_ok=True)
        self.common = {
            "benchmark": benchmark,
            "started": datetime.now(UTC).isoformat(timespec="seconds"),
            "machine": machine(),
            "tarn": version([program("tarn", "TARN"), "--version"]),
        } | settings
        self.runs = {}

    def add(self, subject, result):
        require_success(result, subject)
        kept = {key: value for key, value in result.items() if key not in ("output", "exit")}
        self.runs.setdefault(subject, []).append(kept)
        with self.path.open("a", encoding="utf-8") as lines:
            lines.write(json.dumps(self.common | {"subject": subject} | kept) + "\n")
        say(f"  {subject}: {kept['wall']:.2f} s, {kept['cpu']:.2f} s of CPU, {kept['peak_mb']:.0f} MB")

    def median(self, subject, figure):
        return statistics.median(run[figure] for run in self.runs[subject])

    def table(self, baseline, megabytes=None):
        """Medians of every subject, and how many times as much as `baseline` each of them takes."""
        header = ["", "wall s", "CPU s", "peak MB"] + (["MB/s", "MB/s per core"] if megabytes else []) + ["wall ratio", "CPU ratio"]
        rows = [header]
        for subject in self.runs:
            wall, cpu, peak = (self.median(subject, figure) for figure in ("wall", "cpu", "peak_mb"))
            rates = [f"{megabytes / wall:.0f}", f"{megabytes / cpu:.0f}"] if megabytes else []
            ratios = [f"{wall / self.median(baseline, 'wall'):.2f}", f"{cpu / self.median(baseline, 'cpu'):.2f}"]
            rows.append([subject, f"{wall:.3f}", f"{cpu:.3f}", f"{peak:.0f}", *rates, *ratios])
        widths = [max(len(row[place]) for row in rows) for place in range(len(header))]
        for name, *cells in rows:
            aligned = [cell.rjust(width) for cell, width in zip(cells, widths[1:], strict=True)]
            print("  ".join([name.ljust(widths[0]), *aligned]))


def empty_folder(path):
    """A folder with nothing in it, below the cache only."""
    path = Path(path)
    if CACHE not in path.parents:
        raise ValueError(f"`{path}` is not below `{CACHE}`")
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True)
    return path
