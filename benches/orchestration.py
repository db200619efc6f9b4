"""What it takes to run many models on AWS, counted on the stand-in account, and what retention takes over many objects.

python3 benches/orchestration.py [--models 10 100 1000] [--objects 100000]

Counted are invocations of functions with their processor time, transitions of state machines, and calls of services. What AWS itself
takes its time for is not measured here: the account answers from loopback.
"""

import argparse
import concurrent.futures
import json
import os
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from measure import ROOT, machine, measured, program, say
from standin import PYTHON, account

RESULTS = ROOT / "benches" / "results" / "orchestration.jsonl"
WAVES = 10
MEMORY_GB = 0.5
# us-east-1, arm64, 2026: Lambda per GB second and request, Step Functions per transition.
PRICES = {"gb_second": 0.0000133334, "request": 0.20 / 1e6, "transition": 25 / 1e6}


def synthetic_lake(folder, name, models):
    """So many models in waves: each reads one of the wave before."""
    (folder / "models").mkdir()
    (folder / "tarn.yaml").write_text(f"name: {name}\naws: {{bucket: {name}-lake}}\n")
    width = max(models // WAVES, 1)
    for number in range(models):
        before = number - width
        source = f"{{{{ ref('m{before:04}') }}}}" if before >= 0 else "(values 1) as t (n)"
        (folder / "models" / f"m{number:04}.sql").write_text(f"/*\naudits:\n  - not_null: [n]\n*/\nselect n + 1 as n from {source}\n")


def deployed(running, name):
    programs = Path(program("tarn", "TARN")).parent
    command = [PYTHON, "-m", "account.deploy", "--endpoint", running.endpoint, "--lake", name, "--bucket", f"{name}-lake"]
    command += ["--programs", programs, "--machines", ROOT / "statemachines"]
    subprocess.run(command, cwd=ROOT / "tests", check=True)


def tarn(running, folder, *arguments):
    outcome = measured([program("tarn", "TARN"), *arguments], running.environment, folder)
    if outcome["exit"] != 0:
        sys.exit(f"tarn {' '.join(arguments)}: {outcome['output']}")
    return outcome


def transitions(running):
    """States that were entered, in all executions of all machines; and the longest history."""
    states, entered, longest = running.client("stepfunctions"), 0, 0
    for machine_of in states.list_state_machines()["stateMachines"]:
        for page in states.get_paginator("list_executions").paginate(stateMachineArn=machine_of["stateMachineArn"]):
            for execution in page["executions"]:
                events = 0
                pages = states.get_paginator("get_execution_history")
                for part in pages.paginate(executionArn=execution["executionArn"], PaginationConfig={"PageSize": 1000}):
                    events += len(part["events"])
                    entered += sum(event["type"].endswith("StateEntered") for event in part["events"])
                longest = max(longest, events)
    return entered, longest


def models(count):
    """One run of so many models."""
    name = f"bench{count}"
    with account() as running, tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        synthetic_lake(folder, name, count)
        deployed(running, name)
        tarn(running, folder, "push")
        functions, plans = running.client("lambda"), []
        for number in range(6):
            running.side("DELETE", "functions")
            event = {"step": "plan", "request": {"run": f"2026010{number + 1}t000000000_0001"}}
            functions.invoke(FunctionName=f"tarn-{name}-workflow-plan", Payload=json.dumps(event))
            plans.append(running.side("GET", "functions")[f"tarn-{name}-workflow-plan"])
        running.clear()
        outcome = tarn(running, folder, "run", "--run-id", "20260201t000000000_0001", "--json")
        used, calls = running.side("GET", "functions"), running.side("GET", "journal")
        entered, longest = transitions(running)
    invocations = sum(one["invocations"] for one in used.values())
    processor = sum(one["processor_milliseconds"] for one in used.values())
    elapsed = sum(one["milliseconds"] for one in used.values())
    counted = {service: sum(of.values()) for service, of in calls.items() if service in ("athena", "glue", "s3", "states")}
    price = entered * PRICES["transition"] + invocations * PRICES["request"] + elapsed / 1000 * MEMORY_GB * PRICES["gb_second"]
    return {
        "what": "models", "models": count, "seconds": outcome["wall"], "invocations": invocations,
        "processor_ms": round(processor), "function_ms": round(elapsed), "transitions": entered, "longest_history": longest,
        "calls": counted, "dollars_per_1000_models": round(price / count * 1000, 4),
        # The first plan starts the process; the project is read and planned in each.
        "plan_ms": round(min(plan["milliseconds"] for plan in plans[1:]), 1),
        "plan_processor_ms": round(min(plan["processor_milliseconds"] for plan in plans[1:]), 1),
    }  # fmt: skip


def retention(objects):
    """A run that removes a version of so many objects, and the same run without."""
    with account() as running, tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        synthetic_lake(folder, "kept", 1)
        (folder / "tarn.yaml").write_text("name: kept\naws: {bucket: kept-lake}\nretention: {versions: 0}\n")
        deployed(running, "kept")
        tarn(running, folder, "push")
        first = "20260201t000000000_0001"
        tarn(running, folder, "run", "--here", "--run-id", first)
        without = tarn(running, folder, "run", "--here", "--run-id", "20260202t000000000_0001")
        buckets = running.client("s3")
        say(f"putting {objects} objects")

        def put(number):
            buckets.put_object(Bucket="kept-lake", Key=f"model/m0000/run=20260202t000000000_0001/{number:06}.parquet", Body=b"x")

        with concurrent.futures.ThreadPoolExecutor(8) as threads:
            list(threads.map(put, range(objects)))
        running.clear()
        outcome = tarn(running, folder, "run", "--here", "--run-id", "20260203t000000000_0001")
        calls = running.side("GET", "journal")["s3"]
        left = buckets.list_objects_v2(Bucket="kept-lake", Prefix="model/m0000/run=20260202").get("KeyCount", 0)
    if left:
        sys.exit(f"{left} objects are left")
    return {
        "what": "retention", "objects": objects, "seconds": round(outcome["wall"] - without["wall"], 2),
        "processor_seconds": round(outcome["cpu"] - without["cpu"], 2), "peak_mb": outcome["peak_mb"],
        "lists": calls.get("ListObjectsV2", 0), "deletes": calls.get("DeleteObjects", 0),
    }  # fmt: skip


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=int, nargs="*", default=[10, 100, 1000])
    parser.add_argument("--objects", type=int, default=100_000, help="0 leaves retention out")
    arguments = parser.parse_args()
    if sys.executable != str(PYTHON):
        subprocess.run([ROOT / "tests" / "set-up"], check=True, stdout=subprocess.DEVNULL)
        os.execv(PYTHON, [str(PYTHON), *sys.argv])
    results = []

    def keep(result):
        """Each as soon as it is there: the whole takes long."""
        say(json.dumps(result))
        results.append(result)
        with RESULTS.open("a", encoding="utf-8") as lines:
            lines.write(json.dumps({"time": datetime.now(UTC).isoformat(timespec="seconds"), **machine(), **result}) + "\n")

    for count in arguments.models:
        say(f"{count} models")
        keep(models(count))
    if arguments.objects:
        keep(retention(arguments.objects))
    for result in results:
        if result["what"] == "models":
            per = {name: round(value / result["models"], 1) for name, value in {**result["calls"], "transitions": result["transitions"], "invocations": result["invocations"], "processor_ms": result["processor_ms"]}.items()}
            print(f"{result['models']} models: plan {result['plan_ms']} ms; each model {per}; ${result['dollars_per_1000_models']} per 1,000 models; longest history {result['longest_history']} events")
        else:
            print(f"retention of {result['objects']} objects: {result['seconds']} s, {result['lists']} lists, {result['deletes']} deletes, peak {result['peak_mb']} MB")


if __name__ == "__main__":
    main()
