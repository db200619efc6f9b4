"""DynamoDB's streams as Lambda reads them: batches in their order, filters, partial failures, bisecting, retries, and the on-failure queue."""
import datetime
import json
import re
import threading
import time
import uuid
from typing import Any

from account import functions
from account.clock import CLOCK
from account.events import send_to_queue

# A pause between two tries, and how long records are gathered when no window is configured.
_PAUSE, _GATHER = 0.2, 0.05


class Reader:
    """Reads the records of one mapping, one batch after the other."""

    def __init__(self, mapping: Any):
        self.mapping = mapping
        self._records: list[dict[str, Any]] = []
        self._changed = threading.Condition()
        threading.Thread(target=self._read, daemon=True).start()

    def add(self, record: dict[str, Any]) -> None:
        """Takes a record, unless the mapping's filters do not want it."""
        if _is_wanted(record, self.mapping.filter_criteria):
            with self._changed:
                self._records.append(record)
                self._changed.notify()

    def _read(self) -> None:
        while True:
            with self._changed:
                while not self._records or not self.mapping.enabled:
                    self._changed.wait(0.5)
            time.sleep(min(float(self.mapping.max_batch_window or _GATHER), 1.0))
            with self._changed:
                batch, self._records = self._records[: self.mapping.batch_size], self._records[self.mapping.batch_size :]
            self._deliver(batch, time.monotonic())

    def _deliver(self, batch: list[dict[str, Any]], since: float) -> None:
        from moto.awslambda.utils import get_backend

        attempts, most = 0, self.mapping.max_retry_attempts
        # How old records may become, by the account's clock.
        oldest = self.mapping.max_record_age
        until = since + int(oldest) / CLOCK.speed if oldest is not None and int(oldest) > 0 else None
        while batch:
            function = get_backend(self.mapping.account_id, self.mapping.region).get_function(self.mapping.function_arn)
            answer, error, _ = functions.invoke_by_service(function, {"Records": batch})
            first = 0 if error else self._first_failed(batch, answer)
            if first is None:
                return
            if first > 0:
                # What came before is done; the rest is tried anew.
                batch, attempts = batch[first:], 0
            attempts += 1
            if most is not None and 0 <= int(most) < attempts:
                self._give_up(batch, attempts, error, "RetryAttemptsExhausted")
                return
            if until is not None and time.monotonic() > until:
                self._give_up(batch, attempts, error, "RecordAgeExceeded")
                return
            if self.mapping.bisect_on_error and len(batch) > 1 and first == 0:
                half = len(batch) // 2
                self._deliver(batch[:half], since)
                batch, attempts = batch[half:], 0
            time.sleep(_PAUSE)

    def _first_failed(self, batch: list[dict[str, Any]], answer: str) -> int | None:
        """Where the batch is to be taken up again; None when all is done."""
        if "ReportBatchItemFailures" not in (self.mapping.function_response_types or []):
            return None
        try:
            failures = (json.loads(answer or "null") or {}).get("batchItemFailures") or []
            failed = {each["itemIdentifier"] for each in failures}
        except (ValueError, KeyError, TypeError, AttributeError):
            return 0
        if not failed:
            return None
        numbers = [index for index, record in enumerate(batch) if record["dynamodb"]["SequenceNumber"] in failed]
        return numbers[0] if numbers else 0

    def _give_up(self, batch: list[dict[str, Any]], attempts: int, error: str | None, why: str) -> None:
        destination = ((self.mapping.destination_config or {}).get("OnFailure") or {}).get("Destination")
        if not destination or ":sqs:" not in destination:
            return
        moment = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        message = {
            "requestContext": {"requestId": str(uuid.uuid4()), "functionArn": self.mapping.function_arn, "condition": why,
                               "approximateInvokeCount": attempts},
            "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": error},
            "version": "1.0", "timestamp": moment,
            "DDBStreamBatchInfo": {
                "shardId": "shardId-00000000000000000000-00000000", "batchSize": len(batch), "streamArn": self.mapping.event_source_arn,
                "startSequenceNumber": batch[0]["dynamodb"]["SequenceNumber"], "endSequenceNumber": batch[-1]["dynamodb"]["SequenceNumber"],
            },
        }  # fmt: skip
        send_to_queue(self.mapping.account_id, destination, json.dumps(message))


def _is_wanted(record: dict[str, Any], criteria: dict[str, Any] | None) -> bool:
    filters = (criteria or {}).get("Filters") or []
    return not filters or any(_matches(record, json.loads(each["Pattern"])) for each in filters)


def _matches(value: Any, pattern: Any) -> bool:
    """EventBridge's patterns, as far as filters of streams use them: values, `exists`, `prefix`, `anything-but`."""
    if isinstance(pattern, dict):
        return isinstance(value, dict) and all(_matches(value.get(key), inner) for key, inner in pattern.items())
    if value is None:
        return any(isinstance(each, dict) and each.get("exists") is False for each in pattern) or None in pattern
    return any(_matches_one(value, each) for each in pattern)


def _matches_one(value: Any, wanted: Any) -> bool:
    if not isinstance(wanted, dict):
        return bool(value == wanted)
    if "exists" in wanted:
        return bool(wanted["exists"])
    if "prefix" in wanted:
        return str(value).startswith(wanted["prefix"])
    if "suffix" in wanted:
        return re.search(re.escape(wanted["suffix"]) + r"\Z", str(value)) is not None
    if "anything-but" in wanted:
        others = wanted["anything-but"]
        return value not in (others if isinstance(others, list) else [others])
    return False


_READERS: dict[str, Reader] = {}
_SEQUENCE = [time.time_ns()]
_LOCK = threading.Lock()


def mend() -> None:
    """Sequence numbers that rise for ever, and readers in the place of moto's immediate calls."""
    from moto.dynamodb.models.table import StreamRecord, StreamShard

    def add(self: Any, old: Any, new: Any) -> None:
        kind = self.table.stream_specification["StreamViewType"]
        name = "INSERT" if old is None else "REMOVE" if new is None else "MODIFY"
        with _LOCK:
            _SEQUENCE[0] += 1
            number = _SEQUENCE[0]
        self.items.append(StreamRecord(self.table, kind, name, old, new, len(self.items) + self.starting_sequence_number))
        record = self.items[-1].to_json()
        said = dict(record["dynamodb"])
        said["SequenceNumber"] = f"{number:021d}"
        said["ApproximateCreationDateTime"] = int(time.time())
        for mapping in list(self.table.lambda_event_source_mappings.values()):
            event = {
                "eventID": uuid.uuid4().hex, "eventName": record["eventName"], "eventVersion": "1.1", "eventSource": "aws:dynamodb",
                "awsRegion": mapping.region, "dynamodb": said, "eventSourceARN": mapping.event_source_arn,
            }  # fmt: skip
            with _LOCK:
                reader = _READERS.get(mapping.uuid) or _READERS.setdefault(mapping.uuid, Reader(mapping))
            reader.add(event)

    StreamShard.add = add
