"""Step Functions: moto's interpreter, which really runs executions, with JSONata and the integrations that it lacks."""
import datetime
import hashlib
import json
import math
import random
import threading
import time
import types
import uuid
from typing import Any, Callable


def _evaluate(expression: str) -> Any:
    """A JSONata expression; Step Functions' own functions are known besides JSONata's."""
    import jsonata
    from moto.stepfunctions.parser.asl.jsonata.jsonata import JSONataException

    try:
        parsed = jsonata.Jsonata(expression)
        for name, function in _FUNCTIONS.items():
            parsed.register_lambda(name, function)
        return _plain(parsed.evaluate(None))
    except JSONataException:
        raise
    except Exception as error:  # the library raises errors of many kinds
        raise JSONataException("UNKNOWN", str(error)) from None


def _plain(value: Any) -> Any:
    """Lists and numbers of Python's own; a whole double is an integer, as in JSON it is written as one."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return int(value)
    return value


def _partition(items: list[Any], size: float) -> list[list[Any]]:
    step = int(size)
    return [items[start : start + step] for start in range(0, len(items), step)]


def _range(first: float, last: float, step: float) -> list[Any]:
    count = math.floor((last - first) / step) + 1
    return [_plain(first + index * step) for index in range(max(count, 0))]


def _hash(text: Any, algorithm: str) -> str:
    return hashlib.new(algorithm.lower().replace("-", ""), (text if isinstance(text, str) else json.dumps(text)).encode()).hexdigest()


_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "partition": _partition,
    "range": _range,
    "hash": _hash,
    "random": lambda *_: random.random(),
    "uuid": lambda: str(uuid.uuid4()),
    "parse": lambda text: json.loads(text),
}


def _iso(value: Any) -> Any:
    """Times as Step Functions hands them on."""
    if isinstance(value, dict):
        return {key: _iso(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_iso(item) for item in value]
    if isinstance(value, datetime.datetime):
        return value.astimezone(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
    return value


class _Clients:
    """Clients for the interpreter, each made once; their answers hold no times that cannot be written as JSON."""

    def __init__(self, boto3: Any):
        self._boto3 = boto3
        self._made: dict[str, Any] = {}
        self._lock = threading.Lock()

    def client(self, **asked: Any) -> Any:
        """As boto3's."""
        key = f"{asked.get('service_name')} {asked.get('region_name')} {asked.get('endpoint_url')}"
        with self._lock:
            if key not in self._made:
                made = self._boto3.client(**asked)
                made.meta.events.register("after-call", _answered)
                self._made[key] = made
            return self._made[key]


def _answered(parsed: dict[str, Any], **_: Any) -> None:
    parsed.update(_iso({name: value for name, value in parsed.items() if name != "ResponseMetadata"}))


def _athena() -> type:
    """The integration `athena:…`, with `.sync` for StartQueryExecution."""
    from moto.stepfunctions.parser.asl.component.state.exec.state_task.service import (
        state_task_service_glue as glue,
    )
    from moto.stepfunctions.parser.asl.component.state.exec.state_task.service import state_task_service_unsupported as other
    from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.resource import ResourceCondition

    class Athena(other.StateTaskServiceUnsupported):
        def __init__(self) -> None:
            super().__init__()
            self._supported_integration_patterns = {ResourceCondition.Sync, ResourceCondition.WaitForTaskToken}

        def _get_supported_parameters(self) -> None:
            return None

        def _build_sync_resolver(self, env: Any, resource_runtime_part: Any, normalised_parameters: Any, state_credentials: Any) -> Any:
            query_id = env.stack.pop()["QueryExecutionId"]
            client = glue.boto_client_for(service="athena", region=resource_runtime_part.region, state_credentials=state_credentials)

            def ended() -> Any:
                answer = client.get_query_execution(QueryExecutionId=query_id)
                answer.pop("ResponseMetadata", None)
                state = answer["QueryExecution"]["Status"]["State"]
                if state in ("QUEUED", "RUNNING"):
                    return None
                if state == "SUCCEEDED":
                    return answer
                name = glue.StatesErrorName(typ=glue.StatesErrorNameType.StatesTaskFailed)
                details = glue.TaskFailedEventDetails(
                    resource=self._get_sfn_resource(), resourceType=self._get_sfn_resource_type(), error="States.TaskFailed",
                    cause=glue.to_json_str(answer["QueryExecution"], separators=(",", ":")),
                )  # fmt: skip
                raise glue.FailureEventException(glue.FailureEvent(
                    env=env, error_name=name, event_type=glue.HistoryEventType.TaskFailed, event_details=glue.EventDetails(taskFailedEventDetails=details),
                ))  # fmt: skip

            ended.stop = lambda: client.stop_query_execution(QueryExecutionId=query_id)  # type: ignore[attr-defined]
            return ended

        def _eval_sync(self, env: Any, sync_resolver: Any, *arguments: Any, **more: Any) -> Any:
            outcome = super()._eval_sync(env, sync_resolver, *arguments, **more)
            if not outcome and not env.is_running():
                # Who waited was stopped, and the query is stopped with it.
                sync_resolver.stop()
            return outcome

        def _from_error(self, env: Any, ex: Exception) -> Any:
            if isinstance(ex, glue.ClientError):
                error = f"Athena.{ex.response['Error']['Code']}"
                details = glue.TaskFailedEventDetails(
                    error=error, cause=ex.response["Error"]["Message"], resource=self._get_sfn_resource(), resourceType=self._get_sfn_resource_type()
                )
                return glue.FailureEvent(
                    env=env, error_name=glue.CustomErrorName(error), event_type=glue.HistoryEventType.TaskFailed,
                    event_details=glue.EventDetails(taskFailedEventDetails=details),
                )  # fmt: skip
            return super()._from_error(env=env, ex=ex)

    return Athena


