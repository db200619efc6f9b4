"""The kinds of statements, and what each does."""
import re
import time
from dataclasses import dataclass, field
from typing import Any

from sqlglot import exp

from account import faults
from account.athena import files, results, translate, writing
from account.athena.catalogue import Column, Table
from account.athena.errors import Cancelled, QueryError, Refused
from account.athena.properties import place_of, properties, refuse_zones, target_of
from account.athena.session import Session
from account.athena.types import Type, may_become
from account.athena.writing import Target
from account.buckets import Place

TEXT = Type("varchar")


@dataclass
class Outcome:
    """What a statement leaves behind."""

    columns: list[tuple[str, Type]] = field(default_factory=list)
    rows: list[list[str | None]] = field(default_factory=list)
    update_count: int | None = None
    input_bytes: int = 0
    input_rows: int = 0
    output_rows: int = 0
    output_bytes: int = 0
    manifest: list[Place] | None = None


@dataclass
class Run:
    """What a statement needs to run."""

    session: Session
    query_id: str
    output: str
    cutoff: int | None
    fault: faults.Fault | None
    parameters: list[str] = field(default_factory=list)


class Statement:
    """A statement that was understood. `kind` and `detail` are Athena's StatementType and SubstatementType."""

    kind, detail = "DML", "SELECT"

    def __init__(self, parsed: exp.Expression, text: str):
        self.parsed = parsed
        self.text = text

    def run(self, run: Run) -> Outcome:
        """Does it."""
        raise NotImplementedError


def understood(text: str) -> Statement:
    """The statement in a text; Refused when it is none, or of a kind that is not supported."""
    if text.lstrip().startswith("/*"):
        raise Refused("Queries of this type are not supported")
    bare = re.sub(r"\A(?:\s|--[^\n]*(?:\n|\Z))*", "", text)
    words = re.findall(r"\w+", bare[:40].lower())[:2]
    first = words[0] if words else ""
    from account.athena import definitions, inspection

    if first == "explain":
        return inspection.Explain.of(bare)
    if first == "unload":
        return Unload.of(bare)
    if first in ("show", "msck"):
        return inspection.Show(exp.Command(this=first), bare)
    parsed = translate.parse(text)
    if isinstance(parsed, exp.Query) or isinstance(parsed, exp.Values):
        return Select(parsed, text)
    if isinstance(parsed, exp.Insert):
        return Insert(parsed, text)
    if isinstance(parsed, exp.Describe):
        return inspection.Describe(parsed, text)
    if isinstance(parsed, exp.Create) and parsed.kind == "TABLE" and parsed.expression is not None:
        return CreateTableAsSelect(parsed, text)
    found = definitions.understood(parsed, text)
    if found is None:
        raise Refused(f"Queries of this type are not supported: {bare[:60]}")
    return found


class Select(Statement):
    """SELECT, WITH, VALUES, TABLE."""

    def run(self, run: Run) -> Outcome:
        sql = run.session.translated(_with_parameters(self.parsed, run.parameters))
        described = run.session.describe(sql)
        outcome = Outcome()
        measure(run, sql, outcome)
        fetched = run.session.run(sql).fetchall()
        kinds = [kind for _, kind in described]
        outcome.columns = [(translate.output_name(name, position), kind) for position, (name, kind) in enumerate(described)]
        outcome.rows = [[results.text(value, kind) for value, kind in zip(row, kinds)] for row in fetched]
        outcome.output_rows = len(fetched)
        return outcome


def measure(run: Run, sql: str, outcome: Outcome) -> None:
    """Notes what the query reads; it is cancelled when that is more than the work group allows."""
    outcome.input_bytes, outcome.input_rows = run.session.reads(sql)
    _limit(run, outcome)


def measure_tables(run: Run, outcome: Outcome) -> None:
    """The same where the whole of all tables is read."""
    each = [bound.scanned(None, {column.name for column in bound.table.columns}) for bound in run.session.tables]
    outcome.input_bytes, outcome.input_rows = sum(size for size, _ in each), sum(rows for _, rows in each)
    _limit(run, outcome)


def _limit(run: Run, outcome: Outcome) -> None:
    if run.fault and run.fault.scanned is not None:
        outcome.input_bytes = run.fault.scanned
    if run.cutoff is not None and outcome.input_bytes > run.cutoff:
        stopped = Cancelled("Query exhausted: Bytes scanned limit was exceeded")
        stopped.outcome = outcome  # type: ignore[attr-defined]
        raise stopped


