#!/usr/bin/env python3
"""Reads every policy that Terraform makes, and fails on rights wider than the lake's own things.

    policies.py [--explain] infra                                     the state of an applied Terraform folder
    terraform -chdir=infra show -json [PLAN] | policies.py [--explain]

A right is named, never `*`, and so is what it is for: an ARN whose part before the first wildcard names the lake: `tarn-<lake>`, its buckets,
database or workgroups. Of the services in `OWNED` a whole ARN has to name the lake too; of others it may be somebody else's thing that the lake
was told of, a secret or a DynamoDB table. What AWS cannot bound, or is everybody's, stands in `UNBOUNDED`, each with the reason.
"""
import argparse
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, Iterator, NamedTuple

# Services all of whose things that the lake touches are its own.
OWNED = {"athena", "events", "firehose", "glue", "lambda", "s3", "scheduler", "sns", "sqs", "states"}

# Actions that take no resource, or none that can be named beforehand: pattern of the action, pattern of the resource, reason.
UNBOUNDED = [
    (r"ec2:(Assign|Unassign)PrivateIpAddresses|ec2:(Create|Delete|Describe)NetworkInterfaces?|ec2:Describe(SecurityGroups|Subnets|Vpcs)", r"\*",
     "Lambda asks for them on all resources of the role of a function in a VPC; a Deny keeps the program itself from them"),
    (r"glue:[A-Za-z]+", r"arn:[^:]+:glue:[^:*]+:[^:*]+:catalog", "an account has one catalogue in a region, which Glue asks for beside databases and tables"),
    (r"glue:GetDatabases?", r"arn:[^:]+:glue:[^:*]+:[^:*]+:database/default", "Athena looks at it whatever a query reads"),
    (r"athena:(Get|List)[A-Za-z]+", r"arn:[^:]+:athena:[^:*]+:[^:*]+:datacatalog/AwsDataCatalog", "Glue's catalogue as Athena calls it, one for an account"),
    (r"athena:List(DataCatalogs|WorkGroups)", r"\*", "a list is of all, or of none"),
    (r"lakeformation:AddLFTagsToResource", r"\*", "takes no resource: which tags on which tables, the grants of Lake Formation say"),
    (r"lakeformation:GetDataAccess", r"\*", "takes no resource: what is handed out are the grants of Lake Formation"),
    (r"logs:(Create|Get|Update|Delete|List)LogDeliver(y|ies)|logs:(Put|Describe)ResourcePolic(y|ies)|logs:DescribeLogGroups", r"\*",
     "Step Functions sets up the delivery of a machine's log by these, which take no resource"),
    (r"xray:Put(TraceSegments|TelemetryRecords)|xray:GetSampling(Rules|Targets)", r"\*", "take no resource"),
    (r"rds:(StartExportTask|DescribeExportTasks)", r"\*", "take no resource: role, key and bucket of an export are bounded by iam:PassRole, kms: and s3:"),
    (r"events:(DescribeRule|PutRule|PutTargets)", r"arn:[^:]+:events:[^:*]+:[^:*]+:rule/StepFunctionsGetEvents[A-Za-z]+Rule",
     "Step Functions hears of the end of children by this rule of its own, the same for all machines of an account"),
    (r"logs:(CreateLogGroup|CreateLogStream|PutLogEvents)", r"arn:[^:]+:logs:[^:*]+:[^:*]+:log-group:/aws-glue/crawlers\*", "all crawlers of an account write there"),
    (r"rds-db:connect", r"arn:[^:]+:rds-db:[^:*]+:[^:*]+:dbuser:\*/[A-Za-z0-9_]+",
     "the user is named; the database goes by an id that is known to RDS alone"),
    (r"rds:DescribeDBClusterSnapshots", r"arn:[^:]+:rds:[^:*]+:[^:*]+:cluster-snapshot:\*",
     "snapshots are named by RDS, and a listing is asked of all; the clusters are named beside"),
    (r"rds:CreateDBClusterSnapshot", r"arn:[^:]+:rds:[^:*]+:[^:*]+:cluster-snapshot:tarn-[a-z][a-z0-9-]*-\*", "snapshots that are made are named after their cluster"),
]  # fmt: skip

# Actions that are not named whole: pattern of the action, pattern of what it is for or of who may, reason.
UNNAMED = [
    (r"s3:(Delete|Get|Put)Object\*", r"arn:[^:]+:s3:::[a-z0-9.-]+/raw/.*", "RDS looks for these letter for letter before it exports"),
    (r"kms:\*", r"arn:[^:]+:iam::[0-9]{12}:root", "a key without its account can be managed by nobody, ever; who of the account may what with it, IAM says"),
    (r"kms:GenerateDataKey\*", r"[a-z]+\.amazonaws\.com", "a service that encrypts with a key asks for the family; the key is the lake's own"),
]  # fmt: skip

