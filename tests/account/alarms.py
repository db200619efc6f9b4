"""CloudWatch's alarms on what this account counts itself: functions, executions, queues, and the metrics in the log lines of functions.

Twice a second each alarm is looked at, as its operator, statistic, periods and threshold say; where it changes its state, its topic gets the
message that CloudWatch sends. Time passes by the account's clock: where that is fast, each minute since the last look is looked at. A new alarm
is `INSUFFICIENT_DATA` and told as `OK` at its first look, as on AWS. What nobody counts here, e.g. how late a stream is, has no data.
"""
import ast
import datetime
import json
import math
import operator
import sys
import threading
import time
import traceback
from typing import Any, Callable

from account.clock import CLOCK

_LOOK = 0.5
# How far apart the moments are at most that are looked at, in the account's seconds; and how many of them at once at most.
_STEP, _STEPS = 60.0, 100
_BREACHES: dict[str, Callable[[float, float], bool]] = {
    "GreaterThanThreshold": operator.gt, "GreaterThanOrEqualToThreshold": operator.ge,
    "LessThanThreshold": operator.lt, "LessThanOrEqualToThreshold": operator.le,
}  # fmt: skip
_STATISTICS: dict[str, Callable[[list[float]], float]] = {
    "Sum": sum, "Maximum": max, "Minimum": min, "SampleCount": len, "Average": lambda values: sum(values) / len(values),
}  # fmt: skip


class Metrics:
    """What was counted, by namespace, name and dimensions."""

    def __init__(self) -> None:
        self._values: dict[tuple[Any, ...], list[tuple[float, float]]] = {}
        self._lock = threading.Lock()

    def count(self, namespace: str, name: str, dimensions: dict[str, str], value: float = 1) -> None:
        """Adds a value."""
        with self._lock:
            self._values.setdefault((namespace, name, frozenset(dimensions.items())), []).append((CLOCK.now(), value))

    def count_line(self, line: str) -> None:
        """Adds the metrics of a log line in the embedded metric format."""
        if '"_aws"' not in line:
            return
        try:
            said = json.loads(line)
            for metrics in said["_aws"]["CloudWatchMetrics"]:
                for names in metrics["Dimensions"]:
                    dimensions = {name: str(said[name]) for name in names}
                    for metric in metrics["Metrics"]:
                        self.count(metrics["Namespace"], metric["Name"], dimensions, float(said[metric["Name"]]))
        except (ValueError, KeyError, TypeError):
            return

    def between(self, namespace: str, name: str, dimensions: dict[str, str], begin: float, end: float) -> list[float]:
        """The values of a stretch of time."""
        with self._lock:
            known = list(self._values.get((namespace, name, frozenset(dimensions.items())), []))
        return [value for moment, value in known if begin < moment <= end]


METRICS = Metrics()


def _look_for_ever() -> None:
    while True:
        time.sleep(_LOOK)
        try:
            _look_at_all()
        except Exception:  # what fails once must not silence alarms for good
            traceback.print_exc(file=sys.stderr)


def _look_at_all() -> None:
    from moto.cloudwatch.models import cloudwatch_backends

    for account_id, regions in list(cloudwatch_backends.items()):
        for region, backend in list(regions.items()):
            for alarm in list(backend.alarms.values()):
                try:
                    _look(account_id, region, alarm, CLOCK.now())
                except Exception:  # one that cannot be looked at must not silence the others
                    print(f"alarm {alarm.name}: {traceback.format_exc()}", file=sys.stderr)


def _look(account_id: str, region: str, alarm: Any, now: float) -> None:
    """Brings one alarm up to date."""
    if not hasattr(alarm, "since"):
        alarm.state_value, alarm.since, alarm.seen = "INSUFFICIENT_DATA", now, now
    steps = min(max(1, math.ceil((now - alarm.seen) / _STEP)), _STEPS)
    for step in range(steps - 1, -1, -1):
        _look_at(account_id, region, alarm, max(now - step * _STEP, alarm.seen))
    alarm.seen = now


def _look_at(account_id: str, region: str, alarm: Any, now: float) -> None:
    """The alarm's state at a moment."""
    wanted = alarm.evaluation_periods
    points = [_point(account_id, region, alarm, now - number * _period(alarm)) for number in range(wanted)]
    breaches = _BREACHES[alarm.comparison_operator]
    bad = sum(alarm.treat_missing_data == "breaching" if point is None else breaches(point, alarm.threshold) for point in points)
    if bad >= (alarm.datapoints_to_alarm or wanted):
        said = [point for point in points if point is not None]
        _change(account_id, region, alarm, "ALARM", f"Threshold Crossed: {bad} out of the last {wanted} datapoints {said} was beyond the threshold ({alarm.threshold}).")
    else:
        _change(account_id, region, alarm, "OK", "Threshold Crossed: no datapoints were received, or all were within the threshold.")


def _period(alarm: Any) -> float:
    """The length of its periods, which all metrics of an alarm share."""
    if not alarm.metric_data_queries:
        return float(alarm.period)
    return float(next(query.metric_stat.period for query in alarm.metric_data_queries if not query.expression))


