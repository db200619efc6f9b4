#!/usr/bin/env python3
"""Rehearses a deployment: Terraform's `infra/`, as it is, applied to an account that listens at an endpoint.

    rehearse.py apply   --work DIR --endpoint URL --lake DIR --programs DIR   made, and the outputs printed as JSON
    rehearse.py plan    --work DIR …                                          exit 0 when nothing is to change, 2 and the changes when something is
    rehearse.py fire    --work DIR --endpoint URL GROUP/NAME [--time TIME]     does what EventBridge Scheduler does, and waits for what was started
    rehearse.py destroy --work DIR …                                          nothing is left

The work folder holds a copy of `infra/`, the zips and the state; it belongs to one rehearsal. Needs `terraform` on the path and boto3.
"""
import argparse
import datetime
import json
import os
import re
import shutil
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from typing import Any

import leftovers

ROOT = Path(__file__).resolve().parents[2]
SCHEDULED_TIME = "<aws.scheduler.scheduled-time>"


def environment(arguments: argparse.Namespace) -> dict[str, str]:
    """What makes every SDK, Terraform's too, talk to the account."""
    region = os.environ.get("AWS_REGION", "us-east-1")
    return {
        **os.environ, "AWS_ENDPOINT_URL": arguments.endpoint, "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": region, "AWS_DEFAULT_REGION": region, "TF_IN_AUTOMATION": "1", "CHECKPOINT_DISABLE": "1",
    }  # fmt: skip


