"""Tarn's ingest handlers beside their peers: whole events in, whole responses out, all in one run.

python3 benches/handlers.py [--seconds 0.5] [--rounds 7] [--only NAME …] [--without NAME …] [--check]

The figure is megabytes of decoded records per second of CPU of the handler's process (median of the rounds; subjects
take turns). With `--check` nothing is measured: the responses of every subject are compared with Tarn's.
"""

import argparse
import contextlib
import json
import math
import statistics
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

from measure import CACHE, ROOT, empty_folder, machine, say, version

sys.path.insert(0, str(Path(__file__).with_name("handlers")))

import corpora
import differences
import subjects

EVENTS = CACHE / "bench" / "handlers"


def main():
    arguments = parse()
    chosen = [subject for subject in subjects.SUBJECTS if subject.name in arguments.subjects]
    jobs = {
        "firehose": [name for name in corpora.FIREHOSE if name in arguments.corpora],
        "changes": [name for name in corpora.CHANGES if name in arguments.corpora],
    }
    chosen = [subject for subject in chosen if jobs[subject.job]]
    subjects.install({subject.program for subject in chosen})
    if arguments.check:
        sys.exit(0 if check(chosen, jobs) else 1)
    results = Results(rounds=arguments.rounds, seconds=arguments.seconds)
    for job, names in jobs.items():
        for name in names:
            folder, about = corpora.corpus(name, EVENTS, subjects.EXAMPLES)
            measure([subject for subject in chosen if subject.job == job], name, folder, about, results)
        results.table(names)


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=0.5, help="of CPU that a subject gets in a round, at least")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--only", nargs="+", default=[], metavar="NAME", help="subjects, corpora, or both")
    parser.add_argument("--without", nargs="+", default=[], metavar="NAME", help="vrl takes minutes to build")
    parser.add_argument("--check", action="store_true", help="compare the responses with Tarn's and measure nothing")
    arguments = parser.parse_args()
    known = [*subjects.NAMES, *corpora.NAMES]
    for name in [*arguments.only, *arguments.without]:
        if name not in known:
            parser.error(f"`{name}` is none of {', '.join(known)}")

    def narrowed(names):
        only = [name for name in names if name in arguments.only] or names
        return [name for name in only if name not in arguments.without]

    arguments.subjects, arguments.corpora = narrowed(subjects.NAMES), narrowed(corpora.NAMES)
    if arguments.check and "tarn" not in arguments.subjects:
        arguments.subjects.append("tarn")
    return arguments


def measure(chosen, name, folder, about, results):
    say(f"{name}: {about['events']} events of {about['decoded_bytes'] / about['events'] / 1e6:.2f} MB")
    with contextlib.ExitStack() as stack:
        passes = {}
        for subject in chosen:
            process = stack.enter_context(subjects.Process(subject))
            process.load(folder)
            # The first pass warms up caches and compilers, the second one tells how long a pass takes.
            process.run(1)
            seconds, _ = process.run(1)
            passes[process] = max(1, math.ceil(results.common["seconds"] / seconds))
        turns = list(passes)
        for _ in range(results.common["rounds"]):
            for process in turns:
                seconds, response_bytes = process.run(passes[process])
                results.add(name, process.subject.name, about, passes[process], seconds, response_bytes)
            turns.append(turns.pop(0))


def check(chosen, jobs):
    """Compares every subject's responses with Tarn's; whether all differences are explained."""
    explained = True
    scratch = CACHE / "bench" / "scratch-handlers"
    for job, names in jobs.items():
        of_job = sorted((subject for subject in chosen if subject.job == job), key=lambda subject: subject.name != "tarn")
        for name in names:
            folder, about = corpora.corpus(name, EVENTS, subjects.EXAMPLES)
            say(f"{name}: {about['records']} records")
            for subject in of_job:
                if subject.name == "floor":
                    continue
                responses = empty_folder(scratch / subject.name)
                with subjects.Process(subject) as process:
                    process.load(folder)
                    process.write(responses)
                if subject.name != "tarn":
                    found = differences.compare(job, scratch / "tarn", responses)
                    explained &= found.report(subject.name)
    empty_folder(scratch)
    return explained


class Results:
    """Appends each measurement to `results/handlers.jsonl` and prints the medians."""

    def __init__(self, **settings):
        self.path = ROOT / "benches" / "results" / "handlers.jsonl"
        packages = [*subjects.PYTHON_PACKAGES, *subjects.NODE_PACKAGES]
        commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True)
        self.common = {
            "benchmark": "handlers",
            "started": datetime.now(UTC).isoformat(timespec="seconds"),
            "machine": machine(packages) | {"node": version(["node", "--version"]), "rust": version(["rustc", "--version"])},
            "commit": commit.stdout.strip(),
        } | settings
        self.rates = {}

    def add(self, corpus, subject, about, passes, seconds, response_bytes):
        rate = passes * about["decoded_bytes"] / 1e6 / seconds
        self.rates.setdefault((subject, corpus), []).append(rate)
        figures = {
            "subject": subject,
            "corpus": corpus,
            "passes": passes,
            "decoded_bytes": passes * about["decoded_bytes"],
            "records": passes * about["records"],
            "response_bytes": response_bytes,
            "cpu": round(seconds, 6),
            "mb_per_cpu_second": round(rate, 2),
        }
        with self.path.open("a", encoding="utf-8") as lines:
            lines.write(json.dumps(self.common | figures) + "\n")

    def table(self, names):
        """Megabytes per second of CPU of every subject, and how many times as much Tarn does."""
        measured = [subject for subject in subjects.NAMES if any((subject, name) in self.rates for name in names)]
        if not measured:
            return
        rows = [["MB per CPU second", *names]]
        for subject in measured:
            cells = []
            for name in names:
                rate = statistics.median(self.rates[subject, name])
                tarn = self.rates.get(("tarn", name))
                times = f" {statistics.median(tarn) / rate:5.1f}x" if tarn and subject != "tarn" else " " * 7 if tarn else ""
                cells.append(f"{rate:,.0f}{times}")
            rows.append([subject, *cells])
        widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
        for subject, *cells in rows:
            aligned = [cell.rjust(width) for cell, width in zip(cells, widths[1:], strict=True)]
            print("  ".join([subject.ljust(widths[0]), *aligned]))
        print()


if __name__ == "__main__":
    main()
