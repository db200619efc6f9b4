"""Puts a lake's run into the account without Terraform: bucket, database, workgroup, functions and state machines.

`python -m account.deploy --endpoint URL --lake shop --bucket shop-lake --programs target/release --machines statemachines`
"""
import argparse
import io
import json
import zipfile
from pathlib import Path
from typing import Any

ROLE = "tarn"
EXPORT_KEY = "arn:aws:kms:us-east-1:123456789012:key/00000000-0000-0000-0000-000000000000"
TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": ["lambda.amazonaws.com", "states.amazonaws.com"]}, "Action": "sts:AssumeRole"}],
}


def client(endpoint: str, service: str) -> Any:
    """A client of the AWS SDK."""
    import boto3

    return boto3.client(
        service, endpoint_url=endpoint, region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test"
    )


def zipped(program: Path) -> bytes:
    """A deployment package with the program as its `bootstrap`."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        entry = zipfile.ZipInfo("bootstrap")
        entry.external_attr = 0o755 << 16
        archive.writestr(entry, program.read_bytes())
    return packed.getvalue()


def deploy(
    endpoint: str, lake: str, bucket: str, programs: Path, machines: Path, environment: dict[str, str], marts: list[list[str]]
) -> None:
    """Makes what a run needs; names are those that the program expects by default. Marts have a name, an address and a secret."""
    role = _role(endpoint)
    client(endpoint, "s3").create_bucket(Bucket=bucket)
    client(endpoint, "glue").create_database(DatabaseInput={"Name": f"tarn_{lake}"})
    # A group that insists on its own place refuses tables at places of their own, which is what runs make.
    results = {"ResultConfiguration": {"OutputLocation": f"s3://{bucket}/results/"}, "EnforceWorkGroupConfiguration": False}
    client(endpoint, "athena").create_work_group(Name=f"tarn-{lake}", Configuration=results)
    variables = {
        "TARN_BUCKET": bucket, "TARN_DATABASE": f"tarn_{lake}", "TARN_WORKGROUP": f"tarn-{lake}",
        "AWS_ENDPOINT_URL": endpoint, "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_REGION": "us-east-1", **environment,
    }  # fmt: skip
    functions = client(endpoint, "lambda")
    states = client(endpoint, "stepfunctions")

    def function(program: str, name: str, own: dict[str, str]) -> str:
        made = functions.create_function(
            FunctionName=f"tarn-{lake}-{name}", Runtime="provided.al2023", Role=role, Handler="bootstrap",
            Code={"ZipFile": zipped(programs / program)}, Timeout=300, MemorySize=512, Environment={"Variables": {**variables, **own}},
        )  # fmt: skip
        return made["FunctionArn"]

    def machine(file: str, name: str, values: dict[str, str]) -> str:
        definition = (machines / f"{file}.asl.json").read_text()
        for placeholder, value in values.items():
            definition = definition.replace(f"${{{placeholder}}}", value)
        return states.create_state_machine(name=f"tarn-{lake}-{name}", definition=definition, roleArn=role)["stateMachineArn"]

    loads = f"arn:aws:states:us-east-1:123456789012:stateMachine:tarn-{lake}-mart-load"
    for mart, url, secret in marts:
        own = {"TARN_MART": mart, "TARN_MART_URL": url, "TARN_MART_SECRET": secret}
        machine("mart-load", f"mart-load-{mart}", {"mart_load": function("mart-load", f"mart-load-{mart}", own)})
    made = function("athena-ctas", "athena-ctas", {})
    model = machine("model", "model", {"athena_ctas": made, "mart_load_machine": loads})
    plan = function("workflow-plan", "workflow-plan", {})
    workflow = machine("workflow", "workflow", {"workflow_plan": plan, "model": model})
    machine("backfill", "backfill", {"workflow_plan": plan, "workflow": workflow, "athena_ctas": made, "mart_load_machine": loads})
    register = function("snapshot-register", "snapshot-register", {})
    raw = {"raw_bucket": environment.get("TARN_RAW_BUCKET", bucket), "export_role": role, "export_key": EXPORT_KEY}
    machine("aurora-export", "aurora-export", {"snapshot_register": register, **raw})


def _role(endpoint: str) -> str:
    """The one role of everything here; who may do what is not what is tried."""
    iam = client(endpoint, "iam")
    try:
        return iam.create_role(RoleName=ROLE, AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"]
    except iam.exceptions.EntityAlreadyExistsException:
        return iam.get_role(RoleName=ROLE)["Role"]["Arn"]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m account.deploy", description="Puts a lake's run into the stand-in account.")
    parser.add_argument("--endpoint", required=True)
    parser.add_argument("--lake", required=True)
    parser.add_argument("--bucket", required=True)
    parser.add_argument("--programs", required=True, type=Path)
    parser.add_argument("--machines", required=True, type=Path)
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="a variable of the functions' environment")
    parser.add_argument("--mart", action="append", default=[], nargs=3, metavar=("NAME", "URL", "SECRET"), help="a mart that is loaded")
    arguments = parser.parse_args()
    environment = dict(each.split("=", 1) for each in arguments.set)
    deploy(arguments.endpoint, arguments.lake, arguments.bucket, arguments.programs, arguments.machines, environment, arguments.mart)


if __name__ == "__main__":
    main()
