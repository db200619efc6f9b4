"""Statements that change the catalogue only: views, tables without rows, partitions, databases."""
import base64
import json
import re
from typing import Any

from sqlglot import exp

from account.athena.catalogue import VIEW_PREFIX, VIEW_SUFFIX
from account.athena.errors import QueryError
from account.athena.properties import properties
from account.athena.statements import Outcome, Run, Statement
from account.athena.types import of_hive
from account.athena.writing import Target
from account.buckets import Place


def understood(parsed: exp.Expression, text: str) -> Statement | None:
    """The statement, if it is one of these."""
    if isinstance(parsed, exp.Create) and parsed.kind == "VIEW":
        return CreateView(parsed, text)
    if isinstance(parsed, exp.Create) and parsed.kind in ("DATABASE", "SCHEMA"):
        return CreateDatabase(parsed, text)
    if isinstance(parsed, exp.Create) and parsed.kind == "TABLE":
        return CreateTable(parsed, text)
    if isinstance(parsed, exp.Drop) and parsed.kind in ("TABLE", "VIEW", "DATABASE", "SCHEMA"):
        return Drop(parsed, text)
    if isinstance(parsed, exp.Alter) and all(isinstance(action, exp.AddPartition) for action in parsed.args["actions"]):
        return AddPartitions(parsed, text)
    if isinstance(parsed, (exp.Merge, exp.Update, exp.Delete)):
        from account.athena import iceberg

        return iceberg.Change(parsed, text)
    return None


class CreateView(Statement):
    """CREATE [OR REPLACE] VIEW. Kept as Presto keeps it, so that Athena's own views are read by the same way."""

    kind, detail = "DDL", "CREATE_VIEW"

    def run(self, run: Run) -> Outcome:
        session = run.session
        database, name = session.name_of(self.parsed.this)
        if not session.catalogue.has_database(database):
            raise QueryError("SCHEMA_NOT_FOUND", f"line 1:1: Schema '{database}' does not exist", kind=1003)
        existing = session.catalogue.find(database, name)
        if existing is not None and not existing.is_view:
            raise QueryError("TABLE_ALREADY_EXISTS", f"line 1:1: Table already exists: 'awsdatacatalog.{database}.{name}'", kind=1301)
        if existing is not None and not self.parsed.args.get("replace"):
            raise QueryError("TABLE_ALREADY_EXISTS", f"line 1:1: View already exists: 'awsdatacatalog.{database}.{name}'", kind=1301)
        if any(session.name_of(table) == (database, name) and not _is_own_cte(table) for table in self.parsed.expression.find_all(exp.Table)):
            raise QueryError("VIEW_IS_RECURSIVE", f"line 1:1: Statement would create a recursive view: awsdatacatalog.{database}.{name}")
        described = session.describe(session.translated(self.parsed.expression))
        from account.athena import writing

        writing.columns_of([(column, kind) for column, kind in described if kind.name not in _NOT_OF_HIVE], [])
        stored = {
            "originalSql": self._query(), "catalog": "awsdatacatalog", "schema": session.database,
            "columns": [{"name": column.lower(), "type": str(kind)} for column, kind in described],
        }  # fmt: skip
        view: dict[str, Any] = {
            "Name": name, "Owner": "hadoop", "Retention": 0, "TableType": "VIRTUAL_VIEW", "PartitionKeys": [],
            "ViewOriginalText": VIEW_PREFIX + base64.b64encode(json.dumps(stored).encode()).decode() + VIEW_SUFFIX,
            "ViewExpandedText": "/* Presto View */", "Parameters": {"presto_view": "true", "comment": "Presto View"},
            "StorageDescriptor": {
                "Columns": [{"Name": column.lower(), "Type": "string" if kind.name in _NOT_OF_HIVE else kind.hive()} for column, kind in described],
                "Location": "", "Compressed": False, "NumberOfBuckets": 0, "SerdeInfo": {}, "SortColumns": [], "StoredAsSubDirectories": False,
            },
        }  # fmt: skip
        if existing is None:
            session.catalogue.glue.create_table(database, name, view)
        else:
            session.catalogue.glue.update_table(database, name, view)
        return Outcome()

    def _query(self) -> str:
        """The query as it was written, without the comments that follow it."""
        found = re.search(r"\bview\b.*?\bas\b(.*?)(?:\n\s*--[^\n]*|\s)*\Z", self.text, re.IGNORECASE | re.DOTALL)
        return found[1].strip().rstrip(";").strip() if found else self.parsed.expression.sql("trino")


_NOT_OF_HIVE = ("timestamp with time zone", "time", "json", "interval day to second", "uuid")


def _is_own_cte(table: exp.Table) -> bool:
    from account.athena import translate

    return translate.is_cte(table)


class CreateDatabase(Statement):
    """CREATE DATABASE or SCHEMA."""

    kind, detail = "DDL", "CREATE_DATABASE"

    def run(self, run: Run) -> Outcome:
        name, glue = self.parsed.this.name.lower(), run.session.catalogue.glue
        if name not in glue.databases:
            glue.create_database(name, {"Name": name})
        elif not self.parsed.args.get("exists"):
            raise QueryError("GENERIC_USER_ERROR", f"Database {name} already exists", kind=1301)
        return Outcome()