# The policies of a resource of Terraform's: where they stand, and whether they are a resource's own, which name who may.
POLICIES = {
    "aws_iam_role_policy": [("policy", False)],
    "aws_iam_policy": [("policy", False)],
    "aws_iam_role": [("assume_role_policy", True), ("inline_policy", False)],
    "aws_iam_user_policy": [("policy", False)],
    "aws_iam_group_policy": [("policy", False)],
    "aws_s3_bucket_policy": [("policy", True)],
    "aws_sqs_queue": [("policy", True)],
    "aws_sqs_queue_policy": [("policy", True)],
    "aws_sns_topic": [("policy", True)],
    "aws_sns_topic_policy": [("policy", True)],
    "aws_kms_key": [("policy", True)],
    "aws_kms_key_policy": [("policy", True)],
    "aws_secretsmanager_secret_policy": [("policy", True)],
    "aws_cloudwatch_log_resource_policy": [("policy_document", True)],
}
ATTACHMENTS = ("aws_iam_role_policy_attachment", "aws_iam_policy_attachment", "aws_iam_user_policy_attachment", "aws_iam_group_policy_attachment")


class Finding(NamedTuple):
    """Something that is too wide."""

    address: str
    statement: str
    problem: str

    def __str__(self) -> str:
        return f"{self.address}, {self.statement}: {self.problem}"


