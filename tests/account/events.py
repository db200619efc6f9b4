"""Events between services: EventBridge's rules, notifications of S3, and the queues to which they go."""
import json
import threading
import time
import uuid
from typing import Any


def publish(account_id: str, region: str, event: dict[str, Any]) -> None:
    """Sends an event to the rules of the default bus, without waiting for their targets."""
    threading.Thread(target=_publish, args=(account_id, region, event), daemon=True).start()


def _publish(account_id: str, region: str, event: dict[str, Any]) -> None:
    from moto.events.models import events_backends

    bus = events_backends[account_id][region].event_buses["default"]
    for rule in list(bus.rules.values()):
        if rule.state == "ENABLED" and rule.event_pattern and rule.event_pattern.get_pattern():
            rule.send_to_targets(event)


def send_to_queue(account_id: str, arn: str, message: str) -> None:
    """Puts a message into an SQS queue."""
    from moto.sqs.models import sqs_backends

    sqs_backends[account_id][arn.split(":")[3]].send_message(queue_name=arn.split(":")[-1], message_body=message)


def target_input(target: dict[str, Any], event: dict[str, Any]) -> Any:
    """What a rule's target gets: its own text, a part of the event, what its template makes of it, or the event."""
    from moto.events.models import EventTemplateParser

    if target.get("Input"):
        return json.loads(target["Input"])
    if target.get("InputPath"):
        value: Any = event
        for part in target["InputPath"].removeprefix("$").strip(".").split("."):
            value = value[part] if part else value
        return value
    transformer = target.get("InputTransformer")
    if transformer:
        return EventTemplateParser.parse(
            input_template=transformer.get("InputTemplate"), input_paths_map=transformer.get("InputPathsMap", {}), event=event
        )
    return event


def start_execution(account_id: str, arn: str, given: Any, name: str | None = None) -> None:
    """Starts a state machine."""
    from moto.stepfunctions.responses import get_backend

    get_backend(account_id, arn.split(":")[3]).start_execution(arn, name, json.dumps(given))


def _send_to_targets(self: Any, event: dict[str, Any], transform_input: bool = True) -> None:
    """A rule's targets that are functions and state machines, which moto does not know, and then the others."""
    if not self.event_pattern.matches_event(event):
        return
    from moto.awslambda.utils import get_backend

    from account import functions

    moment = event.get("time")
    if isinstance(moment, (int, float)):
        # Receivers insist on the text that AWS sends.
        moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(moment))
    said = {**event, "time": moment} if moment else event
    others = []
    for target in list(self.targets):
        service = target["Arn"].split(":")[2]
        if service == "lambda":
            try:
                function = get_backend(self.account_id, target["Arn"].split(":")[3]).get_function(target["Arn"])
            except Exception:  # a rule may outlive its function
                continue
            functions.invoke_later(function, target_input(target, said))
        elif service == "states":
            start_execution(self.account_id, target["Arn"], target_input(target, said))
        elif service == "sqs":
            send_to_queue(self.account_id, target["Arn"], json.dumps(target_input(target, said)))
        elif service == "sns":
            from moto.sns.models import sns_backends

            given = target_input(target, said)
            sns_backends[self.account_id][target["Arn"].split(":")[3]].publish(given if isinstance(given, str) else json.dumps(given), arn=target["Arn"])
        else:
            others.append(target)
    if others:
        known, self.targets = self.targets, others
        try:
            _MOTOS_SEND[0](self, event, transform_input)
        finally:
            self.targets = known


_MOTOS_SEND: list[Any] = []


def mend() -> None:
    """Targets of rules, and S3's notifications as they come from AWS: later, complete, and with a sequencer."""
    import moto.s3.notifications as notifications
    from moto.awslambda.utils import get_backend
    from moto.events.models import Rule

    from account import functions

    _MOTOS_SEND.append(Rule.send_to_targets)
    Rule.send_to_targets = _send_to_targets
    described = notifications._get_s3_event

    def complete(event_name: str, bucket: Any, key: Any, notification_id: str) -> dict[str, Any]:
        event = described(event_name, bucket, key, notification_id)
        for record in event["Records"]:
            moment = time.time()
            record["eventTime"] = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(moment)) + f".{int(moment * 1000) % 1000:03d}Z"
            record["userIdentity"] = {"principalId": "AWS:ACCOUNT"}
            record["requestParameters"] = {"sourceIPAddress": "127.0.0.1"}
            record["responseElements"] = {"x-amz-request-id": uuid.uuid4().hex[:16].upper(), "x-amz-id-2": uuid.uuid4().hex}
            record["s3"]["bucket"]["ownerIdentity"] = {"principalId": "ACCOUNT"}
            record["s3"]["object"]["sequencer"] = f"{time.time_ns():016X}"
        return event

    def invoke(account_id: str, event: Any, arn: str, region: str) -> None:
        try:
            function = get_backend(account_id, region).get_function(arn)
        except Exception:  # a notification may outlive its function
            return
        functions.invoke_later(function, event)

    notifications._get_s3_event = complete
    notifications._invoke_awslambda = invoke
