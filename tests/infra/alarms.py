#!/usr/bin/env python3
"""Reads every alarm that Terraform makes: each is on the lake's dashboard, and where it tells that something is wrong it tells that it is over.

    alarms.py infra                                   the state of an applied Terraform folder
    terraform -chdir=infra show -json | alarms.py
"""
import json
import sys
from pathlib import Path
from typing import Any, Iterator

sys.path.insert(0, str(Path(__file__).resolve().parent))

import policies  # noqa: E402


def findings(state: dict[str, Any]) -> Iterator[str]:
    """Alarms that are not seen or told as they should be."""
    found = list(policies.resources(state))
    boards = [json.loads(each["values"]["dashboard_body"]) for each in found if each["type"] == "aws_cloudwatch_dashboard"]
    shown = {arn.rsplit(":", 1)[-1] for board in boards for widget in board["widgets"] for arn in widget["properties"].get("alarms", [])}
    alarms = {each["values"]["alarm_name"]: each["values"] for each in found if each["type"] == "aws_cloudwatch_metric_alarm"}
    for name, values in sorted(alarms.items()):
        if name not in shown:
            yield f"`{name}` is on no dashboard"
        if set(values.get("ok_actions") or []) != set(values.get("alarm_actions") or []):
            yield f"`{name}` does not tell those that it is over whom it told that it began"
    for name in sorted(shown - set(alarms)):
        yield f"the dashboard shows `{name}`, which there is not"
    if not alarms:
        yield "there are no alarms in this state"


def main() -> None:
    given = Path(sys.argv[1]) if len(sys.argv) > 1 else None
    found = list(findings(json.loads(policies.text(given))))
    for each in found:
        print(each, file=sys.stderr)
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
