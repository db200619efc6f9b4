"""What CTAS, INSERT and UNLOAD write: files in S3 and, for tables, partitions in Glue."""
import datetime
import io
import uuid
from dataclasses import dataclass, field
from typing import Any

from account import faults
from account.athena import files
from account.athena.catalogue import Column, Table
from account.athena.errors import QueryError
from account.athena.session import Session
from account.athena.types import Type
from account.buckets import Place, escaped

OPEN_WRITERS = 100
ROWS_PER_FILE = 250_000

_FORMATS = {
    "PARQUET": ("org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat",
                "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat",
                "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"),
    "ORC": ("org.apache.hadoop.hive.ql.io.orc.OrcInputFormat", "org.apache.hadoop.hive.ql.io.orc.OrcOutputFormat",
            "org.apache.hadoop.hive.ql.io.orc.OrcSerde"),
}  # fmt: skip


@dataclass
class Target:
    """Where and how rows are written. The partitions' columns come last."""

    location: Place
    columns: list[Column]
    partition_columns: list[Column] = field(default_factory=list)
    format: str = "PARQUET"
    compression: str = "GZIP"
    bucketed_by: list[str] = field(default_factory=list)
    bucket_count: int = 0
    # Where each partition goes that exists already, by its values.
    known_partitions: dict[tuple[str, ...], str] = field(default_factory=dict)
    # Where partition projection looks for a partition, with `${column}` in place of its values.
    template: str | None = None

    def storage(self, location: str) -> dict[str, Any]:
        """The StorageDescriptor of the table or of a partition."""
        if self.format not in _FORMATS:
            raise QueryError("NOT_SUPPORTED", f"the stand-in does not write {self.format}")
        given, made, library = _FORMATS[self.format]
        return {
            "Columns": [{"Name": column.name, "Type": column.kind.hive()} for column in self.columns],
            "Location": location, "InputFormat": given, "OutputFormat": made, "Compressed": False,
            "NumberOfBuckets": self.bucket_count or -1,
            "SerdeInfo": {"SerializationLibrary": library, "Parameters": {}},
            "BucketColumns": self.bucketed_by, "SortColumns": [], "Parameters": {}, "StoredAsSubDirectories": False,
        }  # fmt: skip


@dataclass
class Written:
    """What was written."""

    rows: int = 0
    size: int = 0
    files: list[Place] = field(default_factory=list)
    # By its values, where each partition lies that was written to.
    partitions: dict[tuple[str, ...], str] = field(default_factory=dict)


def columns_of(described: list[tuple[str, Type]], partitioned_by: list[str]) -> tuple[list[Column], list[Column]]:
    """Splits a query's columns into those of the files and those of the partitions; a QueryError when they cannot make a table."""
    from account.athena import translate

    columns = []
    for position, (name, kind) in enumerate(described, 1):
        if translate.is_unnamed(name):
            raise QueryError("MISSING_COLUMN_NAME", f"line 1:1: Column name not specified at position {position}")
        if any(column.name == name.lower() for column in columns):
            raise QueryError("DUPLICATE_COLUMN_NAME", f"line 1:1: Column name '{name}' specified more than once")
        if kind.name == "unknown":
            raise QueryError("COLUMN_TYPE_UNKNOWN", f"line 1:1: Column type is unknown: {name}")
        kind.hive()
        columns.append(Column(name.lower(), kind))
    names = [column.name for column in columns]
    for name in partitioned_by:
        if name not in names:
            raise QueryError("INVALID_TABLE_PROPERTY", f"Partition column '{name}' not present in schema")
    if len(partitioned_by) == len(columns):
        raise QueryError("INVALID_TABLE_PROPERTY", "Table contains only partition columns")
    if partitioned_by and names[-len(partitioned_by) :] != partitioned_by:
        raise QueryError("HIVE_COLUMN_ORDER_MISMATCH", "Partition keys must be the last columns in the table and in the same order as the table properties: "
                         f"[{', '.join(partitioned_by)}]")  # fmt: skip
    last = len(columns) - len(partitioned_by)
    return columns[:last], columns[last:]


def write(session: Session, sql: str, target: Target, query_id: str, fault: faults.Fault | None) -> Written:
    """Runs a translated query and writes its rows."""
    columns = [*target.columns, *target.partition_columns]
    casts = ", ".join(f'CAST(c{i} AS {_engine_type(column)}) AS "{column.name}"' for i, column in enumerate(columns))
    names = ", ".join(f"c{i}" for i in range(len(columns)))
    rows = session.arrow(f"SELECT {casts} FROM ({sql}) AS result({names})")
    written = Written(rows=rows.num_rows)
    groups = _groups(rows, target)
    if len(groups) > OPEN_WRITERS:
        raise QueryError(
            "HIVE_TOO_MANY_OPEN_PARTITIONS", f"Exceeded limit of {OPEN_WRITERS} open writers for partitions/buckets", kind=1101
        )
    for values, _, _ in groups:
        _refuse_unprintable(values)
    pieces = []
    for values, bucket, group in groups:
        folder = _folder(target, values)
        if values:
            written.partitions[values] = str(folder).rstrip("/")
        for start in range(0, group.num_rows, ROWS_PER_FILE):
            name = f"{_stamp(query_id)}_{uuid.uuid4()}" if bucket is None else f"{_stamp(query_id)}_bucket-{bucket:05d}"
            pieces.append((folder / name, group.slice(start, ROWS_PER_FILE)))
    stop = len(pieces) // 2 if fault and fault.at == "half" else len(pieces)
    for place, piece in pieces[:stop]:
        body = _encoded(piece.drop_columns([column.name for column in target.partition_columns]), target)
        session.buckets.put(place, body)
        written.files.append(place)
        written.size += len(body)
    fail(fault, "half", "files")
    return written


