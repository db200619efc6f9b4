"""Iceberg tables as Athena's statements see them: commits that are atomic, MERGE, UPDATE and DELETE.

A table's metadata file has Iceberg's name and place and says which files hold the rows, but it is the stand-in's own: no manifests.
Each change writes the rows that it touches anew and commits by one update in Glue; whoever read an older state fails.
"""
import io
import json
import re
import threading
import time
import uuid
from typing import Any, Callable

from sqlglot import exp

from account.athena import statements, writing
from account.athena.catalogue import Column, Table
from account.athena.errors import QueryError
from account.athena.files import DataFile
from account.athena.session import Session
from account.buckets import Place

_TARGET, _SOURCE = "rows to change", "rows to merge"
# Where the two stand in a statement.
_PLACES: dict[str, Callable[[exp.Table], bool]] = {
    _TARGET: lambda node: isinstance(node.parent, (exp.Merge, exp.Update, exp.Delete)) and node.arg_key == "this",
    _SOURCE: lambda node: node.name == _SOURCE,
}
_COMMITS = threading.Lock()
_STORAGE = {
    "InputFormat": "org.apache.hadoop.mapred.FileInputFormat", "OutputFormat": "org.apache.hadoop.mapred.FileOutputFormat",
    "SerdeInfo": {"SerializationLibrary": "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe"},
}  # fmt: skip


def metadata(session: Session, table: Table) -> dict[str, Any]:
    """The present metadata of a table."""
    place = Place.of(table.parameters["metadata_location"])
    try:
        return json.loads(session.buckets.get(place))
    except (KeyError, ValueError):
        raise QueryError("ICEBERG_INVALID_METADATA", f"Metadata not found in metadata location for table {table.database}.{table.name}") from None


def files(session: Session, table: Table) -> list[DataFile]:
    """The files that hold the table's rows."""
    found = []
    for uri in metadata(session, table)["files"]:
        place = Place.of(uri)
        keys = session.buckets.objects(place)
        if not keys or keys[0].name != place.key:
            raise QueryError("ICEBERG_CANNOT_OPEN_SPLIT", f"Error opening Iceberg split {uri}: it is not there")
        found.append(DataFile(keys[0], ()))
    return found


def create_as_select(run: statements.Run, parsed: exp.Expression, said: dict[str, Any], database: str, name: str) -> statements.Outcome:
    """CREATE TABLE … AS SELECT with `table_type = 'ICEBERG'`."""
    session = run.session
    for unknown in ("external_location", "partitioned_by", "bucketed_by", "bucket_count"):
        if unknown in said:
            raise QueryError("INVALID_TABLE_PROPERTY", f"line 1:1: table property '{unknown}' is not supported for Iceberg tables")
    if str(said.get("is_external", "true")).lower() != "false":
        raise QueryError("INVALID_TABLE_PROPERTY", "line 1:1: Iceberg tables need is_external = false")
    if "location" not in said:
        raise QueryError("INVALID_TABLE_PROPERTY", "line 1:1: Iceberg tables need a location")
    place = statements.place_of(said["location"])
    statements.refuse_zones(parsed.expression)
    sql = session.translated(parsed.expression)
    columns, _ = writing.columns_of(session.describe(sql), [])
    _check_types(parsed.expression, columns, session)
    if session.buckets.objects(place.folder()):
        raise QueryError("ICEBERG_FILESYSTEM_ERROR", f"Cannot create a table on a non-empty location: {said['location']}")
    outcome, added = statements.Outcome(), []
    with_data = parsed.find(exp.WithDataProperty)
    if with_data is None or not with_data.args.get("no"):
        statements.measure(run, sql, outcome)
        added = _write(run, sql, columns, place, said.get("partitioning", []), outcome)
    state = {"format-version": 2, "table-uuid": str(uuid.uuid4()), "location": said["location"], "partitioning": said.get("partitioning", []), "files": added}
    described = {
        "Name": name, "Owner": "hadoop", "TableType": "EXTERNAL_TABLE", "Retention": 0, "PartitionKeys": [],
        "Parameters": {"table_type": "ICEBERG", "metadata_location": _write_metadata(session, place, state)},
        "StorageDescriptor": {**_STORAGE, "Location": said["location"], "Columns": [{"Name": c.name, "Type": c.kind.hive()} for c in columns]},
    }  # fmt: skip
    session.catalogue.glue.create_table(database, name, described)
    return outcome


