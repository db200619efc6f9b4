"""The same work by other services: what each takes the place of, and what that costs. Arithmetic only."""
from dataclasses import dataclass
from typing import Any

from formulas import Bill, changes, events, gathered, idle, queries, runs
from settings import Settings


@dataclass
class Way:
    """One way to do the work, with its bill when idle, by events and by runs of a month."""

    name: str
    instead_of: str
    idle: Bill
    events: Bill
    runs: Bill

    def month(self) -> float:
        """The whole month at list prices."""
        return self.idle.total() + self.events.total() + self.runs.total()


def ways(settings: Settings, work: dict[str, Any], prices: dict[str, Any]) -> list[Way]:
    """Tarn and the others. All of them keep what watches over them: alarms, dashboard, secrets."""
    made = [Way("Tarn", "", *parts(settings, work, prices))]
    made += [each(settings, work, prices) for each in (glue, airflow, embulk, dbt)]
    return made


def parts(settings: Settings, work: dict[str, Any], prices: dict[str, Any]) -> tuple[Bill, Bill, Bill]:
    """Tarn's own three bills; events are those of streams and tables."""
    month = work["month"]
    incoming = events(settings, work, prices, month["events"])
    incoming.lines += changes(settings, work, prices, month["changes"]).lines
    return idle(settings, prices, month["hours"], month["secrets"]), incoming, runs(settings, work, prices, month["runs"], month["events"])


def without(bill: Bill, *beginnings: str) -> Bill:
    """The bill without lines that begin so."""
    left = Bill(bill.prices)
    left.lines = [line for line in bill.lines if not line.what.startswith(beginnings)]
    return left


def glue(settings: Settings, work: dict[str, Any], prices: dict[str, Any]) -> Way:
    """Spark flattens and converts; Firehose only keeps the raw records; triggers of Glue start the jobs."""
    standing, incoming, _ = parts(settings, work, prices)
    month, others = work["month"], work["others"]
    days = month["hours"] / 24
    arriving = without(incoming, "Firehose: P", "Firehose: p", "Firehose: o", "Lambda", "CloudWatch", "S3: objects")
    size, seconds = month["events"] * work["event"]["bytes"], month["hours_with_events"] * 3600
    arriving.add("S3: raw objects", gathered(size, seconds, 64, 300) if settings.streams else 0, "s3_write")
    dpu_hours = others["glue_workers_dpu"] * max(1, others["glue_flatten_minutes"]) / 60 * others["glue_flatten_jobs_per_day"] * days
    arriving.add("Glue: jobs that flatten", dpu_hours, "glue_dpu_hour")
    crawled = 2 * max(10, others["glue_crawl_minutes"]) / 60 * others["glue_crawls_per_day"] * days
    arriving.add("Glue: crawls", crawled, "glue_crawler_dpu_hour")
    running = Bill(prices)
    dpu_hours = others["glue_workers_dpu"] * max(1, others["glue_model_minutes"]) / 60 * month["runs"]
    running.add("Glue: jobs of models", dpu_hours, "glue_dpu_hour")
    return Way("Glue ETL", "functions, Athena, Step Functions", standing, arriving, running)


def airflow(settings: Settings, work: dict[str, Any], prices: dict[str, Any]) -> Way:
    """Airflow plans and waits; Athena converts; its worker loads the marts."""
    standing, incoming, _ = parts(settings, work, prices)
    month, others = work["month"], work["others"]
    standing.add("MWAA: environment", month["hours"], "mwaa_small_hour")
    standing.add("MWAA: metadata", others["mwaa_database_gb"], "mwaa_database_gb_month")
    standing.add("NAT gateways", others["nat_gateways"] * month["hours"], "nat_gateway_hour")
    running = Bill(prices)
    queries(running, work, month["runs"], month["events"])
    return Way("MWAA", "Step Functions, Scheduler, the functions of a run", standing, incoming, running)


def embulk(settings: Settings, work: dict[str, Any], prices: dict[str, Any]) -> Way:
    """A container per load."""
    standing, incoming, running = parts(settings, work, prices)
    others = work["others"]
    standing.add("ECR: image", others["image_gb"], "image_gb_month")
    running = without(running, "Lambda: calls of loads", "Lambda: time of loads")
    tasks = work["month"]["runs"] * work["run"]["loads"]
    container(running, tasks, others["embulk_minutes"], others["embulk_vcpu"], others["embulk_gb"])
    return Way("ECS + Embulk", "mart-load", standing, incoming, running)


def dbt(settings: Settings, work: dict[str, Any], prices: dict[str, Any]) -> Way:
    """A container that plans, sends statements to Athena and waits for them; marts are loaded as by Tarn."""
    standing, incoming, running = parts(settings, work, prices)
    others, month = work["others"], work["month"]
    standing.add("ECR: image", others["image_gb"], "image_gb_month")
    running = without(running, "Step Functions: transitions of models", "Lambda: calls of steps", "Lambda: time of steps", "CloudWatch", "S3: requests")
    container(running, month["runs"], others["dbt_minutes"], others["dbt_vcpu"], others["dbt_gb"])
    return Way("dbt on ECS", "workflow-plan, athena-ctas, Step Functions of models", standing, incoming, running)


def container(bill: Bill, tasks: float, minutes: float, vcpu: float, gigabytes: float) -> None:
    """Tasks on Fargate, arm64, each with a public address instead of a NAT gateway."""
    hours = tasks * max(1, minutes) / 60
    bill.add("Fargate: processors", hours * vcpu, "fargate_vcpu_hour")
    bill.add("Fargate: memory", hours * gigabytes, "fargate_gb_hour")
    bill.add("public addresses", hours, "public_address_hour")

