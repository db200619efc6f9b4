"""The Glue catalogue as Athena sees it."""
import base64
import json
from dataclasses import dataclass
from typing import Any

from account.athena import types
from account.athena.errors import QueryError
from account.athena.types import Type

VIEW_PREFIX, VIEW_SUFFIX = "/* Presto View: ", " */"


@dataclass(frozen=True)
class Column:
    """A column of a table."""

    name: str
    kind: Type


@dataclass(frozen=True)
class Table:
    """A table or view of the catalogue."""

    database: str
    name: str
    described: dict[str, Any]

    @property
    def storage(self) -> dict[str, Any]:
        """The StorageDescriptor."""
        return self.described.get("StorageDescriptor") or {}

    @property
    def parameters(self) -> dict[str, str]:
        """The table's parameters."""
        return self.described.get("Parameters") or {}

    @property
    def location(self) -> str:
        """Where its files lie."""
        return self.storage.get("Location") or ""

    @property
    def columns(self) -> list[Column]:
        """Its columns without those of the partitions."""
        return _columns(self.storage.get("Columns"))

    @property
    def partition_columns(self) -> list[Column]:
        """The columns of the partitions."""
        return _columns(self.described.get("PartitionKeys"))

    @property
    def is_iceberg(self) -> bool:
        """Whether it is an Iceberg table."""
        return self.parameters.get("table_type", "").upper() == "ICEBERG"

    @property
    def is_view(self) -> bool:
        """Whether it is a view."""
        return self.described.get("TableType") == "VIRTUAL_VIEW"

    def view(self) -> dict[str, Any]:
        """What Presto keeps of a view: originalSql, catalog, schema, columns."""
        said = self.described.get("ViewOriginalText") or ""
        if not (said.startswith(VIEW_PREFIX) and said.endswith(VIEW_SUFFIX)):
            raise QueryError("HIVE_INVALID_VIEW_DATA", f"View data missing prefix: {said[:60]}")
        try:
            return json.loads(base64.b64decode(said[len(VIEW_PREFIX) : -len(VIEW_SUFFIX)], validate=True))
        except ValueError as error:
            raise QueryError("HIVE_INVALID_VIEW_DATA", f"Invalid view JSON: {error}") from None


def _columns(described: list[dict[str, str]] | None) -> list[Column]:
    return [Column(column["Name"].lower(), types.of_hive(column["Type"])) for column in described or []]


class Catalogue:
    """The databases and tables of one region."""

    def __init__(self, account_id: str, region: str):
        from moto.glue.models import glue_backends

        self.glue = glue_backends[account_id][region]

    def has_database(self, name: str) -> bool:
        """Whether there is such a database; `default` always is."""
        return name == "default" or name in self.glue.databases

    def find(self, database: str, name: str) -> Table | None:
        """The table, if there is one."""
        known = self.glue.databases.get(database)
        found = known.tables.get(name) if known else None
        return Table(database, name, found.as_dict()) if found else None

    def get(self, database: str, name: str) -> Table:
        """The table; a QueryError when there is none."""
        if not self.has_database(database):
            raise QueryError("SCHEMA_NOT_FOUND", f"line 1:15: Schema '{database}' does not exist", kind=1003)
        table = self.find(database, name)
        if table is None:
            raise QueryError(
                "TABLE_NOT_FOUND", f"line 1:15: Table 'awsdatacatalog.{database}.{name}' does not exist", kind=1003, about=name
            )
        return table

    def partitions(self, table: Table) -> list[dict[str, Any]]:
        """The registered partitions."""
        stored = self.glue.get_table(table.database, table.name).partitions
        return [partition.as_dict() for partition in list(stored.values())]