def _check_types(query: exp.Expression, columns: list[Column], session: Session) -> None:
    leftmost = query
    while isinstance(leftmost, (exp.SetOperation, exp.Subquery)):
        leftmost = leftmost.this
    selected = {each.alias_or_name.lower(): each for each in leftmost.expressions} if isinstance(leftmost, exp.Select) else {}
    from_iceberg = any(bound.table.is_iceberg for bound in session.tables)
    for column in columns:
        if column.kind.name in ("tinyint", "smallint"):
            raise QueryError("NOT_SUPPORTED", f"Type not supported for Iceberg: {column.kind}")
        if column.kind.name == "timestamp" and not from_iceberg:
            given = selected.get(column.name)
            value = given.this if isinstance(given, exp.Alias) else given
            if not (isinstance(value, exp.Cast) and value.to.sql("trino").upper() == "TIMESTAMP(6)"):
                raise QueryError("NOT_SUPPORTED", f"Timestamp precision (3) not supported for Iceberg. Use \"timestamp(6)\" instead. (column {column.name})")


def insert(run: statements.Run, table: Table, sql: str) -> statements.Outcome:
    """INSERT INTO; the query has the table's columns in its order."""
    outcome, state = statements.Outcome(), metadata(run.session, table)
    statements.measure(run, sql, outcome)
    added = _write(run, sql, table.columns, Place.of(state["location"]), state["partitioning"], outcome)
    _commit(run.session, table, {**state, "files": [*state["files"], *added]})
    return outcome


class Change(statements.Statement):
    """MERGE, UPDATE and DELETE; on tables of Hive Athena refuses them."""

    def __init__(self, parsed: exp.Expression, text: str):
        super().__init__(parsed, text)
        self.detail = type(parsed).__name__.upper()

    def run(self, run: statements.Run) -> statements.Outcome:
        session = run.session
        table = session.catalogue.get(*session.name_of(self.parsed.this))
        if not table.is_iceberg:
            raise QueryError("NOT_SUPPORTED", "Modifying Hive table rows is only supported for transactional tables")
        state = metadata(session, table)
        rows = session.translated(exp.select("*").from_(exp.table_(table.name, db=table.database, quoted=True)))
        outcome, change = statements.Outcome(), self.parsed.copy()
        given = self._given(session, change) if isinstance(change, exp.Merge) else None
        sql = session.translated(change, _PLACES)
        # What is over the limit must not begin.
        statements.measure_tables(run, outcome)
        session.run(f'CREATE OR REPLACE TEMP TABLE "{_TARGET}" AS {rows}')
        if given is not None:
            session.run(f'CREATE OR REPLACE TEMP TABLE "{_SOURCE}" AS {given}')
            self._check_matches(session, change)
        changed = session.run(sql).fetchall()
        outcome.update_count = outcome.output_rows = int(changed[0][0]) if changed and changed[0] else 0
        written = statements.Outcome()
        added = _write(run, f'SELECT * FROM "{_TARGET}"', table.columns, Place.of(state["location"]), state["partitioning"], written)
        outcome.output_bytes, outcome.manifest = written.output_bytes, written.manifest
        _commit(session, table, {**state, "files": added})
        return outcome

    @staticmethod
    def _given(session: Session, merge: exp.Merge) -> str:
        """The source's rows as the engine's SQL; they get a table of their own, as the engine fails on some of those that are computed."""
        source = merge.args["using"]
        sql = session.translated(exp.select("*").from_(source.copy()))
        merge.set("using", exp.table_(_SOURCE, quoted=True, alias=source.alias or source.name))
        return sql

    @staticmethod
    def _check_matches(session: Session, merge: exp.Merge) -> None:
        """One row may be matched by one row of the source only."""
        alias = merge.this.alias or merge.this.name
        joined = exp.select("1").from_(merge.this.copy()).join(merge.args["using"].copy(), on=merge.args["on"].copy())
        joined = joined.group_by(exp.column("rowid", table=alias)).having("count(*) > 1").limit(1)
        if session.run(session.translated(joined, {**_PLACES, _TARGET: lambda node: isinstance(node.parent, exp.From)})).fetchall():
            raise QueryError("MERGE_TARGET_ROW_MULTIPLE_MATCHES", "One MERGE target table row matched more than one source row")