def zips(programs: Path, folder: Path) -> None:
    """A zip per function of the workspace, with its program as `bootstrap`."""
    folder.mkdir(parents=True, exist_ok=True)
    for function in sorted(each.parent.name for each in (ROOT / "functions").glob("*/Cargo.toml")):
        program = programs / function
        if not program.exists():
            sys.exit(f"there is no program `{program}`: build it with `cargo build --release --workspace --bins`")
        entry = zipfile.ZipInfo("bootstrap")
        entry.external_attr = 0o755 << 16
        with zipfile.ZipFile(folder / f"{function}.zip", "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            archive.writestr(entry, program.read_bytes(), zipfile.ZIP_DEFLATED, 1)


def terraform(arguments: argparse.Namespace, *command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Terraform in the work folder's copy of `infra/`."""
    started = time.monotonic()
    done = subprocess.run(
        ["terraform", f"-chdir={arguments.work / 'infra'}", *command], env=environment(arguments), text=True, capture_output=True, check=False
    )
    print(f"terraform {command[0]}: {time.monotonic() - started:.0f} s", file=sys.stderr)
    if check and done.returncode != 0:
        sys.exit(f"terraform {command[0]} failed:\n{done.stdout[-4000:]}\n{done.stderr}")
    return done


def variables(arguments: argparse.Namespace) -> list[str]:
    """Terraform's variables: where lake, zips and machines are, and what was asked for."""
    functions = arguments.functions or arguments.work / "functions"
    said = {"lake": arguments.lake.resolve(), "functions": functions.resolve(), "machines": ROOT / "statemachines"}
    named = [f"-var={name}={value}" for name, value in said.items()]
    return ["-input=false", "-no-color", *named, *(f"-var={each}" for each in arguments.var)]


def apply(arguments: argparse.Namespace) -> None:
    """Makes or changes everything; prints Terraform's outputs."""
    infra = arguments.work / "infra"
    if arguments.programs:
        zips(arguments.programs, arguments.work / "functions")
    if not infra.exists():
        shutil.copytree(ROOT / "infra", infra, ignore=shutil.ignore_patterns(".terraform*", "*.tfstate*", "tests"))
        subprocess.run([str(infra / "init")], check=True, env=environment(arguments))
    terraform(arguments, "apply", "-auto-approve", *variables(arguments))
    outputs = json.loads(terraform(arguments, "output", "-json").stdout)
    print(json.dumps({name: output["value"] for name, output in outputs.items()}, indent=2))


def plan(arguments: argparse.Namespace) -> None:
    """Ends with 0 when what is there is what is written, with 2 when not."""
    done = terraform(arguments, "plan", "-detailed-exitcode", *variables(arguments), check=False)
    if done.returncode != 0:
        print(done.stdout, done.stderr)
    sys.exit(done.returncode)


def destroy(arguments: argparse.Namespace) -> None:
    """Removes everything; buckets are told first that they may go with what is in them."""
    arguments.var.append("destroy_data=true")
    terraform(arguments, "apply", "-auto-approve", *variables(arguments))
    resources = json.loads(terraform(arguments, "state", "pull").stdout)["resources"]
    buckets = [each["attributes"]["bucket"] for resource in resources if resource["type"] == "aws_s3_bucket" for each in resource["instances"]]
    named = re.search(r"^name: *(\S+)", (arguments.lake / "tarn.yaml").read_text(), re.MULTILINE)
    present = _in_account(arguments, named[1] if named else "", buckets)
    print(f"in the account before: {len(present)} things of the lake", file=sys.stderr)
    if len(present) < len(buckets) or not buckets:
        sys.exit("what is deployed is not seen in the account, so nothing could be said of what is left")
    terraform(arguments, "destroy", "-auto-approve", *variables(arguments))
    left = terraform(arguments, "state", "list").stdout.split()
    left += _in_account(arguments, named[1] if named else "", buckets)
    if left:
        sys.exit(f"these are left: {', '.join(left)}")


def _in_account(arguments: argparse.Namespace, lake: str, buckets: list[str]) -> list[str]:
    """What the account itself has of the lake, whatever Terraform knows."""
    os.environ.update(environment(arguments))
    import boto3

    return leftovers.of_lake(lake, buckets, lambda service: boto3.client(service))


def fire(arguments: argparse.Namespace) -> None:
    """Starts a schedule's target with its input, as Scheduler does at a time, and waits for the execution that it starts."""
    os.environ.update(environment(arguments))
    import boto3

    group, name = arguments.schedule.split("/")
    target = boto3.client("scheduler").get_schedule(GroupName=group, Name=name)["Target"]
    at = arguments.time or datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    machines = boto3.client("stepfunctions")
    started = machines.start_execution(stateMachineArn=target["Arn"], input=target["Input"].replace(SCHEDULED_TIME, at))
    ended = _ended(machines, started["executionArn"])
    print(json.dumps(ended, indent=2, default=str))
    execution = json.loads(ended.get("output") or "{}").get("execution")
    if execution:
        ended = _ended(machines, execution)
        print(json.dumps(ended, indent=2, default=str))
    sys.exit(0 if ended["status"] == "SUCCEEDED" else 1)


def _ended(machines: Any, execution: str) -> dict[str, Any]:
    while (found := machines.describe_execution(executionArn=execution))["status"] == "RUNNING":
        time.sleep(0.2)
    return {name: found.get(name) for name in ("executionArn", "status", "input", "output", "error", "cause") if found.get(name)}


def main() -> None:
    parser = argparse.ArgumentParser(prog="rehearse.py", description="Applies Tarn's Terraform to an account at an endpoint.")
    commands = parser.add_subparsers(required=True)
    for command in (apply, plan, destroy, fire):
        each = commands.add_parser(command.__name__, help=command.__doc__)
        each.set_defaults(run=command)
        each.add_argument("--endpoint", required=True, help="where the account is, as in http://127.0.0.1:5555")
        each.add_argument("--work", required=True, type=Path, help="folder of this rehearsal; is made")
        if command is fire:
            each.add_argument("schedule", help="group and name in EventBridge Scheduler, as in tarn-shop/nightly")
            each.add_argument("--time", help="the scheduled time, as in 2026-11-20T18:15:00Z; now when none")
            continue
        each.add_argument("--lake", required=True, type=Path, help="the lake's folder")
        each.add_argument("--programs", type=Path, help="folder of compiled functions, of which zips are made")
        each.add_argument("--functions", type=Path, help="folder of zips that are there already")
        each.add_argument("--var", action="append", default=[], metavar="NAME=VALUE", help="a variable of Terraform")
    arguments = parser.parse_args()
    arguments.work = arguments.work.resolve()
    arguments.run(arguments)


if __name__ == "__main__":
    main()
