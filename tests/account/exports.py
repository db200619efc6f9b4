"""Exports of cluster snapshots: a finished one writes the files that a test put aside, in the folders and beside the notes of RDS.

`POST /tarn-account/exports {"table": "crm.public.customers", "from": "s3://aside/customers/"}` puts files aside for a table;
`{"status": "FAILED", "cause": "…"}` makes the next export end so. `GET` tells the exports so far, `DELETE` forgets all of it.
"""
import json
import uuid
from typing import Any, Mapping


class Exports:
    """What exports write, and how they end."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Forgets files and ends."""
        self._tables: dict[str, str] = {}
        self._ends: list[dict[str, Any]] = []
        self._made: list[dict[str, Any]] = []

    def post(self, _path: list[str], body: Any) -> Any:
        """Puts the files of a table aside, or an end."""
        if "table" in body:
            self._tables[body["table"]] = body["from"]
        else:
            self._ends.append({"status": body["status"], "cause": body.get("cause")})
        return {"tables": self._tables, "ends": len(self._ends)}

    def get(self, _path: list[str], _query: Mapping[str, str]) -> Any:
        """The exports that were started, and of what."""
        return self._made

    def made(self, task: Any) -> None:
        """An export has been started: its end is the one that waits, or it is complete and writes its files."""
        self._made.append({"task": task.export_task_identifier, "source": task.source_arn, "tables": list(task.export_only), "bucket": task.s3_bucket})
        end = self._ends.pop(0) if self._ends else {"status": "COMPLETE", "cause": None}
        task.end = end["status"]
        task.failure_cause = end["cause"]
        # The first that is told of an export is that it begins.
        task.status = "STARTING"
        if task.end == "COMPLETE":
            self._write(task)

    def _write(self, task: Any) -> None:
        folder = "/".join(part for part in (task.s3_prefix, task.export_task_identifier) if part)
        states = []
        for table in task.export_only:
            database, name = table.split(".", 1)
            source = self._tables.get(table)
            bodies = _objects(source) if source else []
            for number, body in enumerate(bodies):
                place = f"{folder}/{database}/{name}/1"
                _put(task.s3_bucket, f"{place}/part-{number:05d}-{uuid.uuid4()}-c000.gz.parquet", body)
                _put(task.s3_bucket, f"{place}/_SUCCESS", b"")
            status = {"target": table, "status": "COMPLETE"} if source else {"target": table, "status": "FAILED", "warningMessage": "no such table"}
            states.append({"tableStatistics": {"partitioningInfo": {"numberOfPartitions": 1, "numberOfCompletedPartitions": 1}}, "sizeGB": 0.0, **status})
        task_name = task.export_task_identifier
        told = {"exportTaskIdentifier": task_name, "sourceArn": task.source_arn, "exportOnly": task.export_only, "status": "COMPLETE", "percentProgress": 100}
        _put(task.s3_bucket, f"{folder}/export_info_{task_name}.json", json.dumps(told).encode())
        _put(task.s3_bucket, f"{folder}/export_tables_info_{task_name}_from_1_to_{len(states)}.json", json.dumps({"perTableStatus": states}).encode())


EXPORTS = Exports()


def _backend() -> Any:
    from moto.core import DEFAULT_ACCOUNT_ID
    from moto.s3.models import s3_backends

    return s3_backends[DEFAULT_ACCOUNT_ID]["aws"]


def _objects(uri: str) -> list[bytes]:
    bucket, _, prefix = uri.removeprefix("s3://").partition("/")
    backend = _backend()
    keys = sorted(key for key in backend.get_bucket(bucket).keys if key.startswith(prefix))
    return [backend.get_object(bucket, key).value for key in keys]


def _put(bucket: str, key: str, body: bytes) -> None:
    _backend().put_object(bucket, key, body)


def mend() -> None:
    """Exports that begin, end and write; and RDS's errors under the names that Step Functions gives them."""
    import moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_aws_sdk as integrations
    from moto.rds.models import RDSBackend

    start, describe = RDSBackend.start_export_task, RDSBackend.describe_export_tasks

    def start_export_task(self: Any, kwargs: dict[str, Any]) -> Any:
        task = start(self, kwargs)
        EXPORTS.made(task)
        return task

    def describe_export_tasks(self: Any, export_task_identifier: str) -> Any:
        tasks = list(describe(self, export_task_identifier))
        for task in tasks:
            # Looked at once it is under way, looked at again it has ended.
            if task.status == "IN_PROGRESS":
                task.status = task.end
            elif task.status == "STARTING":
                task.status = "IN_PROGRESS"
        return tasks

    RDSBackend.start_export_task = start_export_task
    RDSBackend.describe_export_tasks = describe_export_tasks

    names = integrations.StateTaskServiceAwsSdk._normalise_exception_name

    def exception_name(norm_service_name: str, ex: Exception) -> str:
        if norm_service_name.lower() != "rds":
            return names(norm_service_name, ex)
        code = getattr(ex, "response", {}).get("Error", {}).get("Code", "Rds").removesuffix("Fault").removesuffix("Exception")
        return f"Rds.{code.replace('DBCluster', 'DbCluster').replace('DBInstance', 'DbInstance')}Exception"

    integrations.StateTaskServiceAwsSdk._normalise_exception_name = staticmethod(exception_name)