def _refuse_unprintable(values: tuple[str, ...]) -> None:
    """Trino's writer keeps partition values to printable ASCII; readers take any."""
    for value in values:
        if any(not 0x20 <= ord(character) <= 0x7E for character in value):
            said = value.encode().hex(" ").upper()
            raise QueryError(
                "HIVE_INVALID_PARTITION_VALUE",
                f"Hive partition keys can only contain printable ASCII characters (0x20 - 0x7E). Invalid value: {said}",
            )


def fail(fault: faults.Fault | None, *stages: str) -> None:
    """Ends the statement where the test wants it to."""
    if fault is not None and fault.at in stages:
        if fault.error:
            raise QueryError(fault.error, fault.message)
        raise QueryError("GENERIC_INTERNAL_ERROR", fault.message, category=1, kind=233)


def register_partitions(session: Session, table: Table, target: Target, written: Written) -> None:
    """Registers the partitions that were written and are not known."""
    stored = session.catalogue.glue.get_table(table.database, table.name)
    for values, location in written.partitions.items():
        if list(values) not in [partition.values for partition in list(stored.partitions.values())]:
            stored.create_partition({"Values": list(values), "StorageDescriptor": target.storage(location), "Parameters": {}})


def _engine_type(column: Column) -> str:
    return "TIMESTAMP_MS" if column.kind.name == "timestamp" else column.kind.duckdb()


def _stamp(query_id: str) -> str:
    now = datetime.datetime.now(datetime.timezone.utc)
    return f"{now:%Y%m%d_%H%M%S}_{int(query_id[:4], 16):05d}_{query_id[4:8]}{query_id[9]}"


def _folder(target: Target, values: tuple[str, ...]) -> Place:
    if values in target.known_partitions:
        return Place.of(target.known_partitions[values]).folder()
    if target.template:
        said = target.template
        for column, value in zip(target.partition_columns, values):
            said = said.replace(f"${{{column.name}}}", value if value == files.NULL_PARTITION else escaped(value))
        return Place.of(said).folder()
    place = target.location.folder()
    for column, value in zip(target.partition_columns, values):
        place = (place / f"{escaped(column.name)}={value if value == files.NULL_PARTITION else escaped(value)}").folder()
    return place


def _groups(rows: Any, target: Target) -> list[tuple[tuple[str, ...], int | None, Any]]:
    """The rows by partition and bucket, in the order of the values."""
    import numpy
    import pyarrow
    import pyarrow.compute

    if rows.num_rows == 0:
        return []
    keys = [rows.column(column.name).combine_chunks() for column in target.partition_columns]
    if target.bucket_count:
        hashed = [int.from_bytes(repr(row).encode()[-6:], "big") for row in zip(*(rows.column(name).to_pylist() for name in target.bucketed_by))]
        keys.append(pyarrow.array([value % target.bucket_count for value in hashed]))
    if not keys:
        return [((), None, rows)]
    ids = numpy.zeros(rows.num_rows, dtype=numpy.int64)
    for key in keys:
        encoded = pyarrow.compute.dictionary_encode(key, null_encoding="encode")
        _, ids = numpy.unique(ids * (len(encoded.dictionary) + 1) + encoded.indices.to_numpy(zero_copy_only=False), return_inverse=True)
    order = numpy.argsort(ids, kind="stable")
    starts = numpy.flatnonzero(numpy.diff(ids[order], prepend=-1))
    groups = []
    for number, start in enumerate(starts):
        end = starts[number + 1] if number + 1 < len(starts) else len(order)
        group = rows.take(pyarrow.array(order[start:end]))
        values = tuple(_partition_value(group.column(column.name)[0].as_py(), column.kind) for column in target.partition_columns)
        bucket = keys[-1][int(order[start])].as_py() if target.bucket_count else None
        groups.append((values, bucket, group))
    return groups


def _partition_value(value: Any, kind: Type) -> str:
    from account.athena import results

    if value is None:
        return files.NULL_PARTITION
    if kind.name == "timestamp":
        return str(value)
    return results.text(value, kind) or ""


def _encoded(piece: Any, target: Target) -> bytes:
    body = io.BytesIO()
    if target.format == "ORC":
        import pyarrow.orc

        names = {"NONE": "uncompressed", "GZIP": "zlib"}
        pyarrow.orc.write_table(piece, body, compression=names.get(target.compression, target.compression.lower()))
    else:
        import pyarrow.parquet

        # Timestamps as INT96 and decimals as integers where they fit: so Athena's own files have them.
        pyarrow.parquet.write_table(
            piece, body, compression=target.compression.lower(), use_deprecated_int96_timestamps=True, store_schema=False,
            store_decimal_as_integer=True,
        )  # fmt: skip
    return body.getvalue()
