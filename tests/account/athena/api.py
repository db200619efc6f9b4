"""Athena's API calls, in place of those of moto that only pretend."""
import json
from typing import Any

from account.athena import results
from account.athena.errors import Refused
from account.athena.executions import Execution
from account.athena.properties import properties
from account.athena.statements import CreateTableAsSelect, understood
from account.buckets import Buckets, Place

MAXIMAL_STATEMENT = 262_144


def _error(message: str, code: str | None = None) -> Exception:
    from moto.core.exceptions import JsonRESTError

    refused = JsonRESTError("InvalidRequestException", message)
    if code:
        refused.description = json.dumps({"__type": "InvalidRequestException", "Message": message, "message": message, "AthenaErrorCode": code})
    return refused


def start_query_execution(self: Any) -> str:
    """Checks what can be told at once, and queues the statement."""
    backend, asked = self.athena_backend, json.loads(self.body)
    sql, token = asked.get("QueryString") or "", asked.get("ClientRequestToken")
    if not 1 <= len(sql.encode()) <= MAXIMAL_STATEMENT:
        raise _error(f"1 validation error detected: Value at 'queryString' failed to satisfy constraint: Member must have length between 1 and {MAXIMAL_STATEMENT}")
    if token is not None and not 32 <= len(token) <= 128:
        raise _error("1 validation error detected: Value at 'clientRequestToken' failed to satisfy constraint: Member must have length between 32 and 128")
    name = asked.get("WorkGroup") or "primary"
    group = backend.work_groups.get(name)
    if group is None:
        raise _error(f"WorkGroup {name} is not found.")
    if group.state != "ENABLED":
        raise _error(f"WorkGroup {name} is disabled.")
    tokens = backend.__dict__.setdefault("request_tokens", {})
    if token in tokens:
        earlier = tokens[token]
        if {**earlier.asked, "ClientRequestToken": None} != {**asked, "ClientRequestToken": None}:
            raise _error("Idempotent parameters do not match")
        return json.dumps({"QueryExecutionId": earlier.id})
    output = _output(self, group, asked)
    try:
        statement = understood(sql)
    except Refused as refused:
        raise _error(str(refused), "MALFORMED_QUERY") from None
    if isinstance(statement, CreateTableAsSelect) and _enforced(group) and "external_location" in properties(statement.parsed):
        raise _error(
            "The Create Table As Select query failed because it was submitted with an 'external_location' property to an Athena Workgroup that "
            "enforces a centralized output location for all queries. Please remove the 'external_location' property and resubmit the query."
        )
    execution = Execution(statement, backend.account_id, backend.region_name, asked, group, output)
    backend.executions[execution.id] = execution
    if token is not None:
        tokens[token] = execution
    execution.start()
    return json.dumps({"QueryExecutionId": execution.id})


def _output(self: Any, group: Any, asked: dict[str, Any]) -> str:
    """Where results go: what the work group says counts when it enforces it, or when the caller says nothing."""
    of_group = ((group.configuration or {}).get("ResultConfiguration") or {}).get("OutputLocation")
    given = (asked.get("ResultConfiguration") or {}).get("OutputLocation")
    output = of_group if _enforced(group) else given or of_group
    if not output:
        raise _error(
            "No output location provided. An output location is required either through the Workgroup result configuration setting or as an API input."
        )
    try:
        place = Place.of(output)
    except ValueError:
        raise _error(f"outputLocation is not a valid S3 path.: {output}") from None
    if not Buckets(self.athena_backend.account_id).exists(place.bucket):
        raise _error(f"Unable to verify/create output bucket {place.bucket}")
    return output


def _enforced(group: Any) -> bool:
    """Whether the work group insists on a place of its own."""
    configuration = group.configuration or {}
    return bool(configuration.get("EnforceWorkGroupConfiguration") and (configuration.get("ResultConfiguration") or {}).get("OutputLocation"))


def _execution(self: Any) -> Execution:
    query_id = self._get_param("QueryExecutionId")
    execution = self.athena_backend.executions.get(query_id)
    if execution is None:
        raise _error(f"QueryExecution {query_id} was not found")
    return execution


def get_query_execution(self: Any) -> str:
    """State, statistics, and why it failed."""
    return json.dumps({"QueryExecution": _execution(self).described()})


def batch_get_query_execution(self: Any) -> str:
    """The same for up to 50."""
    wanted = self._get_param("QueryExecutionIds") or []
    if len(wanted) > 50:
        raise _error("1 validation error detected: Value at 'queryExecutionIds' failed to satisfy constraint: Member must have length less than or equal to 50")
    known = self.athena_backend.executions
    missing = [{"QueryExecutionId": each, "ErrorCode": "INVALID_QUERY_EXECUTION_ID", "ErrorMessage": "not found"} for each in wanted if each not in known]
    return json.dumps({"QueryExecutions": [known[each].described() for each in wanted if each in known], "UnprocessedQueryExecutionIds": missing})


