"""Firehose's way from a record to S3: raw backup, transform by a function, partitions, Parquet by a Glue table, and what goes wrong.

There is no buffer: each call is delivered before it is answered, so that a test need not wait.
"""
import base64
import datetime
import gzip
import io
import json
import re
import time
import uuid
import zoneinfo
from typing import Any

from account.buckets import Buckets, Place

MOST_RECORDS, MOST_BYTES, LARGEST_RECORD = 500, 4 * 1024 * 1024, 1_024_000
LARGEST_ANSWER = 6 * 1024 * 1024
ATTEMPTS = 4


class Delivery:
    """One call's records on their way to one destination."""

    def __init__(self, backend: Any, stream: str, version: str, destination: dict[str, Any]):
        self.backend, self.stream, self.version, self.destination = backend, stream, version, destination
        self.bucket = _bucket(destination)
        self.buckets = Buckets(backend.account_id)

    def deliver(self, records: list[bytes]) -> list[str]:
        """Delivers them; the records' ids."""
        given = [
            {"recordId": f"{uuid.uuid4().hex}{number:08d}", "approximateArrivalTimestamp": int(time.time() * 1000), "data": base64.b64encode(record).decode()}
            for number, record in enumerate(records)
        ]
        if self.destination.get("S3BackupMode") == "Enabled":
            self._back_up(records)
        groups: dict[str, list[bytes]] = {}
        for record in self._transformed(given):
            data = base64.b64decode(record["data"])
            try:
                prefix = self._prefix((record.get("metadata") or {}).get("partitionKeys") or {})
            except KeyError as error:
                self._fail("dynamic-partitioning-failed", "DynamicPartitioning.MetadataMissing", f"partition key {error} is missing", [record])
                continue
            groups.setdefault(prefix, []).append(data)
        for prefix, data in groups.items():
            self._write(prefix, data)
        return [record["recordId"] for record in given]

    def _back_up(self, records: list[bytes]) -> None:
        said = next(self.destination[name] for name in ("S3BackupDescription", "S3BackupConfiguration", "S3BackupUpdate") if self.destination.get(name))
        prefix = _expanded(said.get("Prefix") or "", {})
        if "!{timestamp" not in (said.get("Prefix") or ""):
            prefix += time.strftime("%Y/%m/%d/%H/", time.gmtime())
        body, ending = b"".join(records), ""
        if said.get("CompressionFormat") == "GZIP":
            body, ending = gzip.compress(body), ".gz"
        self.buckets.put(Place(_bucket(said), prefix + self._name() + ending), body)

    def _transformed(self, given: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """What the function makes of the records; those that it drops are gone, those that fail are kept apart."""
        arn = self._function()
        if arn is None:
            return given
        from moto.awslambda.utils import get_backend

        from account import functions

        function = get_backend(self.backend.account_id, self.backend.region_name).get_function(arn.removesuffix(":$LATEST"))
        event = json.dumps({
            "invocationId": str(uuid.uuid4()), "deliveryStreamArn": self.backend.delivery_streams[self.stream].delivery_stream_arn,
            "region": self.backend.region_name, "records": given,
        })  # fmt: skip
        why = ""
        for _ in range(ATTEMPTS):
            answer, error, _ = functions.invoke_by_service(function, event)
            why = answer
            if error is None and len(answer.encode()) <= LARGEST_ANSWER:
                break
        else:
            self._fail("processing-failed", "Lambda.FunctionError", why[:500], given)
            return []
        answered = {record.get("recordId"): record for record in json.loads(answer).get("records", [])}
        good = []
        for record in given:
            made = answered.get(record["recordId"])
            if made is None:
                self._fail("processing-failed", "Lambda.MissingRecordId", "the function did not answer this record", [record])
            elif made.get("result") == "Ok":
                good.append(made)
            elif made.get("result") != "Dropped":
                self._fail("processing-failed", "Lambda.ProcessingFailedStatus", "ProcessingFailed status set for record", [record])
        return good

    def _function(self) -> str | None:
        processing = self.destination.get("ProcessingConfiguration") or {}
        if not processing.get("Enabled"):
            return None
        for processor in processing.get("Processors", []):
            if processor["Type"] == "Lambda":
                return next(each["ParameterValue"] for each in processor["Parameters"] if each["ParameterName"] == "LambdaArn")
        return None

    def _prefix(self, keys: dict[str, Any]) -> str:
        said = self.destination.get("Prefix") or ""
        prefix = _expanded(said, keys, zone=self.destination.get("CustomTimeZone"))
        return prefix if "!{" in said else prefix + time.strftime("%Y/%m/%d/%H/", time.gmtime())

    def _write(self, prefix: str, records: list[bytes]) -> None:
        conversion = self.destination.get("DataFormatConversionConfiguration") or {}
        if conversion.get("Enabled"):
            body = self._parquet(conversion, records)
            if body is not None:
                self.buckets.put(Place(self.bucket, f"{prefix}{self._name()}.parquet"), body)
            return
        body, ending = b"".join(records), self.destination.get("FileExtension") or ""
        if self.destination.get("CompressionFormat") == "GZIP":
            body, ending = gzip.compress(body), ending or ".gz"
        self.buckets.put(Place(self.bucket, prefix + self._name() + ending), body)

    def _parquet(self, conversion: dict[str, Any], records: list[bytes]) -> bytes | None:
        """The records as Parquet by the Glue table's columns; those that do not fit go to the errors one by one."""
        import pyarrow.parquet

        said = conversion["SchemaConfiguration"]
        from account.athena.catalogue import Catalogue

        table = Catalogue(self.backend.account_id, said.get("Region") or self.backend.region_name).get(said["DatabaseName"], said["TableName"])
        columns = {column.name: column.kind.duckdb() for column in table.columns}
        fitting = []
        for record in records:
            try:
                _rows(columns, [record])
                fitting.append(record)
            except ValueError as error:
                failed = {"data": base64.b64encode(record).decode(), "approximateArrivalTimestamp": int(time.time() * 1000)}
                self._fail("format-conversion-failed", "DataFormatConversion.ParseError", str(error)[:500], [failed])
        if not fitting:
            return None
        target = io.BytesIO()
        pyarrow.parquet.write_table(_rows(columns, fitting), target, compression="snappy", use_deprecated_int96_timestamps=True, store_schema=False)
        return target.getvalue()

    def _fail(self, kind: str, code: str, why: str, records: list[dict[str, Any]]) -> None:
        """Writes records to the error prefix as AWS does, with the reason."""
        now = int(time.time() * 1000)
        lines = [
            json.dumps({
                "attemptsMade": ATTEMPTS if code == "Lambda.FunctionError" else 1, "arrivalTimestamp": record["approximateArrivalTimestamp"],
                "errorCode": code, "errorMessage": why, "attemptEndingTimestamp": now, "rawData": record["data"], "lambdaArn": self._function(),
            }) + "\n"
            for record in records
        ]  # fmt: skip
        said = self.destination.get("ErrorOutputPrefix") or ""
        prefix = _expanded(said, {}, kind, self.destination.get("CustomTimeZone")) if "!{" in said else f"{said}{kind}/" + time.strftime("%Y/%m/%d/%H/", time.gmtime())
        self.buckets.put(Place(self.bucket, prefix + self._name()), "".join(lines).encode())

    def _name(self) -> str:
        return f"{self.stream}-{self.version}-{time.strftime('%Y-%m-%d-%H-%M-%S', time.gmtime())}-{uuid.uuid4()}"


def _bucket(said: dict[str, Any]) -> str:
    return said["BucketARN"].split(":")[-1]


def _expanded(prefix: str, keys: dict[str, Any], error: str = "", zone: str | None = None) -> str:
    """A prefix with its `!{…}` filled in, times at the clock of the zone; a KeyError when a partition's key is missing."""
    letters = {"yyyy": "%Y", "MM": "%m", "dd": "%d", "HH": "%H", "mm": "%M", "ss": "%S"}
    now = datetime.datetime.now(zoneinfo.ZoneInfo(zone or "UTC"))

    def moment(found: re.Match[str]) -> str:
        return time.strftime(re.sub("yyyy|MM|dd|HH|mm|ss", lambda each: letters[each[0]], found[1].replace("'", "")), now.timetuple())

    prefix = re.sub(r"!\{timestamp:([^}]+)\}", moment, prefix)
    prefix = re.sub(r"!\{partitionKeyFrom(?:Lambda|Query):([^}]+)\}", lambda found: str(keys[found[1]]), prefix)
    return prefix.replace("!{firehose:error-output-type}", error).replace("!{firehose:random-string}", uuid.uuid4().hex[:11])


def _rows(columns: dict[str, str], records: list[bytes]) -> Any:
    """The records as rows of these columns; a ValueError when one does not fit."""
    import duckdb

    from account import leftovers

    if not _SCRATCH:
        _SCRATCH.append(leftovers.folder("conversion"))
    file = _SCRATCH[0] / uuid.uuid4().hex
    file.write_bytes(b"".join(record.rstrip(b"\n") + b"\n" for record in records))
    connection = duckdb.connect()
    try:
        said = ", ".join("'" + name.replace("'", "''") + f"': '{kind}'" for name, kind in columns.items())
        return connection.sql(f"SELECT * FROM read_json('{file}', format = 'newline_delimited', columns = {{{said}}})").to_arrow_table()
    except duckdb.Error as error:
        raise ValueError(str(error)) from None
    finally:
        connection.close()
        file.unlink()


_SCRATCH: list[Any] = []


def mend() -> None:
    """Puts the way above in the place of moto's, and Firehose's limits before it."""
    from moto.core.exceptions import JsonRESTError
    from moto.firehose.models import FirehoseBackend

    def put(self: Any, stream: str, version: str, destination: dict[str, Any], records: list[dict[str, Any]]) -> list[dict[str, str]]:
        data = [record["Data"] if isinstance(record["Data"], bytes) else base64.b64decode(record["Data"]) for record in records]
        if len(data) > MOST_RECORDS:
            raise JsonRESTError("ValidationException", f"Member must have length less than or equal to {MOST_RECORDS}")
        if sum(map(len, data)) > MOST_BYTES or any(len(each) > LARGEST_RECORD for each in data):
            raise JsonRESTError("InvalidArgumentException", "Record or batch is too large")
        return [{"RecordId": each} for each in Delivery(self, stream, version, destination).deliver(data)]

    FirehoseBackend.put_s3_records = put
