"""Lambda functions as they were deployed: the zip's `bootstrap` runs on this machine and is driven over a Runtime API of its own.

One process per function takes one event after another; more are started while it is busy, up to the reserved concurrency. An event
that AWS would take asynchronously is tried as often as configured and goes to the dead-letter queue or the on-failure destination.
"""
import base64
import http.server
import io
import json
import os
import queue
import signal
import subprocess
import threading
import time
import uuid
import zipfile
from pathlib import Path
from typing import Any, Mapping

from account import alarms, faults, leftovers
from account.clock import CLOCK

_ASYNCHRONOUS_PAUSE = 0.2
_START = 30.0
# How long a process that has answered may take to log what it did.
_LAST_WORDS = 2.0


class Sandbox:
    """A running process of a function."""

    def __init__(self, function: Any):
        self.function = function
        self.code = function.code_sha_256
        self.environment = dict(function.environment_vars)
        self._events: queue.Queue[tuple[str, bytes]] = queue.Queue()
        # Whether the process asks for the next event: only then it is done with the one before, and has logged all of it.
        self._asks = threading.Event()
        self._taken: float | None = None
        self._fault: faults.Fault | None = None
        self._is_stalled = False
        self._answers: dict[str, queue.Queue[tuple[str, str | None]]] = {}
        self._folder = leftovers.folder("function")
        zipfile.ZipFile(io.BytesIO(function.code_bytes)).extractall(self._folder)
        program = self._folder / "bootstrap"
        if not program.is_file():
            raise ValueError("Runtime.InvalidEntrypoint: the zip holds no `bootstrap`")
        program.chmod(0o755)
        self._server = self._serve()
        self._log = self._folder / "account.log"
        log = open(self._log, "wb")
        self.process = leftovers.process(subprocess.Popen([str(program)], env=self._variables(), cwd=self._folder, stdout=log, stderr=log, stdin=subprocess.DEVNULL))
        log.close()

    def _variables(self) -> dict[str, str]:
        function = self.function
        return {
            "PATH": os.environ.get("PATH", ""), "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_REGION": function.region, "AWS_DEFAULT_REGION": function.region,
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{os.environ['MOTO_PORT']}",
            "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{self._server.server_address[1]}",
            "AWS_LAMBDA_FUNCTION_NAME": function.function_name, "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory_size), "AWS_LAMBDA_LOG_GROUP_NAME": function.logs_group_name,
            "AWS_LAMBDA_LOG_STREAM_NAME": "account", "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
            "LAMBDA_TASK_ROOT": str(self._folder), "_HANDLER": function.handler or "bootstrap", "TZ": ":UTC",
            **{name: str(value) for name, value in self.environment.items()},
        }  # fmt: skip

    def is_of(self, function: Any) -> bool:
        """Whether it still runs, with the function's present code and settings."""
        return self.process.poll() is None and self.code == function.code_sha_256 and self.environment == dict(function.environment_vars)

    def invoke(self, event: bytes, fault: faults.Fault | None = None) -> tuple[str, str | None, str]:
        """Hands over one event; answer, kind of error or None, and what was logged."""
        self._fault, self._is_stalled = fault, False
        request, timeout, before = str(uuid.uuid4()), int(self.function.timeout), self._log.stat().st_size
        self._answers[request] = queue.Queue()
        self._events.put((request, event))
        # A first start has time of its own; the function's begins when it has taken the event.
        self._taken, waiting_until = None, time.monotonic() + _START
        while True:
            try:
                answer, error = self._answers[request].get(timeout=0.05)
                self._asks.wait(_LAST_WORDS)
                break
            except queue.Empty:
                if self.process.poll() is not None:
                    status = self.process.returncode
                    said = f"signal: {-status}" if status < 0 else f"exit status {status}"
                    answer, error = _error("Runtime.ExitError", f"RequestId: {request} Error: Runtime exited with error: {said}"), "Unhandled"
                    break
                if self._is_stalled or time.monotonic() > (waiting_until if self._taken is None else self._taken + timeout):
                    self.stop()
                    stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime())
                    answer, error = _error("Sandbox.Timedout", f"{stamp}.000Z {request} Task timed out after {timeout}.00 seconds"), "Unhandled"
                    break
        with open(self._log, "rb") as log:
            log.seek(before)
            return answer, error, log.read().decode(errors="replace")

    def strikes(self, moment: str) -> bool:
        """Whether a fault strikes now; the process is killed, or as good as out of time."""
        if self._fault is None or moment not in (self._fault.crash, self._fault.stall):
            return False
        if self._fault.crash:
            self.process.kill()
        else:
            self.process.send_signal(signal.SIGSTOP)
            self._is_stalled = True
        return True

    def processor_seconds(self) -> float:
        """What the process has used so far; 0 for one that has ended."""
        try:
            fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return 0.0
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def stop(self) -> None:
        """Kills the process."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self._server.shutdown()

    def _serve(self) -> http.server.ThreadingHTTPServer:
        sandbox = self

        class RuntimeApi(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_GET(self) -> None:
                sandbox._asks.set()
                request, event = sandbox._events.get()
                sandbox._asks.clear()
                sandbox._taken = time.monotonic()
                if sandbox.strikes("start"):
                    self.close_connection = True
                    return
                function = sandbox.function
                self._answer(200, event, {
                    "content-type": "application/json", "lambda-runtime-aws-request-id": request,
                    "lambda-runtime-deadline-ms": str(int((time.time() + int(function.timeout)) * 1000)),
                    "lambda-runtime-invoked-function-arn": function.function_arn,
                    "lambda-runtime-trace-id": f"Root=1-{int(time.time()):08x}-{uuid.uuid4().hex[:24]};Sampled=0",
                })  # fmt: skip

            def do_POST(self) -> None:
                body, parts = self._body().decode(errors="replace"), self.path.split("/")
                if sandbox.strikes("end"):
                    self.close_connection = True
                    return
                answers = sandbox._answers.get(parts[-2])
                if answers is not None:
                    answers.put((body, "Unhandled" if parts[-1] == "error" else None))
                self._answer(202, b'{"status":"OK"}', {"content-type": "application/json"})

            def _body(self) -> bytes:
                if "chunked" not in self.headers.get("transfer-encoding", ""):
                    return self.rfile.read(int(self.headers.get("content-length") or 0))
                body = b""
                while size := int(self.rfile.readline().split(b";")[0], 16):
                    body += self.rfile.read(size)
                    self.rfile.readline()
                self.rfile.readline()
                return body

            def _answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *arguments: Any) -> None:
                """Nothing."""

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), RuntimeApi)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return server


class Pool:
    """The idle processes by function, and what each function has used so far."""

    def __init__(self) -> None:
        self._idle: dict[str, list[Sandbox]] = {}
        self._used: dict[str, dict[str, float]] = {}
        self._lock = threading.Lock()

    def get(self, _path: list[str], _query: Mapping[str, str]) -> Any:
        """By function: invocations, and milliseconds of wall clock and of processor time."""
        with self._lock:
            return {name: dict(used) for name, used in self._used.items()}

    def post(self, _path: list[str], _body: Any) -> Any:
        """Nothing can be added by hand."""
        raise ValueError("what functions use is counted, not said")

    def clear(self) -> None:
        """Counts anew."""
        with self._lock:
            self._used.clear()

    def _count(self, name: str, wall: float, processor: float) -> None:
        with self._lock:
            used = self._used.setdefault(name, {"invocations": 0, "milliseconds": 0.0, "processor_milliseconds": 0.0})
            used["invocations"] += 1
            used["milliseconds"] += wall * 1000
            used["processor_milliseconds"] += processor * 1000

    def invoke(self, function: Any, event: bytes, fault: faults.Fault | None = None) -> tuple[str, str | None, str]:
        """Runs one event in an idle process, or in a new one."""
        sandbox = None
        with self._lock:
            waiting = self._idle.setdefault(function.function_arn, [])
            while waiting and sandbox is None:
                sandbox = waiting.pop()
                if not sandbox.is_of(function):
                    sandbox.stop()
                    sandbox = None
        try:
            sandbox = sandbox or Sandbox(function)
        except (ValueError, OSError, zipfile.BadZipFile) as error:
            return _error("Runtime.InvalidEntrypoint", str(error)), "Unhandled", ""
        begun, before = time.monotonic(), sandbox.processor_seconds()
        answer = sandbox.invoke(event, fault)
        self._count(function.function_name, time.monotonic() - begun, sandbox.processor_seconds() - before)
        if sandbox.process.poll() is None:
            with self._lock:
                self._idle[function.function_arn].append(sandbox)
        return answer


POOL = Pool()


def _error(kind: str, message: str) -> str:
    return json.dumps({"errorType": kind, "errorMessage": message})


class Throttled(Exception):
    """An invocation that was refused: the concurrency is used up."""


def invoke(function: Any, event: Any) -> tuple[str, str | None, str]:
    """Runs a function of moto's; answer, kind of error or None, and the log, which goes to CloudWatch Logs too."""
    body = event if isinstance(event, (str, bytes)) else json.dumps(event, default=_binary)
    named = {"FunctionName": function.function_name}
    fault = faults.FAULTS.of_function(function.function_name, body if isinstance(body, str) else body.decode(errors="replace"))
    if fault is not None and fault.throttle:
        alarms.METRICS.count("AWS/Lambda", "Throttles", named)
        raise Throttled("Rate Exceeded.")
    function.logs_backend.ensure_log_group(function.logs_group_name)
    answer, error, log = POOL.invoke(function, body.encode() if isinstance(body, str) else body, fault)
    function.save_logs(log)
    alarms.METRICS.count("AWS/Lambda", "Invocations", named)
    if error is not None:
        alarms.METRICS.count("AWS/Lambda", "Errors", named)
    for line in log.splitlines():
        alarms.METRICS.count_line(line)
    return answer, error, log