def list_query_executions(self: Any) -> str:
    """Ids, the newest first."""
    group = self._get_param("WorkGroup") or "primary"
    ids = [each.id for each in reversed(list(self.athena_backend.executions.values())) if each.workgroup.name == group]
    start, size = int(self._get_param("NextToken") or 0), int(self._get_param("MaxResults") or 50)
    page: dict[str, Any] = {"QueryExecutionIds": ids[start : start + size]}
    if start + size < len(ids):
        page["NextToken"] = str(start + size)
    return json.dumps(page)


def get_query_results(self: Any) -> str:
    """A page of the result; that of a SELECT begins with a row of the columns' names."""
    execution = _execution(self)
    if execution.state != "SUCCEEDED":
        raise _error(f"Query has not yet finished. Current state: {execution.state}" if execution.state in ("QUEUED", "RUNNING")
                     else f"Query did not finish successfully. Final query state: {execution.state}")  # fmt: skip
    size = int(self._get_param("MaxResults") or 1000)
    if not 1 <= size <= 1000:
        raise _error("1 validation error detected: Value at 'maxResults' failed to satisfy constraint: Member must have value less than or equal to 1000")
    outcome, start = execution.outcome, int(self._get_param("NextToken") or 0)
    header = [[name for name, _ in outcome.columns]] if execution.statement.detail == "SELECT" else []
    rows = [*header, *outcome.rows]
    page = [{"Data": [{} if value is None else {"VarCharValue": value} for value in row]} for row in rows[start : start + size]]
    said: dict[str, Any] = {
        "ResultSet": {"Rows": page, "ResultSetMetadata": {"ColumnInfo": [results.column_info(name, kind) for name, kind in outcome.columns]}},
        "UpdateCount": outcome.update_count or 0,
    }  # fmt: skip
    if start + size < len(rows):
        said["NextToken"] = str(start + size)
    return json.dumps(said)


def stop_query_execution(self: Any) -> str:
    """Asks it to end; one that has ended is left as it is."""
    _execution(self).stop()
    return "{}"


def get_query_runtime_statistics(self: Any) -> str:
    """Rows and bytes that went in and came out."""
    execution = _execution(self)
    outcome, statistics = execution.outcome, execution.statistics()
    rows = {
        "InputBytes": outcome.input_bytes, "InputRows": outcome.input_rows, "OutputBytes": outcome.output_bytes, "OutputRows": outcome.output_rows
    }  # fmt: skip
    timeline = {name: value for name, value in statistics.items() if name.endswith("InMillis")}
    stage = {"StageId": 0, "State": "FINISHED" if execution.ended else "RUNNING", "ExecutionTime": statistics["EngineExecutionTimeInMillis"], **rows}
    return json.dumps({"QueryRuntimeStatistics": {"Timeline": timeline, "Rows": rows, "OutputStage": stage}})


def update_work_group(self: Any) -> str:
    """Changes what is named, as Terraform does."""
    name = self._get_param("WorkGroup")
    group = self.athena_backend.work_groups.get(name)
    if group is None:
        raise _error(f"WorkGroup {name} is not found.")
    updates = self._get_param("ConfigurationUpdates") or {}
    group.description = self._get_param("Description") or group.description
    group.state = self._get_param("State") or group.state
    for key, value in updates.items():
        if key == "ResultConfigurationUpdates":
            held = group.configuration.setdefault("ResultConfiguration", {})
            held.update({name: each for name, each in value.items() if not name.startswith("Remove")})
            for removed in (name.removeprefix("Remove") for name, each in value.items() if name.startswith("Remove") and each):
                held.pop(removed, None)
        elif key.startswith("Remove"):
            if value:
                group.configuration.pop(key.removeprefix("Remove"), None)
        else:
            group.configuration[key] = value
    return "{}"


def list_tags_for_resource(self: Any) -> str:
    """A resource's tags; moto takes one without any for one that there is not."""
    return json.dumps(self.athena_backend.list_tags_for_resource(self._get_param("ResourceARN")) or {"Tags": []})


def delete_named_query(self: Any) -> str:
    """Forgets it."""
    self.athena_backend.named_queries.pop(self._get_param("NamedQueryId"), None)
    return "{}"


def delete_prepared_statement(self: Any) -> str:
    """Forgets it."""
    self.athena_backend.prepared_statements.pop(self._get_param("StatementName"), None)
    return "{}"


def install() -> None:
    """Puts the calls in moto's place."""
    from moto.athena.responses import AthenaResponse

    for call in (
        start_query_execution, get_query_execution, batch_get_query_execution, list_query_executions, get_query_results, stop_query_execution,
        get_query_runtime_statistics, update_work_group, list_tags_for_resource, delete_named_query, delete_prepared_statement,
    ):  # fmt: skip
        setattr(AthenaResponse, call.__name__, call)