def _point(account_id: str, region: str, alarm: Any, end: float) -> float | None:
    """The value of the period that ends at a moment; None without data."""
    begin = max(end - _period(alarm), alarm.since)
    if not alarm.metric_data_queries:
        return _value(account_id, region, alarm.namespace, alarm.metric_name, alarm.dimensions, alarm.statistic, begin, end)
    values: dict[str, float | None] = {}
    expression = ""
    for query in alarm.metric_data_queries:
        if query.expression:
            expression = query.expression
            continue
        stat, metric = query.metric_stat, query.metric_stat.metric
        values[query.id] = _value(account_id, region, metric.namespace, metric.metric_name, metric.dimensions, stat.stat, begin, end)
    return _calculated(ast.parse(expression, mode="eval").body, values)


def _value(account_id: str, region: str, namespace: str, name: str, dimensions: Any, statistic: str, begin: float, end: float) -> float | None:
    named = {each.name: each.value for each in dimensions}
    if (namespace, name) == ("AWS/SQS", "ApproximateNumberOfMessagesVisible"):
        return _visible(account_id, region, named["QueueName"])
    values = METRICS.between(namespace, name, named, begin, end)
    return _STATISTICS[statistic](values) if values else None


def _visible(account_id: str, region: str, queue: str) -> float | None:
    from moto.sqs.models import sqs_backends

    found = sqs_backends[account_id][region].queues.get(queue)
    return float(found.approximate_number_of_messages) if found else None


def _calculated(node: ast.expr, values: dict[str, float | None]) -> float | None:
    """Metric math as alarms here use it: sums, and FILL with a number."""
    if isinstance(node, ast.Name):
        return values[node.id]
    if isinstance(node, ast.Constant):
        return float(node.value)  # type: ignore[arg-type]
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        left, right = _calculated(node.left, values), _calculated(node.right, values)
        return None if left is None or right is None else left + right
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "FILL":
        found = _calculated(node.args[0], values)
        return found if found is not None else _calculated(node.args[1], values)
    raise ValueError(f"metric math that the stand-in account does not know: {ast.unparse(node)}")


def _change(account_id: str, region: str, alarm: Any, state: str, reason: str) -> None:
    before = alarm.state_value
    if state == before:
        return
    alarm.update_state(reason, "{}", state)
    actions = {"ALARM": alarm.alarm_actions, "OK": alarm.ok_actions, "INSUFFICIENT_DATA": alarm.insufficient_data_actions}[state]
    if not alarm.actions_enabled or not actions:
        return
    moment = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "+0000")
    message = json.dumps({
        "AlarmName": alarm.name, "AlarmDescription": alarm.description, "AWSAccountId": account_id, "AlarmConfigurationUpdatedTimestamp": moment,
        "NewStateValue": state, "NewStateReason": reason, "StateChangeTime": moment, "Region": region, "AlarmArn": alarm.alarm_arn,
        "OldStateValue": before, "OKActions": alarm.ok_actions, "AlarmActions": alarm.alarm_actions,
        "InsufficientDataActions": alarm.insufficient_data_actions,
        "Trigger": _trigger(alarm),
    })  # fmt: skip
    for topic in actions:
        threading.Thread(target=_publish, args=(account_id, topic, message, f'{state}: "{alarm.name}"'), daemon=True).start()


def _trigger(alarm: Any) -> dict[str, Any]:
    def metric(each: Any) -> dict[str, Any]:
        dimensions = [{"name": dimension.name, "value": dimension.value} for dimension in each.dimensions or []]
        return {"Namespace": each.namespace, "MetricName": each.metric_name, "Dimensions": dimensions}

    if not alarm.metric_data_queries:
        return {**metric(alarm), "Statistic": alarm.statistic, "Period": alarm.period, "Threshold": alarm.threshold}
    parts = []
    for query in alarm.metric_data_queries:
        stat = query.metric_stat
        own = {"Expression": query.expression} if query.expression else {"MetricStat": {"Metric": metric(stat.metric), "Period": stat.period, "Stat": stat.stat}}
        parts.append({"Id": query.id, **own, "ReturnData": bool(query.expression)})
    return {"Metrics": parts, "Threshold": alarm.threshold}


def _publish(account_id: str, topic: str, message: str, subject: str) -> None:
    from moto.sns.models import sns_backends

    sns_backends[account_id][topic.split(":")[3]].publish(message, arn=topic, subject=subject[:100])


def mend() -> None:
    """Alarms that ring, and topics whose functions hear of it as they do on AWS: later, and again after an error."""
    from moto.awslambda.models import LambdaBackend

    from account import functions

    def send(self: Any, function_name: str, message: str, subject: str | None = None, qualifier: str | None = None) -> None:
        function = self._lambdas.get_function_by_name_or_arn_with_qualifier(function_name, qualifier)
        said = {"Type": "Notification", "MessageId": str(time.time_ns()), "TopicArn": "", "Subject": subject, "Message": message, "MessageAttributes": {}}
        functions.invoke_later(function, {"Records": [{"EventSource": "aws:sns", "EventVersion": "1.0", "EventSubscriptionArn": "", "Sns": said}]})

    LambdaBackend.send_sns_message = send
    threading.Thread(target=_look_for_ever, daemon=True).start()