def _write(run: statements.Run, sql: str, columns: list[Column], place: Place, partitioning: list[str], outcome: statements.Outcome) -> list[str]:
    """Writes rows to new files, by partition; their locations."""
    import pyarrow.compute
    import pyarrow.parquet

    session = run.session
    keys = [_transform(each) for each in partitioning]
    for _, column in keys:
        if column not in [each.name for each in columns]:
            raise QueryError("INVALID_TABLE_PROPERTY", f"Partition column '{column}' not present in schema")
    names = ", ".join(f'"{column.name}"' for column in columns)
    casts = ", ".join(f'CAST("{column.name}" AS {column.kind.duckdb()}) AS "{column.name}"' for column in columns)
    partition = ", ".join(f"({expression})::VARCHAR" for expression, _ in keys)
    number = f"dense_rank() OVER (ORDER BY {partition})" if keys else "1"
    rows = session.arrow(f'SELECT {casts}, {number} AS "partition number" FROM ({sql}) AS result({names})')
    outcome.update_count = outcome.output_rows = rows.num_rows
    numbers = sorted(set(rows.column("partition number").to_pylist()))
    if len(numbers) > writing.OPEN_WRITERS:
        raise QueryError("ICEBERG_TOO_MANY_OPEN_PARTITIONS", f"Exceeded limit of {writing.OPEN_WRITERS} open writers for partitions")
    stop = len(numbers) // 2 if run.fault and run.fault.at == "half" else len(numbers)
    added, outcome.manifest = [], []
    for group in numbers[:stop]:
        piece = rows.filter(pyarrow.compute.equal(rows.column("partition number"), group)).drop_columns(["partition number"])
        body = io.BytesIO()
        pyarrow.parquet.write_table(piece, body, compression="zstd", store_schema=False, coerce_timestamps="us")
        target = place.folder() / f"data/{uuid.uuid4().hex[:6]}/{run.query_id[:8]}_{uuid.uuid4()}.parquet"
        session.buckets.put(target, body.getvalue())
        outcome.output_bytes += len(body.getvalue())
        outcome.manifest.append(target)
        added.append(str(target))
    writing.fail(run.fault, "half", "files")
    return added


def _transform(said: str) -> tuple[str, str]:
    """A partition transform as an expression of the engine, and its column."""
    found = re.fullmatch(r"\s*(\w+)\s*\(\s*\"?([^\",]+?)\"?\s*(?:,\s*(\d+)\s*)?\)\s*", said)
    if found is None:
        name = said.strip().strip('"').lower()
        return f'"{name}"', name
    kind, name, number = found[1].lower(), found[2].lower(), int(found[3] or 1)
    if kind in ("year", "month", "day", "hour"):
        return f"date_trunc('{kind}', \"{name}\")", name
    if kind == "bucket":
        return f'hash("{name}") % {number}', name
    if kind == "truncate":
        return f'left("{name}"::VARCHAR, {number})', name
    raise QueryError("INVALID_TABLE_PROPERTY", f"Unable to parse partitioning value: {said}")


def _write_metadata(session: Session, place: Place, state: dict[str, Any]) -> str:
    state = {**state, "last-updated-ms": int(time.time() * 1000), "sequence": state.get("sequence", -1) + 1}
    target = place.folder() / f"metadata/{state['sequence']:05d}-{uuid.uuid4()}.metadata.json"
    session.buckets.put(target, json.dumps(state).encode())
    return str(target)


def _commit(session: Session, table: Table, state: dict[str, Any]) -> None:
    """Makes a new state the present one, unless another has come in between."""
    with _COMMITS:
        now = session.catalogue.get(table.database, table.name)
        if now.parameters.get("metadata_location") != table.parameters["metadata_location"]:
            raise QueryError("ICEBERG_COMMIT_ERROR", f"Failed to commit during write to {table.database}.{table.name}: the metadata location has changed", category=1)
        parameters = {
            **now.parameters, "previous_metadata_location": table.parameters["metadata_location"],
            "metadata_location": _write_metadata(session, Place.of(state["location"]), state),
        }  # fmt: skip
        kept = {key: value for key, value in now.described.items() if key in ("Name", "Owner", "TableType", "Retention", "PartitionKeys", "StorageDescriptor")}
        session.catalogue.glue.update_table(table.database, table.name, {**kept, "Parameters": parameters})


def drop(session: Session, table: Table) -> None:
    """Removes what a table holds, as Athena does."""
    place = Place.of(table.location).folder()
    for key in session.buckets.objects(place):
        session.buckets.delete(Place(place.bucket, key.name))