def invoke_by_service(function: Any, event: Any) -> tuple[str, str | None, str]:
    """As `invoke`, for services that take a refusal as one more error."""
    try:
        return invoke(function, event)
    except Throttled as refusal:
        return _error("TooManyRequestsException", str(refusal)), "Throttled", ""


def _binary(value: Any) -> str:
    """Bytes in a set of a DynamoDB item, as its stream tells them."""
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    raise TypeError(f"an event holds a {type(value).__name__}")


def invoke_later(function: Any, event: Any) -> None:
    """Runs it as AWS runs events: in its own time, again after an error, and to the dead letters in the end."""
    threading.Thread(target=_invoke_later, args=(function, event), daemon=True).start()


def _invoke_later(function: Any, event: Any) -> None:
    configured = _event_configuration(function)
    attempts = 1 + int(configured.get("MaximumRetryAttempts", 2))
    error, answer = None, ""
    for attempt in range(attempts):
        if attempt:
            CLOCK.sleep(_ASYNCHRONOUS_PAUSE)
        answer, error, _ = _invoke_when_there_is_room(function, event)
        if error is None:
            return
    from moto.sns.models import sns_backends

    from account.events import send_to_queue

    text = event if isinstance(event, str) else json.dumps(event)
    letter = (getattr(function, "kept", {}).get("DeadLetterConfig") or {}).get("TargetArn")
    destination = ((configured.get("DestinationConfig") or {}).get("OnFailure") or {}).get("Destination")
    envelope = json.dumps({
        "version": "1.0", "timestamp": time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime()),
        "requestContext": {"requestId": str(uuid.uuid4()), "functionArn": f"{function.function_arn}:$LATEST", "condition": "RetriesExhausted",
                           "approximateInvokeCount": attempts},
        "requestPayload": json.loads(text), "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": error},
        "responsePayload": json.loads(answer or "null"),
    })  # fmt: skip
    for target, message in ((letter, text), (destination, envelope)):
        if target and ":sqs:" in target:
            send_to_queue(function.account_id, target, message)
        elif target and ":sns:" in target:
            sns_backends[function.account_id][target.split(":")[3]].publish(message, arn=target)


