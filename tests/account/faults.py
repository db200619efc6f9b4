"""Faults on demand: calls that fail or wait, statements that end half-way, answers that leave things out.

A fault is posted as JSON to `/tarn-account/faults` and is used up by what it strikes:

    {"service": "athena", "operation": "StartQueryExecution", "error": "TooManyRequestsException", "times": 3}
    {"service": "s3", "operation": "DeleteObjects", "error": "SlowDown", "status": 503}
    {"service": "glue", "operation": "UpdateTable", "error": "ConcurrentModificationException", "after": true}
    {"service": "glue", "operation": "GetTable", "delay": 0.5, "times": 10}
    {"statement": "create table", "at": "half", "skip": 1}
    {"unprocessed": 5, "times": 2}
    {"operation": "(?!Get|List|Head).*", "skip": 7, "hold": true}
    {"service": "slack", "error": "rate_limited", "status": 429, "retry_after": 1}
    {"function": "tarn-shop-athena-ctas", "crash": "end"}
    {"function": "tarn-shop-mart-load-.*", "stall": "start", "skip": 1}
    {"function": "tarn-shop-dynamodb-capture", "throttle": true, "times": 2}
    {"function": "tarn-shop-dynamodb-capture", "event": "order-17", "crash": "start", "times": 100}

`skip` lets so many pass before the first is struck. `at` is one of `start` (nothing was written), `half` (half of the files),
`files` (all files, but no table and no partition) and `end` (everything is done, and yet it says it failed).
`after` lets a call do its work and then answers with the error. `unprocessed` makes BatchGetPartition leave so many keys out.
With `error`, a statement fails for good with this code; without, with one that a second try may get past.
`hold` lets a call wait before its work, or with `after` behind it, until all faults are forgotten; then it fails. `GET faults/held` tells how
many wait so: time to kill the caller. A fault without `service` strikes calls of all of them.
A function's fault strikes an invocation, whoever asks for it. `crash` kills its process and `stall` lets it run out of time, without waiting for
that: at the `start`, when it has taken the event, or at the `end`, when its work is done and nobody has heard of it. `throttle` refuses it.
With `event` it strikes events only in which this pattern is found.
A statement's fault may carry `scanned`, bytes that the statement then says it read, instead of `at`.
"""
import json
import re
import threading
import uuid
from dataclasses import dataclass
from typing import Any, Mapping

from werkzeug.wrappers import Response

from account.calls import Call

MOMENTS = ("start", "end")
STAGES = ("start", "half", "files", "end")


@dataclass
class Fault:
    """A fault that waits for what it strikes."""

    service: str | None = None
    operation: str | None = None
    error: str | None = None
    message: str = "injected by the test"
    status: int | None = None
    retry_after: int | None = None
    after: bool = False
    delay: float = 0.0
    statement: str | None = None
    at: str | None = None
    scanned: int | None = None
    unprocessed: int | None = None
    function: str | None = None
    event: str | None = None
    crash: str | None = None
    stall: str | None = None
    throttle: bool = False
    hold: bool = False
    skip: int = 0
    times: int = 1

    def __post_init__(self) -> None:
        if self.statement is not None:
            re.compile(self.statement)
            if self.at not in (*STAGES, None):
                raise ValueError(f"`at` is one of {', '.join(STAGES)}")
            if self.at is None and self.scanned is None and not self.delay:
                raise ValueError("a statement's fault needs `at`, `scanned` or `delay`")
        elif self.operation is not None:
            re.compile(self.operation)
        if self.function is not None:
            re.compile(self.function)
            re.compile(self.event or "")
            if sum(map(bool, (self.crash, self.stall, self.throttle))) != 1 or any(each not in (*MOMENTS, None) for each in (self.crash, self.stall)):
                raise ValueError(f"a function's fault needs one of `crash` and `stall`, each one of {', '.join(MOMENTS)}, and `throttle`")
        elif self.statement is None and self.unprocessed is None:
            if (self.service is None and self.operation is None) or (self.error is None and not self.delay and not self.hold):
                raise ValueError("a fault needs `service` or `operation` with `error`, `delay` or `hold`, or `statement`, or `unprocessed`")

    def response(self, call: Call) -> Response:
        """The error in the protocol of the service that was called."""
        code, request = self.error or "InternalFailure", str(uuid.uuid4())
        if call.service == "s3":
            body = f"<Error><Code>{code}</Code><Message>{self.message}</Message><RequestId>{request}</RequestId></Error>"
            return Response(body, self.status or 503, content_type="application/xml")
        if " " not in call.operation and call.service in ("sns", "sqs", "sts", "iam", "rds", "cloudformation"):
            body = f"<ErrorResponse><Error><Code>{code}</Code><Message>{self.message}</Message></Error></ErrorResponse>"
            return Response(body, self.status or 400, content_type="text/xml")
        body = json.dumps({"__type": code, "message": self.message, "Message": self.message})
        return Response(body, self.status or 400, headers={"x-amzn-ErrorType": code, "x-amzn-RequestId": request}, content_type="application/x-amz-json-1.1")


class Faults:
    """The faults that wait."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._lock = threading.Lock()
        self._held = 0
        self._release = threading.Event()

    def post(self, _path: list[str], body: Any) -> Any:
        """Adds one fault, or a list of them."""
        added = [Fault(**fault) for fault in (body if isinstance(body, list) else [body])]
        with self._lock:
            self._faults.extend(added)
        return {"waiting": len(self._faults)}

    def get(self, path: list[str], _query: Mapping[str, str]) -> Any:
        """The faults that strike nobody yet; with `/held` how many calls are held by one."""
        with self._lock:
            if path == ["held"]:
                return self._held
            return [{name: value for name, value in vars(fault).items() if value} for fault in self._faults]

    def clear(self) -> None:
        """Forgets all faults."""
        with self._lock:
            self._faults.clear()
            self._release.set()
            self._release = threading.Event()
            self._held = 0

    def hold(self) -> None:
        """Waits until all faults are forgotten."""
        with self._lock:
            self._held += 1
            release = self._release
        release.wait()

    def of_call(self, call: Call) -> Fault | None:
        """The fault for this call; it counts as used."""
        return self._take(
            lambda fault: fault.statement is None
            and fault.unprocessed is None
            and fault.function is None
            and fault.service in (call.service, None)
            and (fault.operation is None or re.fullmatch(fault.operation, call.operation) is not None)
        )

    def of_statement(self, sql: str) -> Fault | None:
        """The fault for this statement; its pattern may match anywhere, in any case."""
        return self._take(
            lambda fault: fault.statement is not None and re.search(fault.statement, sql, re.IGNORECASE | re.DOTALL) is not None
        )

    def of_function(self, name: str, event: str) -> Fault | None:
        """The fault for this invocation of a function."""
        return self._take(
            lambda fault: fault.function is not None
            and re.fullmatch(fault.function, name) is not None
            and (fault.event is None or re.search(fault.event, event) is not None)
        )

    def unprocessed(self) -> int:
        """How many keys BatchGetPartition leaves out this time."""
        fault = self._take(lambda fault: fault.unprocessed is not None)
        return (fault.unprocessed or 0) if fault else 0

    def _take(self, strikes: Any) -> Fault | None:
        with self._lock:
            for fault in self._faults:
                if not strikes(fault):
                    continue
                if fault.skip > 0:
                    fault.skip -= 1
                    return None
                fault.times -= 1
                if fault.times <= 0:
                    self._faults.remove(fault)
                return fault
        return None


FAULTS = Faults()
