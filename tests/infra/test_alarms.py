"""What `alarms.py` finds."""
import json
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import alarms  # noqa: E402


def state(made: dict[str, dict], shown: list[str]) -> dict:
    """A state of these alarms, and of a dashboard that shows some."""
    board = json.dumps({"widgets": [{"properties": {"alarms": [f"arn:aws:cloudwatch:us-east-1:1:alarm:{name}" for name in shown]}}, {"properties": {}}]})
    given = [("aws_cloudwatch_metric_alarm", {"alarm_name": name, **values}) for name, values in made.items()]
    given.append(("aws_cloudwatch_dashboard", {"dashboard_body": board}))
    return {"values": {"root_module": {"resources": [{"mode": "managed", "type": kind, "address": kind, "values": values} for kind, values in given]}}}


class Alarms(unittest.TestCase):
    def test_what_is_shown_and_told_is_well(self) -> None:
        told = {"alarm_actions": ["topic"], "ok_actions": ["topic"]}
        self.assertEqual(list(alarms.findings(state({"a": told, "b": {}}, ["a", "b"]))), [])

    def test_what_is_not_is_found(self) -> None:
        found = list(alarms.findings(state({"a": {}, "b": {"alarm_actions": ["topic"]}}, ["b", "c"])))
        self.assertEqual([each.split("`")[1] for each in found], ["a", "b", "c"])
        self.assertEqual(len(list(alarms.findings(state({}, [])))), 1)


if __name__ == "__main__":
    unittest.main()