class CreateTable(Statement):
    """CREATE EXTERNAL TABLE: Hive's DDL."""

    kind, detail = "DDL", "CREATE_TABLE"

    def run(self, run: Run) -> Outcome:
        session, said = run.session, properties(self.parsed)
        database, name = session.name_of(self.parsed.this)
        if not session.catalogue.has_database(database):
            raise QueryError("SCHEMA_NOT_FOUND", f"Database does not exist: {database}", kind=1003)
        if session.catalogue.find(database, name) is not None:
            if self.parsed.args.get("exists"):
                return Outcome()
            raise QueryError("GENERIC_USER_ERROR", f"FAILED: AlreadyExistsException: Table {name} already exists", kind=1301)
        if "location" not in said:
            raise QueryError("GENERIC_USER_ERROR", "FAILED: SemanticException table does not have a location")
        if said.get("table_type", "").upper() == "ICEBERG":
            raise QueryError("NOT_SUPPORTED", f"the stand-in has no Iceberg tables: {database}.{name}")
        partitioned = self.parsed.find(exp.PartitionedByProperty)
        partition_columns = _columns(partitioned.this.expressions) if partitioned else []
        form = str(said.get("format", "PARQUET")).upper()
        storage = Target(Place.of(said["location"]), [], [], form if form in ("PARQUET", "ORC") else "PARQUET").storage(said["location"])
        storage["Columns"] = _columns(self.parsed.this.expressions)
        known = ("format", "location", "partitioned_by")
        parameters = {"EXTERNAL": "TRUE", **{key: str(value) for key, value in said.items() if key not in known}}
        table = {"Name": name, "TableType": "EXTERNAL_TABLE", "Parameters": parameters, "PartitionKeys": partition_columns, "StorageDescriptor": storage}
        session.catalogue.glue.create_table(database, name, table)
        return Outcome()


def _columns(definitions: list[exp.Expression]) -> list[dict[str, str]]:
    columns = [{"Name": each.name.lower(), "Type": each.args["kind"].sql("hive").lower().replace(", ", ",").replace(": ", ":")} for each in definitions]
    for column in columns:
        of_hive(column["Type"])
    return columns


class Drop(Statement):
    """DROP TABLE, VIEW or DATABASE. The files of a Hive table stay, those of an Iceberg table go."""

    kind, detail = "DDL", "DROP"

    def run(self, run: Run) -> Outcome:
        session = run.session
        mentioned = self.parsed.args.get("tables", [self.parsed.this])[0]
        if self.parsed.kind in ("DATABASE", "SCHEMA"):
            return self._database(run, mentioned.name.lower())
        database, name = session.name_of(mentioned)
        table = session.catalogue.find(database, name)
        if table is None:
            if self.parsed.args.get("exists"):
                return Outcome()
            raise QueryError("TABLE_NOT_FOUND", f"FAILED: SemanticException [Error 10001]: Table not found {database}.{name}", kind=1003)
        if table.is_view != (self.parsed.kind == "VIEW"):
            raise QueryError("GENERIC_USER_ERROR", f"FAILED: SemanticException: {name} is {'a view' if table.is_view else 'not a view'}")
        if table.is_iceberg:
            from account.athena import iceberg

            iceberg.drop(session, table)
        session.catalogue.glue.delete_table(database, name)
        return Outcome()

    def _database(self, run: Run, name: str) -> Outcome:
        glue = run.session.catalogue.glue
        if name in glue.databases:
            if glue.databases[name].tables and not self.parsed.args.get("cascade"):
                raise QueryError("GENERIC_USER_ERROR", f"Database {name} is not empty. One or more tables exist.")
            glue.delete_database(name)
        elif not self.parsed.args.get("exists"):
            raise QueryError("GENERIC_USER_ERROR", f"Database does not exist: {name}", kind=1003)
        return Outcome()


class AddPartitions(Statement):
    """ALTER TABLE … ADD PARTITION."""

    kind, detail = "DDL", "ALTER_TABLE_ADD_PARTITION"

    def run(self, run: Run) -> Outcome:
        session = run.session
        table = session.catalogue.get(*session.name_of(self.parsed.this))
        names = [column.name for column in table.partition_columns]
        stored = session.catalogue.glue.get_table(table.database, table.name)
        for action in self.parsed.args["actions"]:
            given = {each.this.name.lower(): each.expression.name for each in action.this.expressions}
            if sorted(given) != sorted(names):
                raise QueryError("GENERIC_USER_ERROR", f"FAILED: SemanticException partition spec {given} does not name {names}")
            values = [given[name] for name in names]
            location = action.args.get("location")
            folder = "/".join(f"{name}={value}" for name, value in zip(names, values))
            where = location.this.name if location is not None else f"{table.location.rstrip('/')}/{folder}"
            if any(partition.values == values for partition in stored.partitions.values()):
                if action.args.get("exists"):
                    continue
                raise QueryError("GENERIC_USER_ERROR", f"FAILED: AlreadyExistsException: Partition already exists: {values}", kind=1301)
            stored.create_partition({"Values": values, "StorageDescriptor": {**table.storage, "Location": where}, "Parameters": {}})
        return Outcome()
