"""What is in an account: all that a deployment makes, by kind and name, so that a test can see what a destroyed one has left."""
import json
from typing import Any, Callable, Iterable, Iterator


def of_lake(lake: str, buckets: Iterable[str], client: Callable[[str], Any]) -> list[str]:
    """Everything in the account that bears the lake's name, and its buckets; `client` makes a client of a service."""
    names, known = (f"tarn-{lake}", f"tarn_{lake}"), set(buckets)
    return sorted(found for found in everything(client) if any(name in found for name in names) or found.removeprefix("bucket ") in known)


def everything(client: Callable[[str], Any]) -> Iterator[str]:
    """Each thing as kind and name, or kind and what it is."""
    simple = [
        ("s3", "list_buckets", "Buckets", "Name", "bucket"),
        ("lambda", "list_functions", "Functions", "FunctionName", "function"),
        ("lambda", "list_event_source_mappings", "EventSourceMappings", "FunctionArn", "mapping of"),
        ("stepfunctions", "list_state_machines", "stateMachines", "name", "state machine"),
        ("logs", "describe_log_groups", "logGroups", "logGroupName", "log group"),
        ("events", "list_rules", "Rules", "Name", "rule"),
        ("scheduler", "list_schedule_groups", "ScheduleGroups", "Name", "schedule group"),
        ("scheduler", "list_schedules", "Schedules", "GroupName", "schedule in"),
        ("sqs", "list_queues", "QueueUrls", None, "queue"),
        ("sns", "list_topics", "Topics", "TopicArn", "topic"),
        ("sns", "list_subscriptions", "Subscriptions", "TopicArn", "subscription of"),
        ("firehose", "list_delivery_streams", "DeliveryStreamNames", None, "delivery stream"),
        ("glue", "get_crawlers", "Crawlers", "Name", "crawler"),
        ("athena", "list_work_groups", "WorkGroups", "Name", "workgroup"),
        ("cloudwatch", "describe_alarms", "MetricAlarms", "AlarmName", "alarm"),
        ("cloudwatch", "list_dashboards", "DashboardEntries", "DashboardName", "dashboard"),
        ("iam", "list_roles", "Roles", "RoleName", "role"),
        ("iam", "list_policies", "Policies", "PolicyName", "policy"),
        ("kms", "list_aliases", "Aliases", "AliasName", "alias of a key"),
        ("lakeformation", "list_resources", "ResourceInfoList", "ResourceArn", "registered place"),
        ("lakeformation", "list_permissions", "PrincipalResourcePermissions", None, "grant"),
        ("lakeformation", "list_lf_tags", "LFTags", "TagKey", "tag"),
    ]
    for service, operation, list_name, name, kind in simple:
        for each in _all(client(service), operation, list_name):
            yield f"{kind} {each[name] if name else each if isinstance(each, str) else json.dumps(each, default=str)}"
    glue = client("glue")
    for database in _all(glue, "get_databases", "DatabaseList"):
        yield f"database {database['Name']}"
        yield from (f"table {database['Name']}.{table['Name']}" for table in _all(glue, "get_tables", "TableList", DatabaseName=database["Name"]))
    account = client("sts").get_caller_identity()["Account"]
    yield from (f"budget {each['BudgetName']}" for each in _all(client("budgets"), "describe_budgets", "Budgets", AccountId=account))


def _all(client: Any, operation: str, list_name: str, **asked: Any) -> Iterator[Any]:
    """The pages of a list, where it has pages."""
    if client.can_paginate(operation):
        for page in client.get_paginator(operation).paginate(**asked):
            yield from page.get(list_name) or []
    else:
        yield from getattr(client, operation)(**asked).get(list_name) or []