def _mend_names() -> None:
    """Names and values as the services' models have them: Step Functions writes `StateMachineArn` and `DbCluster…`, and bodies as JSON."""
    import botocore.session
    from botocore import xform_name
    from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service import StateTaskService

    session, models = botocore.session.get_session(), {}

    def operation(self: Any, service: str | None, action: str | None) -> Any:
        name, wanted = self._get_boto_service_name(service), self._get_boto_service_action(action)
        if (name, wanted) not in models:
            model = session.get_service_model("stepfunctions" if name in ("sfn", "states") else name)
            found = next((each for each in model.operation_names if xform_name(each) == wanted), None)
            models[name, wanted] = model.operation_model(found) if found else None
        return models[name, wanted]

    def parameters(self: Any, parameters: dict[str, Any], boto_service_name: str | None = None, service_action_name: str | None = None) -> None:
        model = operation(self, boto_service_name, service_action_name)
        if model is not None and model.input_shape is not None:
            self._to_boto_request(parameters, model.input_shape)

    def response(self: Any, response: Any, boto_service_name: str | None = None, service_action_name: str | None = None) -> None:
        model = operation(self, boto_service_name, service_action_name)
        if model is not None and model.output_shape is not None:
            self._from_boto_response(response, model.output_shape)

    StateTaskService._normalise_parameters = parameters
    StateTaskService._normalise_response = response


def _mend_time() -> None:
    """Times as texts in the context, waits by the account's clock, and children that are looked after more often."""
    import moto.stepfunctions.parser.asl.component.common.retry.retrier_decl as retries
    import moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_callback as callbacks
    from moto.stepfunctions.parser.asl.component.state.wait.wait_function.wait_function import WaitFunction
    from moto.stepfunctions.parser.backend.execution import Execution

    from account.clock import CLOCK

    details = Execution.get_start_execution_details

    def with_text(self: Any) -> Any:
        said = details(self)
        said.start_time = _iso(said.start_time)
        return said

    def wait(self: Any, env: Any, wait_seconds: int) -> None:
        end = time.monotonic() + wait_seconds / CLOCK.speed
        while env.is_running() and time.monotonic() < end:
            env.program_state_event.wait(max(end - time.monotonic(), 0))

    Execution.get_start_execution_details = with_text
    WaitFunction._wait_interval = wait
    retries.time = types.SimpleNamespace(sleep=CLOCK.sleep)
    callbacks._DELAY_SECONDS_SYNC_CONDITION_CHECK = 0.1


_METRICS = {"SUCCEEDED": "ExecutionsSucceeded", "FAILED": "ExecutionsFailed", "TIMED_OUT": "ExecutionsTimedOut", "ABORTED": "ExecutionsAborted"}


