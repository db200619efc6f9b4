"""Executions of statements: started, queued, run by a few threads, stopped, and what can be asked of them afterwards."""
import datetime
import threading
import time
import traceback
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from account import faults
from account.athena import results
from account.athena.errors import Cancelled, QueryError
from account.athena.session import Session
from account.athena.statements import Outcome, Run, Statement
from account.buckets import Buckets, NoSuchBucket, Place

# As many as run side by side; the others are queued.
_THREADS = ThreadPoolExecutor(max_workers=4, thread_name_prefix="athena")


class Execution:
    """One execution of one statement."""

    def __init__(self, statement: Statement, account_id: str, region: str, asked: dict[str, Any], work_group: Any, output: str):
        self.id = str(uuid.uuid4())
        self.statement, self.account_id, self.region = statement, account_id, region
        self.asked, self.workgroup, self.output = asked, work_group, output
        self.query: str = asked["QueryString"]
        self.state, self.reason, self.error = "QUEUED", None, None
        self.submitted, self.started, self.ended = time.time(), 0.0, 0.0
        self.outcome = Outcome()
        self._session: Session | None = None
        self._is_stopped = threading.Event()
        self._lock = threading.Lock()

    @property
    def database(self) -> str:
        """The database in which names are looked up."""
        return ((self.asked.get("QueryExecutionContext") or {}).get("Database") or "default").lower()

    @property
    def file(self) -> str:
        """Where the result lies, by the kind of statement."""
        folder = self.output.rstrip("/")
        if self.statement.detail == "CREATE_TABLE_AS_SELECT":
            return f"{folder}/tables/{self.id}"
        if self.statement.detail in ("INSERT", "UNLOAD"):
            return f"{folder}/{self.id}"
        return f"{folder}/{self.id}.{'csv' if self.statement.detail == 'SELECT' else 'txt'}"

    def start(self) -> None:
        """Queues it."""
        self._tell(None)
        _THREADS.submit(self._run)

    def stop(self) -> None:
        """Cancels it, unless it has ended."""
        self._is_stopped.set()
        with self._lock:
            if self.state == "QUEUED":
                self._end("CANCELLED", "Query cancelled by user")
            elif self._session is not None:
                self._session.cancel()

    def _run(self) -> None:
        with self._lock:
            if self.state != "QUEUED":
                return
            self.state, self.started = "RUNNING", time.time()
        self._tell("QUEUED")
        fault = faults.FAULTS.of_statement(self.query)
        try:
            self._session = Session(self.account_id, self.region, self.database, self.id)
            if fault and fault.delay and self._is_stopped.wait(fault.delay) or self._is_stopped.is_set():
                raise Cancelled("Query cancelled by user")
            configured = (self.workgroup.configuration or {}) if self.workgroup else {}
            run = Run(
                self._session, self.id, self.output, configured.get("BytesScannedCutoffPerQuery"), fault, self.asked.get("ExecutionParameters") or []
            )
            from account.athena import functions, writing

            writing.fail(fault, "start")
            functions.check(self.query)
            outcome = self.statement.run(run)
            self.outcome = outcome
            writing.fail(fault, "half", "files", "end")
            self._leave_files()
            self._end("SUCCEEDED", None)
        except Cancelled as error:
            self.outcome = getattr(error, "outcome", self.outcome)
            self._end("CANCELLED", str(error))
        except QueryError as error:
            reason = error.placed(self.query)
            self.error = {"ErrorCategory": error.category, "ErrorType": error.kind, "Retryable": error.category == 1, "ErrorMessage": reason}
            self._end("FAILED", reason)
        except Exception as error:  # whatever happens in a thread has to reach whoever asks
            traceback.print_exc()
            message = f"STAND_IN_ERROR: {type(error).__name__}: {getattr(error, 'message', None) or error}"
            self.error = {"ErrorCategory": 1, "ErrorType": 233, "Retryable": False, "ErrorMessage": message}
            self._end("FAILED", message)
        finally:
            session, self._session = self._session, None
            if session is not None:
                session.close()

    def _leave_files(self) -> None:
        """The result's file, or the list of the files that were written."""
        buckets, outcome = Buckets(self.account_id), self.outcome
        if outcome.manifest is not None:
            listed = "".join(f"{place}\n" for place in outcome.manifest)
            buckets.put(Place.of(f"{self.output.rstrip('/')}/{self._manifest_name()}"), listed.encode())
            return
        if self.statement.detail == "SELECT":
            header = [[name for name, _ in outcome.columns]]
            text = "".join(results.csv_line(row) for row in [*header, *outcome.rows])
            outcome.output_bytes = len(text.encode())
        else:
            text = "".join("\t".join(value or "" for value in row) + "\n" for row in outcome.rows)
        try:
            buckets.put(Place.of(self.file), text.encode())
            buckets.put(Place.of(f"{self.file}.metadata"), b"")
        except NoSuchBucket as error:
            raise QueryError("HIVE_FILESYSTEM_ERROR", f"The specified bucket does not exist: {error}") from None

    def _manifest_name(self) -> str:
        return f"{'tables/' if self.statement.detail == 'CREATE_TABLE_AS_SELECT' else ''}{self.id}-manifest.csv"

    def _end(self, state: str, reason: str | None) -> None:
        self.ended = time.time()
        self.started = self.started or self.ended
        previous, self.reason = self.state, reason
        self.state = state
        self._tell(previous)

    def _tell(self, previous: str | None) -> None:
        """The state change on EventBridge, from a thread of its own: rules call functions, which may ask for this execution."""
        now = datetime.datetime.now(datetime.timezone.utc)
        detail = {
            "versionId": "0", "currentState": self.state, "statementType": self.statement.kind,
            "queryExecutionId": self.id, "workgroupName": self.workgroup.name if self.workgroup else "primary",
            "sequenceNumber": str({"QUEUED": 1, "RUNNING": 2}.get(self.state, 3)),
        }  # fmt: skip
        if previous:
            detail["previousState"] = previous
        if self.error:
            detail["athenaError"] = {
                "errorCategory": self.error["ErrorCategory"], "errorType": self.error["ErrorType"],
                "errorMessage": self.error["ErrorMessage"], "retryable": self.error["Retryable"],
            }  # fmt: skip
        event = {
            "version": "0", "id": str(uuid.uuid4()), "detail-type": "Athena Query State Change", "source": "aws.athena",
            "account": self.account_id, "time": f"{now:%Y-%m-%dT%H:%M:%SZ}", "region": self.region, "resources": [], "detail": detail,
        }  # fmt: skip
        from account import events

        events.publish(self.account_id, self.region, event)

    def statistics(self) -> dict[str, Any]:
        """`Statistics` of GetQueryExecution."""
        end = self.ended or time.time()
        started = self.started or end
        queued, engine = round((started - self.submitted) * 1000), round((end - started) * 1000)
        said: dict[str, Any] = {
            "EngineExecutionTimeInMillis": engine, "DataScannedInBytes": self.outcome.input_bytes, "TotalExecutionTimeInMillis": queued + engine,
            "QueryQueueTimeInMillis": queued, "ServicePreProcessingTimeInMillis": 0, "QueryPlanningTimeInMillis": 0,
            "ServiceProcessingTimeInMillis": 0, "ResultReuseInformation": {"ReusedPreviousResult": False},
        }  # fmt: skip
        if self.outcome.manifest is not None:
            said["DataManifestLocation"] = f"{self.output.rstrip('/')}/{self._manifest_name()}"
        return said

    def described(self) -> dict[str, Any]:
        """`QueryExecution` of GetQueryExecution."""
        status: dict[str, Any] = {"State": self.state, "SubmissionDateTime": self.submitted}
        if self.ended:
            status["CompletionDateTime"] = self.ended
        if self.reason:
            status["StateChangeReason"] = self.reason
        if self.error:
            status["AthenaError"] = self.error
        said: dict[str, Any] = {
            "QueryExecutionId": self.id, "Query": self.query, "StatementType": self.statement.kind, "SubstatementType": self.statement.detail,
            "ResultConfiguration": {**(self.asked.get("ResultConfiguration") or {}), "OutputLocation": self.file},
            "ResultReuseConfiguration": {"ResultReuseByAgeConfiguration": {"Enabled": False}},
            "QueryExecutionContext": self.asked.get("QueryExecutionContext") or {}, "Status": status, "Statistics": self.statistics(),
            "WorkGroup": self.workgroup.name if self.workgroup else "primary",
            "EngineVersion": {"SelectedEngineVersion": "AUTO", "EffectiveEngineVersion": "Athena engine version 3"},
        }  # fmt: skip
        if self.asked.get("ExecutionParameters"):
            said["ExecutionParameters"] = self.asked["ExecutionParameters"]
        return said
