"""From settings, work and prices to lines of a bill. Everything here is arithmetic; nothing is read."""
import math
from dataclasses import dataclass
from typing import Any

from settings import Function, Settings, Stream

GB = 2**30
MB = 2**20
# Firehose rounds each record up to this.
RECORD_STEP = 5 * 1024
# Athena bills at least this much a statement that reads.
LEAST_SCAN = 10 * 1000**2


@dataclass
class Line:
    """One line of a bill: how much of what, and what that costs."""

    what: str
    quantity: float
    price: str
    amount: float
    free: float = 0.0


class Bill:
    """Lines at the prices of a list. With `free`, allowances that do not end are taken off."""

    def __init__(self, prices: dict[str, Any]):
        self.prices = prices
        self.lines: list[Line] = []

    def add(self, what: str, quantity: float, price: str) -> None:
        """Adds a line, unless it is of nothing."""
        if quantity > 0:
            entry = self.prices[price]
            self.lines.append(Line(what, quantity, price, quantity * entry["amount"], entry.get("free", 0)))

    def total(self) -> float:
        """The sum at list prices."""
        return sum(line.amount for line in self.lines)

    def total_after_free(self) -> float:
        """The sum where the account uses its free allowances for nothing else."""
        quantities: dict[str, float] = {}
        for line in self.lines:
            quantities[line.price] = quantities.get(line.price, 0) + line.quantity
        return sum(
            max(0.0, quantity - self.prices[price].get("free", 0)) * self.prices[price]["amount"] for price, quantity in quantities.items()
        )


def idle(settings: Settings, prices: dict[str, Any], hours: float, own_secrets: float = 0) -> Bill:
    """A month in which nothing arrives and nothing runs."""
    bill = Bill(prices)
    bill.add("alarms", settings.alarm_metrics, "alarm_month")
    bill.add("composite alarms", settings.composite_alarms, "composite_alarm_month")
    bill.add("dashboards", settings.dashboards, "dashboard_month")
    bill.add("keys of one's own", settings.keys, "key_month")
    bill.add("secrets", settings.secrets + own_secrets, "secret_month")
    bill.add("interface endpoints", settings.interface_endpoints * hours, "interface_endpoint_hour")
    bill.add("NAT gateways", settings.nat_gateways * hours, "nat_gateway_hour")
    return bill


def events(settings: Settings, work: dict[str, Any], prices: dict[str, Any], count: float) -> Bill:
    """A month's events through the first stream that is deployed."""
    bill = Bill(prices)
    if not settings.streams or count <= 0:
        return bill
    stream, event, month = settings.streams[0], work["event"], work["month"]
    size = count * event["bytes"]
    records = count / event["per_record"]
    taken_in = records * math.ceil(event["bytes"] * event["per_record"] / RECORD_STEP) * RECORD_STEP / GB
    bill.add("Firehose: taken in, by 5 KB a record", taken_in, "firehose_gb")
    if stream.converts:
        bill.add("Firehose: Parquet", taken_in, "firehose_conversion_gb")
    seconds = month["hours_with_events"] * 3600
    objects = gathered(size, seconds, stream.buffer_mb, stream.buffer_seconds)
    if stream.partitions:
        objects *= 1 + month["days_late"]
        bill.add("Firehose: partitions by day", size / GB, "firehose_partitioning_gb")
        bill.add("Firehose: objects of partitions", objects, "firehose_partitioning_object")
    kept = gathered(size, seconds, stream.backup_mb, stream.backup_seconds) if stream.backup_mb else 0
    bill.add("S3: objects written", objects + kept, "s3_write")
    if stream.transforms:
        transform(bill, settings, work, stream, size, seconds)
    bill.add("S3: a month's rows as Parquet", size * event["parquet"] / GB, "s3_gb_month")
    if kept:
        bill.add("S3: a month's raw records, gzip", size * event["gzip"] / GB, "s3_gb_month")
    return bill


def transform(bill: Bill, settings: Settings, work: dict[str, Any], stream: Stream, size: float, seconds: float) -> None:
    """The function that a stream calls for every batch."""
    batches = gathered(size, seconds, stream.batch_mb, stream.batch_seconds)
    functions = [each for each in settings.kinds("firehose-transform") if each.name.endswith(stream.name.rpartition("-")[2])]
    for function in functions[:1] or settings.kinds("firehose-transform")[:1]:
        flattening(bill, work, function, batches, size)
    bill.add("CloudWatch: metrics of the function", work["event"]["metrics_of_transform"] * share_of_month(work), "metric_month")