def resources(state: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """All managed resources of a state or of a plan's outcome."""
    values = state.get("planned_values") or state.get("values") or {}
    modules = [values.get("root_module") or {}]
    while modules:
        module = modules.pop()
        modules += module.get("child_modules", [])
        yield from (each for each in module.get("resources", []) if each.get("mode") == "managed")


def own_names(state: dict[str, Any]) -> set[str]:
    """Names that are the lake's alone."""
    kinds = {"aws_s3_bucket": "bucket", "aws_glue_catalog_database": "name", "aws_athena_workgroup": "name"}
    names = set()
    for resource in resources(state):
        values = resource["values"]
        if resource["type"] in kinds:
            names.add(values[kinds[resource["type"]]])
        if lake := (values.get("tags") or {}).get("tarn-lake"):
            names.add(f"tarn-{lake}")
    return names


def findings(state: dict[str, Any], names: set[str]) -> tuple[list[Finding], dict[str, str]]:
    """What is too wide, and the rights that AWS cannot bound with the reason of each."""
    found, unbounded, holders = [], {}, {}
    for resource in resources(state):
        kind, address, values = resource["type"], resource["address"], resource["values"]
        if kind in ATTACHMENTS and re.search(r":iam::aws:policy/", values.get("policy_arn") or ""):
            found.append(Finding(address, "attachment", f"`{values['policy_arn']}` is a policy of AWS's, wider than anything here needs"))
        if kind == "aws_lambda_permission":
            found += _permission(address, values)
        role = values.get({"aws_lambda_function": "role", "aws_sfn_state_machine": "role_arn"}.get(kind, ""))
        if role and role in holders:
            found.append(Finding(address, "role", f"shares `{role}` with {holders[role]}"))
        holders.setdefault(role, address)
        for attribute, is_of_resource in POLICIES.get(kind, []):
            for document in _documents(values.get(attribute)):
                for number, statement in enumerate(_listed(json.loads(document).get("Statement"))):
                    name = statement.get("Sid") or f"statement {number}"
                    if statement.get("Effect") != "Allow":
                        continue
                    if kind == "aws_iam_role" and attribute == "assume_role_policy":
                        found += [Finding(address, name, problem) for problem in _trust(statement)]
                    check = _of_resource(statement, unbounded) if is_of_resource else _of_role(statement, names, unbounded)
                    found += [Finding(address, name, problem) for problem in check]
    return found, unbounded


def _documents(value: Any) -> list[str]:
    """The texts of policies in an attribute: a text, blocks with a `policy`, or nothing."""
    if isinstance(value, list):
        return [block["policy"] for block in value if block.get("policy")]
    return [value] if value else []


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _unnamed(statement: dict[str, Any], those: list[str], unbounded: dict[str, str]) -> Iterator[str]:
    """Actions with a wildcard, but for those that have a reason for all of what they are for, or of who may."""
    for action in _listed(statement.get("Action")):
        if "*" not in action and "?" not in action:
            continue
        reason = next((why for actions, whom, why in UNNAMED if re.fullmatch(actions, action) and all(re.fullmatch(whom, each) for each in those)), None)
        if reason is None:
            yield f"the action `{action}` is not named whole"
        else:
            unbounded[f"{action}, {', '.join(those)}"] = reason
    if "NotAction" in statement:
        yield "`NotAction` allows everything but a few"


def _of_role(statement: dict[str, Any], names: set[str], unbounded: dict[str, str]) -> Iterator[str]:
    yield from _unnamed(statement, _listed(statement.get("Resource")), unbounded)
    if "NotResource" in statement:
        yield "`NotResource` is everything but a few"
    for resource in _listed(statement.get("Resource")):
        if is_own(resource, names):
            continue
        for action in _listed(statement.get("Action")):
            reason = next((why for actions, where, why in UNBOUNDED if re.fullmatch(actions, action) and re.fullmatch(where, resource)), None)
            if reason is None:
                yield f"`{action}` on `{resource}`, which is wider than the lake's own"
            else:
                unbounded[f"{action} on {resource}"] = reason


def is_own(resource: str, names: set[str]) -> bool:
    """Whether an ARN names one of the lake's things, or things below a name of the lake's; account and region are named in any case."""
    parts = resource.split(":", 5)
    if len(parts) < 6 or parts[0] != "arn" or any("*" in part or "?" in part for part in parts[:5]):
        return False
    # Secrets Manager puts six characters of its own behind a secret's name.
    named = parts[5].removesuffix("-??????") if parts[2] == "secretsmanager" else parts[5]
    before = re.split(r"[*?]", named, maxsplit=1)[0]
    if parts[2] == "s3":
        # A bucket's name is a whole one: `shop-lake-of-others` is another bucket.
        return before.split("/")[0] in names and (before == named or "/" in before)
    if before == named:
        return parts[2] not in OWNED or any(re.search(rf"(?:^|[/:]){re.escape(name)}(?:$|[/:-])", named) for name in names)
    # The name must have ended before the wildcard begins: `shop-lake*` is `shop-lake-of-others` too.
    return any(re.search(rf"(?:^|[/:]){re.escape(name)}[/:-]", before) for name in names)


def _of_resource(statement: dict[str, Any], unbounded: dict[str, str]) -> Iterator[str]:
    """Policies of a resource are about itself; what counts is who may."""
    principal = statement.get("Principal")
    who = _listed(principal) if not isinstance(principal, dict) else [each for inner in principal.values() for each in _listed(inner)]
    yield from _unnamed(statement, who, unbounded)
    bounds = {key.lower() for test in (statement.get("Condition") or {}).values() for key in test}
    if "NotPrincipal" in statement:
        yield "`NotPrincipal` allows everybody but a few"
    if "*" in who and not bounds & {"aws:sourcearn", "aws:sourceaccount", "aws:principalarn", "aws:principalaccount", "aws:sourceowner"}:
        yield "everybody may, without a condition on who"


def _trust(statement: dict[str, Any]) -> Iterator[str]:
    """A role is one service's."""
    principal = statement.get("Principal")
    if not isinstance(principal, dict) or set(principal) != {"Service"} or len(_listed(principal["Service"])) != 1:
        yield f"trusts {json.dumps(principal)}, and not one service of AWS"


def _permission(address: str, values: dict[str, Any]) -> Iterator[Finding]:
    if values.get("action") != "lambda:InvokeFunction":
        yield Finding(address, "permission", f"`{values.get('action')}` is more than being called")
    if values.get("principal") == "*" or not (values.get("source_arn") or values.get("source_account")):
        yield Finding(address, "permission", f"everybody at `{values.get('principal')}` may call the function: say the source's ARN")


def text(given: Path | None) -> str:
    """What Terraform shows of a folder, a file of that, or standard input."""
    if given is None:
        return sys.stdin.read()
    if not given.is_dir():
        return given.read_text()
    shown = subprocess.run(["terraform", f"-chdir={given}", "show", "-json"], capture_output=True, text=True, check=False)
    if shown.returncode != 0:
        sys.exit(shown.stderr)
    return shown.stdout


def main() -> None:
    parser = argparse.ArgumentParser(prog="policies.py", description="Fails on policies that are wider than a lake's own things.")
    parser.add_argument("--explain", action="store_true", help="tell the rights that AWS cannot bound, with the reasons")
    parser.add_argument("state", nargs="?", type=Path, help="an applied Terraform folder, or output of `terraform show -json`; standard input when none")
    arguments = parser.parse_args()
    state = json.loads(text(arguments.state))
    names = own_names(state)
    policies = sum(1 for each in resources(state) for attribute, _ in POLICIES.get(each["type"], []) for _ in _documents(each["values"].get(attribute)))
    if policies == 0:
        sys.exit("there is no policy in this state: was anything applied, or planned with values that are known?")
    found, unbounded = findings(state, names)
    if arguments.explain:
        for right, reason in sorted(unbounded.items()):
            print(f"{right}: {reason}")
    for each in found:
        print(each, file=sys.stderr)
    print(f"{policies} policies, {len(found)} too wide, {len(unbounded)} rights that AWS cannot bound")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