def _with_parameters(query: exp.Expression, parameters: list[str]) -> exp.Expression:
    """The query with `?` replaced by the execution's parameters, which are expressions of SQL."""
    marks = list(query.find_all(exp.Placeholder))
    if len(marks) != len(parameters):
        raise QueryError("INVALID_PARAMETER_USAGE", f"line 1:1: Incorrect number of parameters: expected {len(marks)} but found {len(parameters)}")
    if not marks:
        return query
    query, values = query.copy(), [translate.parse(f"SELECT {parameter}").expressions[0] for parameter in parameters]
    for mark, value in zip(sorted(query.find_all(exp.Placeholder), key=_position), values):
        mark.replace(value)
    return query


def _position(node: exp.Expression) -> tuple[int, ...]:
    path: list[int] = []
    while node.parent is not None:
        siblings = list(node.parent.iter_expressions())
        path.append(next(index for index, sibling in enumerate(siblings) if sibling is node))
        node = node.parent
    return tuple(reversed(path))


class CreateTableAsSelect(Statement):
    """CREATE TABLE … AS SELECT."""

    kind, detail = "DDL", "CREATE_TABLE_AS_SELECT"

    def run(self, run: Run) -> Outcome:
        session, said = run.session, properties(self.parsed)
        database, name = session.name_of(self.parsed.this)
        if not session.catalogue.has_database(database):
            raise QueryError("SCHEMA_NOT_FOUND", f"line 1:1: Schema {database} not found", kind=1003)
        if session.catalogue.find(database, name) is not None:
            if self.parsed.args.get("exists"):
                return Outcome()
            raise QueryError("TABLE_ALREADY_EXISTS", f"line 1:1: Destination table 'awsdatacatalog.{database}.{name}' already exists", kind=1301)
        if str(said.get("table_type", "HIVE")).upper() == "ICEBERG":
            from account.athena import iceberg

            return iceberg.create_as_select(run, self.parsed, said, database, name)
        location = said.get("external_location") or f"{run.output.rstrip('/')}/tables/{run.query_id}"
        place = place_of(location)
        refuse_zones(self.parsed.expression)
        sql = session.translated(_with_parameters(self.parsed.expression, run.parameters))
        target, outcome = target_of(said, place, session.describe(sql)), Outcome()
        if not session.buckets.exists(place.bucket):
            raise QueryError("HIVE_FILESYSTEM_ERROR", f"The specified bucket does not exist: {place.bucket}")
        if session.buckets.objects(place.folder()):
            raise QueryError("HIVE_PATH_ALREADY_EXISTS", f"Target directory for table '{database}.{name}' already exists: {location}. You may need "
                             "to manually clean the data at location before retrying. Athena will not delete data in your account.")  # fmt: skip
        with_data = self.parsed.find(exp.WithDataProperty)
        written = writing.Written()
        if with_data is None or not with_data.args.get("no"):
            measure(run, sql, outcome)
            written = writing.write(session, sql, target, run.query_id, run.fault)
        session.catalogue.glue.create_table(database, name, self._described(name, location, target, run))
        table = session.catalogue.get(database, name)
        writing.register_partitions(session, table, target, written)
        outcome.update_count = outcome.output_rows = written.rows
        outcome.output_bytes, outcome.manifest = written.size, written.files
        return outcome

    @staticmethod
    def _described(name: str, location: str, target: Target, run: Run) -> dict[str, Any]:
        return {
            "Name": name, "Owner": "hadoop", "TableType": "EXTERNAL_TABLE", "Retention": 0,
            "Parameters": {
                "EXTERNAL": "TRUE", "has_encrypted_data": "false", "presto_query_id": run.query_id,
                "classification": target.format.lower(), "transient_lastDdlTime": str(int(time.time())),
                f"{target.format.lower()}.compression": target.compression,
            },
            "PartitionKeys": [{"Name": column.name, "Type": column.kind.hive()} for column in target.partition_columns],
            "StorageDescriptor": target.storage(location),
        }  # fmt: skip