def flattening(bill: Bill, work: dict[str, Any], function: Function, calls: float, size: float) -> None:
    """Calls of a function that flattens so many bytes."""
    pace = work["function"]
    speed = pace["mb_per_second"] * MB * min(1.0, function.memory_mb / pace["full_core_mb"])
    time = size / speed + calls * pace["milliseconds_per_call"] / 1000
    bill.add(f"Lambda: calls of {function.kind}", calls, "lambda_request")
    bill.add(f"Lambda: time of {function.kind}", time * function.memory_mb / 1024, f"lambda_gb_second_{function.architecture}")
    bill.add(f"CloudWatch: log of {function.kind}", calls * pace["log_bytes_per_call"] / GB, "log_gb")


def changes(settings: Settings, work: dict[str, Any], prices: dict[str, Any], count: float) -> Bill:
    """A month's changes of a DynamoDB table; reading its stream costs a function nothing."""
    bill = Bill(prices)
    size = count * work["event"]["change_bytes"]
    calls = count / work["function"]["changes_per_call"]
    present = [each for kind in ("dynamodb-capture", "dynamodb-flatten") for each in settings.kinds(kind)[:1]]
    if not present or count <= 0:
        return bill
    for function in present:
        flattening(bill, work, function, calls, size)
    # Raw, rows and the list of what was made; the raw object and the list are read.
    bill.add("S3: objects written", 3 * calls, "s3_write")
    bill.add("S3: objects read", 2 * calls, "s3_read")
    bill.add("S3: a month's rows and raw changes", size * (work["event"]["parquet"] + work["event"]["gzip"]) / GB, "s3_gb_month")
    bill.add("CloudWatch: metrics of both functions", work["event"]["metrics_of_tables"] * share_of_month(work), "metric_month")
    return bill


def runs(settings: Settings, work: dict[str, Any], prices: dict[str, Any], count: float, month_events: float) -> Bill:
    """A month's runs of the sample's nightly models, with their loads where a mart is deployed."""
    bill, run = Bill(prices), work["run"]
    loads = run["loads"] if settings.kinds("mart-load") else 0
    bill.add("Scheduler", count, "scheduler_invocation")
    bill.add("Step Functions: transitions of models", count * run["transitions"], "step_functions_transition")
    bill.add("Step Functions: transitions of loads", count * loads * run["transitions_per_load"], "step_functions_transition")
    for function in settings.kinds("athena-ctas")[:1]:
        time = run["calls"] * run["seconds_per_call"] * function.memory_mb / 1024
        bill.add("Lambda: calls of steps", count * run["calls"], "lambda_request")
        bill.add("Lambda: time of steps", count * time, f"lambda_gb_second_{function.architecture}")
    for function in settings.kinds("mart-load")[:1]:
        time = loads * run["seconds_per_load"] * function.memory_mb / 1024
        bill.add("Lambda: calls of loads", count * loads * run["calls_per_load"], "lambda_request")
        bill.add("Lambda: time of loads", count * time, f"lambda_gb_second_{function.architecture}")
    for function in settings.kinds("query-cost")[:1]:
        told = count * run["queries_told"]
        bill.add("Lambda: calls of query-cost", told, "lambda_request")
        time = told * run["seconds_per_told_query"] * function.memory_mb / 1024
        bill.add("Lambda: time of query-cost", time, f"lambda_gb_second_{function.architecture}")
    hours = work["month"]["hours"]
    bill.add("CloudWatch: metrics in hours of runs", run["metrics"] * min(count, hours) / hours, "metric_month")
    queries(bill, work, count, month_events)
    bill.add("S3: requests that write or list", count * run["s3_writes"], "s3_write")
    bill.add("S3: requests that read", count * run["s3_reads"], "s3_read")
    return bill


def queries(bill: Bill, work: dict[str, Any], count: float, month_events: float) -> None:
    """What Athena reads in so many runs."""
    run = work["run"]
    by_statement = run["scanned_bytes_per_event"] * month_events / run["statements"]
    bill.add("Athena", count * run["statements"] * max(LEAST_SCAN, by_statement) / 1e12, "athena_tb")


def gathered(size: float, seconds: float, megabytes: float, interval: float) -> float:
    """How many objects come of bytes that are gathered up to a size or a time, whichever is first."""
    return max(size / (megabytes * MB), seconds / interval)


def share_of_month(work: dict[str, Any]) -> float:
    """The share of a month's hours in which something arrives."""
    return work["month"]["hours_with_events"] / work["month"]["hours"]
