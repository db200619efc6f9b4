#!/usr/bin/env python3
"""Reads every policy of a deployment and tells what is wider than the lake's own names: `policies.py FOLDER`, the folder with `terraform.tfstate`.

Least privilege is a promise, and an account that is rehearsed in lets everybody do everything, so it is read off the policies themselves.
"""
import json
import re
import sys
from pathlib import Path
from typing import Any, Iterator

# Actions that AWS grants for all resources or for none, and why anybody has them.
WITHOUT_RESOURCES = {
    "lakeformation:GetDataAccess": "Lake Formation says itself what is handed out",
    "rds:DescribeExportTasks": "exports of snapshots", "rds:StartExportTask": "exports of snapshots",
    **dict.fromkeys(
        ["logs:CreateLogDelivery", "logs:DeleteLogDelivery", "logs:DescribeLogGroups", "logs:DescribeResourcePolicies", "logs:GetLogDelivery",
         "logs:ListLogDeliveries", "logs:PutResourcePolicy", "logs:UpdateLogDelivery"], "logs of state machines"),
    **dict.fromkeys(["xray:GetSamplingRules", "xray:GetSamplingTargets", "xray:PutTelemetryRecords", "xray:PutTraceSegments"], "traces"),
    **dict.fromkeys(
        ["ec2:AssignPrivateIpAddresses", "ec2:CreateNetworkInterface", "ec2:DeleteNetworkInterface", "ec2:DescribeNetworkInterfaces",
         "ec2:DescribeSecurityGroups", "ec2:DescribeSubnets", "ec2:DescribeVpcs", "ec2:UnassignPrivateIpAddresses"], "functions in a VPC"),
    "dynamodb:ListStreams": "event source mappings",
}  # fmt: skip
# Actions that are given with a star, as AWS documents them.
STARRED = {"s3:DeleteObject*": "RDS exports", "s3:GetObject*": "RDS exports", "s3:PutObject*": "RDS exports"}
# Resources that bear no name of the lake's.
FOREIGN = [
    (r":glue:[^:]*:[0-9]*:catalog$", "every call of Glue names the catalogue"),
    (r":glue:[^:]*:[0-9]*:database/default$", "Athena looks at it whatever a query reads"),
    (r":rule/StepFunctionsGetEventsForStepFunctionsExecutionRule$", "how Step Functions hears of children"),
    (r":rds:[^:]*:[0-9]*:cluster-snapshot:\*$", "snapshots are named by RDS"),
    (r":rds-db:[^:]*:[0-9]*:dbuser:\*/[^*/]+$", "the database is known by its host, RDS knows it by an id"),
]