def _invoke_when_there_is_room(function: Any, event: Any) -> tuple[str, str | None, str]:
    """Events wait while a function is held back; that is no try of theirs."""
    while True:
        try:
            return invoke(function, event)
        except Throttled:
            CLOCK.sleep(_ASYNCHRONOUS_PAUSE)


def _event_configuration(function: Any) -> dict[str, Any]:
    configured = getattr(function, "event_invoke_config", None) or []
    return configured[0] if isinstance(configured, list) and configured else configured if isinstance(configured, dict) else {}


def mend() -> None:
    """Puts real processes in the place of moto's containers."""
    from moto.awslambda.exceptions import LambdaClientError
    from moto.awslambda.models import LambdaFunction

    class TooManyRequests(LambdaClientError):
        code = 429

    def invoke_for_moto(self: Any, body: Any, request_headers: Any, response_headers: Any) -> bytes:
        event = body if body else "{}"
        kind = request_headers.get("x-amz-invocation-type", "RequestResponse") if request_headers else "RequestResponse"
        if kind == "Event":
            invoke_later(self, event)
            return b""
        if kind == "DryRun":
            return b""
        try:
            answer, error, log = invoke(self, event)
        except Throttled as refusal:
            raise TooManyRequests("TooManyRequestsException", str(refusal)) from None
        if error:
            response_headers["x-amz-function-error"] = error
        response_headers["x-amz-log-result"] = base64.b64encode(log.encode()[-4096:]).decode()
        return answer.encode()

    def invoke_plainly(self: Any, event: Any = None) -> tuple[str, bool, str]:
        answer, error, log = invoke(self, event if event is not None else {})
        return answer, error is not None, log

    LambdaFunction.invoke = invoke_for_moto
    LambdaFunction._invoke_lambda = invoke_plainly
    # What moto forgets, and Terraform asks for again.
    kept = ("LoggingConfig", "DeadLetterConfig")
    initialise, configuration, update = LambdaFunction.__init__, LambdaFunction.get_configuration, LambdaFunction.update_configuration

    def remember(self: Any, account_id: str, spec: dict[str, Any], region: str, version: int = 1) -> None:
        self.kept = {name: spec[name] for name in kept if name in spec}
        initialise(self, account_id, spec, region, version)

    def change(self: Any, updates: dict[str, Any]) -> Any:
        self.kept = {**getattr(self, "kept", {}), **{name: updates[name] for name in kept if name in updates}}
        return update(self, updates)

    LambdaFunction.__init__ = remember
    LambdaFunction.get_configuration = lambda self, on_create=False: {**configuration(self, on_create), **getattr(self, "kept", {})}
    LambdaFunction.update_configuration = change
