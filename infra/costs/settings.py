"""What is deployed, as far as it costs something: read from `terraform show -json` of a plan or a state."""
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Iterator

FUNCTIONS = [
    "firehose-transform", "dynamodb-capture", "dynamodb-flatten", "workflow-plan", "athena-ctas", "mart-load", "query-cost", "snapshot-register",
]  # fmt: skip


@dataclass
class Function:
    """A Lambda function: its kind, its memory, the processor it runs on."""

    name: str
    kind: str
    memory_mb: int
    architecture: str


@dataclass
class Stream:
    """A Firehose stream: what it does to records and how long it gathers them."""

    name: str
    buffer_mb: int
    buffer_seconds: int
    converts: bool
    partitions: bool
    transforms: bool
    backup_mb: int = 0
    backup_seconds: int = 0
    batch_mb: float = 1.0
    batch_seconds: int = 60


@dataclass
class Settings:
    """Everything that is deployed and billed."""

    functions: list[Function] = field(default_factory=list)
    streams: list[Stream] = field(default_factory=list)
    alarm_metrics: int = 0
    composite_alarms: int = 0
    dashboards: int = 0
    keys: int = 0
    secrets: int = 0
    interface_endpoints: int = 0
    nat_gateways: int = 0
    schedules: int = 0
    tables: int = 0

    def kinds(self, kind: str) -> list[Function]:
        """The functions of a kind."""
        return [each for each in self.functions if each.kind == kind]

    def dump(self) -> str:
        """As JSON, to be read again by `load`."""
        return json.dumps(asdict(self), indent=2, sort_keys=True) + "\n"


def load(path: Path) -> Settings:
    """Settings that `dump` wrote, or a plan or state of Terraform as JSON."""
    read = json.loads(path.read_text())
    if "planned_values" in read or "values" in read or "format_version" in read:
        return of_terraform(read)
    functions = [Function(**each) for each in read.pop("functions")]
    streams = [Stream(**each) for each in read.pop("streams")]
    return Settings(functions=functions, streams=streams, **read)


def of_terraform(shown: dict[str, Any]) -> Settings:
    """The settings in the answer of `terraform show -json`, of a plan as of a state."""
    values = shown.get("planned_values") or shown.get("values") or {}
    settings = Settings()
    for resource in resources(values.get("root_module", {})):
        take(settings, resource["type"], resource.get("values", {}))
    settings.functions.sort(key=lambda each: each.name)
    settings.streams.sort(key=lambda each: each.name)
    return settings


def resources(module: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """All resources of a module and of those within; what is only read is left out."""
    for resource in module.get("resources", []):
        if resource.get("mode", "managed") == "managed":
            yield resource
    for child in module.get("child_modules", []):
        yield from resources(child)


def take(settings: Settings, kind: str, values: dict[str, Any]) -> None:
    """Adds one resource."""
    counted = {
        "aws_cloudwatch_composite_alarm": "composite_alarms",
        "aws_cloudwatch_dashboard": "dashboards",
        "aws_kms_key": "keys",
        "aws_secretsmanager_secret": "secrets",
        "aws_nat_gateway": "nat_gateways",
        "aws_scheduler_schedule": "schedules",
        "aws_glue_catalog_table": "tables",
    }
    if kind in counted:
        setattr(settings, counted[kind], getattr(settings, counted[kind]) + 1)
    elif kind == "aws_cloudwatch_metric_alarm":
        metrics = [query for query in values.get("metric_query") or [] if query.get("metric")]
        settings.alarm_metrics += len(metrics) or 1
    elif kind == "aws_vpc_endpoint" and values.get("vpc_endpoint_type") == "Interface":
        settings.interface_endpoints += len(values.get("subnet_ids") or []) or 1
    elif kind == "aws_lambda_function":
        settings.functions.append(function(values))
    elif kind == "aws_kinesis_firehose_delivery_stream":
        settings.streams.append(stream(values))


def function(values: dict[str, Any]) -> Function:
    """A function by its resource."""
    name = values["function_name"]
    kind = next((each for each in FUNCTIONS if f"-{each}-" in f"{name}-"), "other")
    return Function(name, kind, values.get("memory_size") or 128, (values.get("architectures") or ["x86_64"])[0])


def stream(values: dict[str, Any]) -> Stream:
    """A stream by its resource; Firehose gathers 5 MB or 300 seconds where nothing else is said."""
    target = (values.get("extended_s3_configuration") or [{}])[0]
    processing = (target.get("processing_configuration") or [{}])[0]
    processors = processing.get("processors") or [] if processing.get("enabled") else []
    parameters = {
        each["parameter_name"]: each["parameter_value"]
        for processor in processors
        if processor.get("type") == "Lambda"
        for each in processor.get("parameters") or []
        if "parameter_value" in each
    }
    backup = (target.get("s3_backup_configuration") or [{}])[0] if target.get("s3_backup_mode") == "Enabled" else {}
    return Stream(
        name=values["name"],
        buffer_mb=target.get("buffering_size") or 5,
        buffer_seconds=target.get("buffering_interval") or 300,
        converts=any(each.get("enabled", True) for each in target.get("data_format_conversion_configuration") or []),
        partitions=any(each.get("enabled") for each in target.get("dynamic_partitioning_configuration") or []),
        transforms=any(processor.get("type") == "Lambda" for processor in processors),
        backup_mb=(backup.get("buffering_size") or 5) if backup else 0,
        backup_seconds=(backup.get("buffering_interval") or 300) if backup else 0,
        batch_mb=float(parameters.get("BufferSizeInMBs", 1)),
        batch_seconds=int(parameters.get("BufferIntervalInSeconds", 60)),
    )