def _tell(execution: Any) -> None:
    """Sends the event of an execution that began or ended."""
    from account import alarms, events

    described = json.loads(json.dumps(execution.to_describe_output(), default=lambda value: value.timestamp()))
    detail = {
        **{name: described.get(name) for name in ("executionArn", "stateMachineArn", "name", "status", "input", "output", "error", "cause")},
        "startDate": round(described["startDate"] * 1000), "stopDate": round(described["stopDate"] * 1000) if described.get("stopDate") else None,
        "inputDetails": {"included": True}, "outputDetails": {"included": True} if described.get("output") else None,
    }  # fmt: skip
    region, account_id = execution.exec_arn.split(":")[3:5]
    metric = _METRICS.get(described["status"])
    if metric:
        alarms.METRICS.count("AWS/States", metric, {"StateMachineArn": described["stateMachineArn"]})
    event = {
        "version": "0", "id": str(uuid.uuid4()), "detail-type": "Step Functions Execution Status Change", "source": "aws.states",
        "account": account_id, "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "region": region,
        "resources": [execution.exec_arn], "detail": detail,
    }  # fmt: skip
    events.publish(account_id, region, event)


def _stop_children(execution: Any) -> None:
    """Whoever waited for these executions waits no more: they are stopped with it."""
    from moto.stepfunctions.responses import get_backend

    region, account_id = execution.exec_arn.split(":")[3:5]
    backend = get_backend(account_id, region)
    for machine in list(backend.state_machines):
        for child in list(machine.executions):
            given = child.input_data if isinstance(child.input_data, dict) else {}
            if child.exec_status == "RUNNING" and given.get("AWS_STEP_FUNCTIONS_STARTED_BY_EXECUTION_ID") == execution.exec_arn:
                backend.stop_execution(child.exec_arn)


def _mend_ends() -> None:
    """An execution that was stopped, or ran out of time, stays so: what its states do afterwards changes nothing."""
    from moto.stepfunctions.parser.asl.eval.environment import Environment
    from moto.stepfunctions.parser.asl.eval.program_state import ProgramStopped, ProgramTimedOut

    set_error = Environment.set_error

    def fail(self: Any, error: Any) -> None:
        with self._state_mutex:
            if not isinstance(self._program_state, (ProgramStopped, ProgramTimedOut)):
                set_error(self, error)

    Environment.set_error = fail


def _mend_events() -> None:
    """What happens to executions is told on EventBridge."""
    from moto.stepfunctions.parser.backend.execution import BaseExecutionWorkerCommunication, Execution

    start, terminated = Execution.start, BaseExecutionWorkerCommunication.terminated

    def begin(self: Any) -> None:
        start(self)
        _tell(self)

    def end(self: Any) -> None:
        terminated(self)
        _tell(self.execution)
        _stop_children(self.execution)

    Execution.start, BaseExecutionWorkerCommunication.terminated = begin, end


_STARTS = threading.Lock()


def mend() -> None:
    """Turns the interpreter on and completes it."""
    import moto.stepfunctions.parser.asl.component.state.exec.state_task.state_task_factory as factory
    import moto.stepfunctions.parser.asl.eval.states as states
    import moto.stepfunctions.parser.asl.eval.variable_store as variables
    import moto.stepfunctions.parser.asl.jsonata.jsonata as jsonata
    import moto.stepfunctions.parser.asl.utils.boto_client as clients
    from moto.core.config import default_user_config
    from moto.stepfunctions.parser.asl.utils.encoding import to_json_str

    from moto.stepfunctions.parser.models import StepFunctionsParserBackend

    start = StepFunctionsParserBackend.start_execution

    def start_execution(self: Any, state_machine_arn: str, name: str | None = None, *arguments: Any, **more: Any) -> Any:
        # Of two that start one name at the same moment, one is the second.
        with _STARTS:
            return start(self, state_machine_arn, name or str(uuid.uuid4()), *arguments, **more)

    StepFunctionsParserBackend.start_execution = start_execution
    default_user_config["stepfunctions"] = {"execute_state_machine": True}
    jsonata._eval_jsonata = _evaluate

    def declarations(bindings: dict[str, Any]) -> str:
        # moto writes texts without escaping what they hold.
        return "".join(f"{name}:={to_json_str(value, separators=(',', ':'))};" for name, value in bindings.items())

    for module in (jsonata, states, variables):
        module.encode_jsonata_variable_declarations = declarations
    clients.boto3 = types.SimpleNamespace(client=_Clients(clients.boto3).client)
    known, athena = factory.state_task_service_for, _athena()
    factory.state_task_service_for = lambda service_name: athena() if service_name == "athena" else known(service_name)
    _mend_names()
    _mend_time()
    _mend_ends()
    _mend_events()