class Insert(Statement):
    """INSERT INTO … SELECT or VALUES."""

    detail = "INSERT"

    def run(self, run: Run) -> Outcome:
        session, mentioned = run.session, self.parsed.this
        database, name = session.name_of(mentioned)
        table = session.catalogue.get(database, name)
        if table.is_view:
            raise QueryError("NOT_SUPPORTED", "line 1:1: Inserting into views is not supported")
        sql = session.translated(_with_parameters(self.parsed.expression, run.parameters))
        columns = [*table.columns, *table.partition_columns]
        sql = self._in_order(session, sql, columns, mentioned)
        if table.is_iceberg:
            from account.athena import iceberg

            return iceberg.insert(run, table, sql)
        if table.storage.get("BucketColumns"):
            raise QueryError("NOT_SUPPORTED", f"INSERT into bucketed tables is not supported: {database}.{name}")
        library = (table.storage.get("SerdeInfo") or {}).get("SerializationLibrary", "").lower()
        target = Target(
            place_of(table.location), table.columns, table.partition_columns, "ORC" if "orc" in library else "PARQUET",
            _compression_of(table), known_partitions=_known(session, table), template=files.template(table) if _is_projected(table) else None,
        )  # fmt: skip
        outcome = Outcome()
        measure(run, sql, outcome)
        written = writing.write(session, sql, target, run.query_id, run.fault)
        if not _is_projected(table):
            writing.register_partitions(session, table, target, written)
        outcome.update_count = outcome.output_rows = written.rows
        outcome.output_bytes, outcome.manifest = written.size, written.files
        return outcome

    @staticmethod
    def _in_order(session: Session, sql: str, columns: list[Column], mentioned: exp.Expression) -> str:
        """The query with its columns in the table's order, and NULL for those that it leaves out."""
        given = session.describe(sql)
        named = [each.name.lower() for each in mentioned.expressions] if isinstance(mentioned, exp.Schema) else [c.name for c in columns]
        for name in named:
            if name not in [column.name for column in columns]:
                raise QueryError("COLUMN_NOT_FOUND", f"line 1:1: Insert column name does not exist in target table: {name}")
        wanted = [next(column for column in columns if column.name == name) for name in named]
        if len(given) != len(wanted) or not all(may_become(kind, column.kind) for (_, kind), column in zip(given, wanted)):
            table_types, query_types = ", ".join(str(c.kind) for c in wanted), ", ".join(str(kind) for _, kind in given)
            raise QueryError("TYPE_MISMATCH", f"line 1:1: Insert query has mismatched column types: Table: [{table_types}], Query: [{query_types}]")
        chosen = ", ".join(f"c{named.index(c.name)}" if c.name in named else f"NULL::{c.kind.duckdb()}" for c in columns)
        return f"SELECT {chosen} FROM ({sql}) AS given({', '.join(f'c{i}' for i in range(len(named)))})"


def _compression_of(table: Table) -> str:
    said = table.parameters.get("parquet.compression") or table.parameters.get("orc.compression") or table.parameters.get("write.compression")
    return (said or "GZIP").upper()


def _is_projected(table: Table) -> bool:
    return bool(table.partition_columns) and table.parameters.get("projection.enabled", "").lower() == "true"


def _known(session: Session, table: Table) -> dict[tuple[str, ...], str]:
    if _is_projected(table):
        return {}
    return {tuple(each["Values"]): (each.get("StorageDescriptor") or {}).get("Location", "") for each in session.catalogue.partitions(table)}


class Unload(Statement):
    """UNLOAD (SELECT …) TO 's3://…' WITH (…)."""

    detail = "UNLOAD"

    def __init__(self, parsed: exp.Expression, text: str, location: str, said: dict[str, Any]):
        super().__init__(parsed, text)
        self.location = location
        self.said = said

    @classmethod
    def of(cls, text: str) -> "Unload":
        """Reads one; its query and its properties are parsed apart."""
        found = re.fullmatch(r"unload\s*\((.*)\)\s*to\s*'([^']+)'\s*(with\s*\(.*\))?\s*;?\s*", text, re.IGNORECASE | re.DOTALL)
        if found is None:
            raise Refused("line 1:1: mismatched input. Expecting: UNLOAD (query) TO 'location' WITH (properties)")
        query, location, with_properties = found.groups()
        table = translate.parse(f"CREATE TABLE unloaded {with_properties or ''} AS SELECT 1 AS one")
        return cls(translate.parse(query), text, location, properties(table))

    def run(self, run: Run) -> Outcome:
        session, place = run.session, place_of(self.location)
        if "format" not in self.said:
            raise QueryError("INVALID_TABLE_PROPERTY", "UNLOAD needs the property format")
        sql = session.translated(_with_parameters(self.parsed, run.parameters))
        target, outcome = target_of(self.said, place, session.describe(sql)), Outcome()
        target.storage(self.location)
        if session.buckets.objects(place.folder()):
            raise QueryError("HIVE_PATH_ALREADY_EXISTS", f"Target directory already exists: {self.location}")
        measure(run, sql, outcome)
        written = writing.write(session, sql, target, run.query_id, run.fault)
        outcome.output_rows, outcome.output_bytes, outcome.manifest = written.rows, written.size, written.files
        return outcome