def resources(state: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Address, type and attributes of everything in the state."""
    for each in state["resources"]:
        for instance in each["instances"]:
            key = "" if instance.get("index_key") is None else f"[{json.dumps(instance['index_key'])}]"
            yield f"{each.get('module', 'root')}.{each['type']}.{each['name']}{key}", each["type"], instance["attributes"]


def listed(value: Any) -> list[Any]:
    """Policies write one thing without a list around it."""
    return value if isinstance(value, list) else [value]


class Names:
    """What the lake calls its own."""

    def __init__(self, state: dict[str, Any]):
        everything = list(resources(state))
        self.prefix = next(said["name"] for _, kind, said in everything if kind == "aws_sfn_state_machine" and said["name"].endswith("-workflow"))
        self.prefix = self.prefix.removesuffix("-workflow")
        names = {output["value"] for output in state["outputs"].values() if isinstance(output["value"], str)}
        names |= {said["bucket"] for _, kind, said in everything if kind == "aws_s3_bucket"}
        names |= {said["name"] for _, kind, said in everything if kind in ("aws_glue_catalog_database", "aws_athena_workgroup", "aws_kinesis_firehose_delivery_stream")}
        self.names = {name for name in names if not name.startswith("arn:")}
        text = json.dumps(state["resources"])
        # Keys, streams and secrets are known by their ARNs or by the names that functions are told.
        self.arns = {said["arn"] for _, _, said in everything if isinstance(said.get("arn"), str)} | set(re.findall(r'"stream_arn": "([^"]+)"', text))
        self.secrets = {
            value for _, kind, said in everything if kind == "aws_lambda_function"
            for name, value in (said["environment"][0]["variables"] if said["environment"] else {}).items() if name.endswith("_SECRET")
        }  # fmt: skip
        self.clusters = set(re.findall(r":cluster:([a-z][a-z0-9-]*)\b", text))

    def has(self, resource: str) -> bool:
        """Whether a policy's resource is one of the lake's, by a whole word of its ARN."""
        if resource in self.arns or any(resource.startswith((f"{arn}:", f"{arn}/")) for arn in self.arns):
            return True
        own = resource.split(":", 5)[-1]
        if own.startswith("secret:"):
            return own.removeprefix("secret:").removesuffix("-??????") in self.secrets
        if own.startswith("cluster:"):
            return own.removeprefix("cluster:") in self.clusters
        words = re.split("[:/]", own)
        return any(word in self.names or word == self.prefix or (word.startswith(f"{self.prefix}-") and "*" not in word) for word in words)


def too_wide(policy: dict[str, Any], names: Names) -> Iterator[str]:
    """What a role's policy allows beyond the lake."""
    for statement in listed(policy["Statement"]):
        if statement["Effect"] != "Allow":
            continue
        if "NotAction" in statement or "NotResource" in statement:
            yield "allows all but what it names"
            continue
        actions = listed(statement["Action"])
        yield from (f"`{action}` is no action by name" for action in actions if "*" in action and action not in STARRED)
        for resource in listed(statement["Resource"]):
            if resource == "*":
                yield from (f"`{action}` on everything" for action in actions if action not in WITHOUT_RESOURCES)
            elif not names.has(resource) and not any(re.search(pattern, resource) for pattern, _ in FOREIGN):
                yield f"`{resource}` is not the lake's"


def too_trusting(policy: dict[str, Any]) -> Iterator[str]:
    """Whom a role trusts besides one service of AWS."""
    for statement in listed(policy["Statement"]):
        principal = statement.get("Principal", {})
        services = listed(principal.get("Service", [])) if isinstance(principal, dict) else []
        if len(services) != 1 or set(principal) != {"Service"}:
            yield f"trusts {json.dumps(principal)}"


def found(state: dict[str, Any]) -> Iterator[str]:
    """Everything that is too wide, with where it stands."""
    names = Names(state)
    roles = []
    for address, kind, said in resources(state):
        if kind in ("aws_iam_role_policy", "aws_iam_policy"):
            yield from (f"{address}: {what}" for what in too_wide(json.loads(said["policy"]), names))
        if kind == "aws_iam_role":
            yield from (f"{address}: {what}" for what in too_trusting(json.loads(said["assume_role_policy"])))
            if said.get("managed_policy_arns"):
                yield f"{address}: policies that AWS manages are attached"
        if kind in ("aws_lambda_function", "aws_sfn_state_machine"):
            role = said["role"] if kind == "aws_lambda_function" else said["role_arn"]
            if role in roles:
                yield f"{address}: shares the role `{role}` with another"
            roles.append(role)
        if kind == "aws_lambda_permission" and not said.get("source_arn"):
            yield f"{address}: a whole service may call the function"
    if not roles:
        yield "there are no functions and machines: nothing was looked at"


def main() -> None:
    state = json.loads((Path(sys.argv[1]) / "terraform.tfstate").read_text())
    wide = list(found(state))
    counted = sum(1 for _, kind, _ in resources(state) if kind in ("aws_iam_role_policy", "aws_iam_policy"))
    print("\n".join(wide) if wide else f"{counted} policies name what is allowed, and it is the lake's own")
    sys.exit(1 if wide else 0)


if __name__ == "__main__":
    main()
