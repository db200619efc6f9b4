"""What one statement has to itself: a connection to the engine, the tables it reads, and how much of them."""
import json
import re
import shutil
import threading
from typing import Any, Callable, Iterator

import duckdb
from sqlglot import exp

from account import leftovers
from account.athena import files, functions, translate, types
from account.athena.catalogue import Catalogue, Table
from account.athena.errors import Cancelled, QueryError
from account.athena.tables import BoundTable
from account.buckets import Buckets

_LINKS = leftovers.folder("tables")
_ENGINE: list[Any] = []
_STARTING = threading.Lock()


def _connection() -> Any:
    """A connection of its own to the one engine; what it makes as temporary is seen by itself only."""
    with _STARTING:
        if not _ENGINE:
            engine = duckdb.connect(config={"threads": 2})
            # DuckDB 2.0.0 fails on `row_number() … = 1` over files whose names are looked at, which is how tables are told apart here.
            engine.execute("SET disabled_optimizers = 'top_n_window_elimination'")
            functions.register(engine)
            _ENGINE.append(engine)
        connection = _ENGINE[0].cursor()
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute("SET integer_division = true")
    return connection


class Session:
    """One statement's run. Close it."""

    def __init__(self, account_id: str, region: str, database: str, query_id: str):
        self.catalogue = Catalogue(account_id, region)
        self.buckets = Buckets(account_id)
        self.database = database
        self.connection = _connection()
        self._folder = _LINKS / query_id
        self._bound: dict[tuple[str, str], str] = {}
        self._columns: dict[str, dict[str, types.Type]] = {}
        # The columns that conditions compare with values.
        self._named: set[str] = set()
        self.tables: list[BoundTable] = []
        self._binding: list[Table] = []
        self._plans: dict[str, list[dict[str, Any]]] = {}
        self.with_path = False
        self.is_cancelled = False

    def close(self) -> None:
        """Ends the connection and removes the links."""
        self.connection.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def cancel(self) -> None:
        """Interrupts what runs."""
        self.is_cancelled = True
        self.connection.interrupt()

    def name_of(self, table: exp.Expression) -> tuple[str, str]:
        """Database and name of a table that a statement mentions, in lower case."""
        named = table.this if isinstance(table, exp.Schema) else table
        if not isinstance(named, exp.Table):
            raise QueryError("SYNTAX_ERROR", f"line 1:1: not a table: {table.sql()}")
        catalog = named.catalog.lower()
        if catalog and catalog != "awsdatacatalog":
            raise QueryError("CATALOG_NOT_FOUND", f"line 1:15: Catalog '{catalog}' does not exist", kind=1003)
        return (named.db or self.database).lower(), named.name.lower()

    def translated(self, query: exp.Expression, named: dict[str, Callable[[exp.Table], bool]] | None = None) -> str:
        """The query as the engine's SQL, all its tables bound; some may have names already, told by where they stand."""
        self.with_path = self.with_path or any(column.name == "$path" for column in query.find_all(exp.Column))
        for condition in query.find_all(exp.EQ, exp.In):
            self._named.update(column.name.lower() for column in condition.find_all(exp.Column))

        def bind(table: exp.Table) -> str:
            return next((name for name, is_meant in (named or {}).items() if is_meant(table)), None) or self._bind(table)

        return translate.for_duckdb(query, bind, self._columns)

    def _bind(self, mentioned: exp.Table) -> str:
        database, name = self.name_of(mentioned)
        if (database, name) not in self._bound:
            table = self.catalogue.get(database, name)
            view = f"{database}.{name}"
            select = self._view(table) if table.is_view else self._files(table)
            self._engine(f'CREATE OR REPLACE TEMP VIEW "{view}" AS {select}')
            self._bound[database, name] = view
            self._columns[view] = {column: kind for column, kind in self.describe(f'SELECT * FROM "{view}"') if column != "$path"}
        return self._bound[database, name]

    def _files(self, table: Table) -> str:
        _check_injected(table, self._named)
        if table.is_iceberg:
            from account.athena import iceberg

            found = iceberg.files(self, table)
        else:
            found = files.of_table(table, self.catalogue, self.buckets)
        bound = BoundTable(table, found, self._folder / str(len(self.tables)), self.connection, self.buckets)
        self.tables.append(bound)
        return bound.select(self.with_path)

    def _view(self, table: Table) -> str:
        """A view is read with its own database in mind, and its columns are those that it was made with."""
        if table in self._binding:
            raise QueryError("VIEW_IS_RECURSIVE", f"line 1:15: Statement would create a recursive view: {table.name}")
        stored, database = table.view(), self.database
        self._binding.append(table)
        try:
            self.database = stored.get("schema") or table.database
            select = self.translated(translate.parse(stored["originalSql"]))
            names = [name for name, _ in self.describe(select)]
        except QueryError as error:
            raise QueryError(
                "INVALID_VIEW", f"line 1:15: Failed analyzing stored view 'awsdatacatalog.{table.database}.{table.name}': {error}"
            ) from None
        finally:
            self.database = database
            self._binding.pop()
        expected = [column["name"] for column in stored.get("columns", [])]
        if expected and len(expected) != len(names):
            raise QueryError("VIEW_IS_STALE", f"line 1:15: View 'awsdatacatalog.{table.database}.{table.name}' is stale or in invalid state")
        renamed = ", ".join(f'"{name}"' for name in expected or names)
        return f"SELECT * FROM ({select}) AS stored({renamed})"

    def describe(self, sql: str) -> list[tuple[str, types.Type]]:
        """Names and types of what a translated query returns."""
        # The names are asked of the query itself: inside of another, repeated ones would be made different.
        kinds = [types.of_duckdb(column[1]) for column in self._engine(f"SELECT * FROM ({sql}) LIMIT 0").description]
        names = [name for name, *_ in self._engine(f"DESCRIBE {sql}").fetchall()]
        return list(zip(names, kinds))

    def run(self, sql: str) -> Any:
        """Runs a translated query; the connection, whose rows can be fetched."""
        return self._engine(sql)

    def arrow(self, sql: str) -> Any:
        """The rows of a translated query as a table of Arrow."""
        return self._engine(sql, lambda: self.connection.sql(sql).to_arrow_table())

    def _engine(self, sql: str, ask: Any = None) -> Any:
        if self.is_cancelled:
            raise Cancelled("Query cancelled!")
        try:
            return ask() if ask else self.connection.execute(sql)
        except duckdb.InterruptException:
            raise Cancelled("Query cancelled!") from None
        except duckdb.Error as error:
            raise _as_trino(error) from None

    def reads(self, sql: str) -> tuple[int, int]:
        """Bytes and rows that a translated query reads: the plan tells which partitions and columns are left of each table."""
        each = [self.reads_of(sql, bound) for bound in self.tables]
        return sum(size for size, _ in each), sum(rows for _, rows in each)

    def reads_of(self, sql: str, bound: BoundTable) -> tuple[int, int]:
        """The same for one of its tables."""
        if sql not in self._plans:
            ((_, plan),) = self._engine(f"EXPLAIN (FORMAT JSON) {sql}").fetchall()
            self._plans[sql] = list(_scans(json.loads(plan)))
        size = rows = 0
        for scan in self._plans[sql]:
            if f"'{bound.marker}'" in json.dumps(scan.get("Filters", "")):
                more_bytes, more_rows = bound.scanned(scan.get("File Filters"), _columns_of(scan, bound))
                size, rows = size + more_bytes, rows + more_rows
        return size, rows


def _scans(nodes: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for node in nodes:
        if "PARQUET" in node["name"]:
            yield node.get("extra_info", {})
        yield from _scans(node.get("children", []))


def _check_injected(table: Table, named: set[str]) -> None:
    """Projection cannot list the values of an injected column: the query has to name them."""
    for column in table.partition_columns:
        injected = table.parameters.get("projection.enabled", "").lower() == "true" and table.parameters.get(f"projection.{column.name}.type") == "injected"
        if injected and column.name not in named:
            raise QueryError("CONSTRAINT_VIOLATION", f"For the injected projected partition column {column.name}, the WHERE clause must contain only static "
                             "equality conditions, and at least one such condition must be present.")  # fmt: skip


def _columns_of(scan: dict[str, Any], bound: BoundTable) -> set[str]:
    """The columns that a scan reads: what it hands on, and what its filters name."""
    handed, filters = scan.get("Projections", []), scan.get("Filters", [])
    named = {name.lower() for name in ([handed] if isinstance(handed, str) else handed)}
    said = re.sub(r"'(?:[^']|'')*'", "", " ".join([filters] if isinstance(filters, str) else filters))
    words = {word.lower() for pair in re.findall(r'"((?:[^"]|"")*)"|(\w+)', said) for word in pair if word}
    return {column.name for column in bound.table.columns if column.name in named | words}


def _as_trino(error: Exception) -> QueryError:
    """The engine's error by Trino's codes, where they correspond."""
    message = str(error).split("\n\n")[0].strip()
    code = "GENERIC_USER_ERROR"
    unknown = re.search(r'(?:Function|Macro) with name "?(\w+)"? does not exist', message)
    if unknown:
        return QueryError("FUNCTION_NOT_FOUND", f"line 1:8: Function '{unknown[1].removeprefix('trino_')}' not registered", kind=1006, about=unknown[1].removeprefix("trino_"))
    missing = re.search(r'(?:Referenced column|column named) "([^"]+)"', message)
    if missing:
        return QueryError("COLUMN_NOT_FOUND", f"line 1:8: Column '{missing[1]}' cannot be resolved", kind=1006, about=missing[1].split(".")[-1])
    for pattern, known in _CODES:
        if re.search(pattern, message, re.IGNORECASE):
            code = known
            break
    return QueryError(code, message)


_CODES = [
    (r"division by zero", "DIVISION_BY_ZERO"),
    (r"could not convert|conversion error|invalid input syntax", "INVALID_CAST_ARGUMENT"),
    (r"out of range|overflow", "NUMERIC_VALUE_OUT_OF_RANGE"),
    (r"more than one row returned by a subquery", "SUBQUERY_MULTIPLE_ROWS"),
    (r"must appear in the group by|cannot be nested|not allowed in where", "EXPRESSION_NOT_AGGREGATE"),
    (r"no function matches|cannot compare|cannot mix|type mismatch|cannot cast|unimplemented type", "TYPE_MISMATCH"),
    (r"ambiguous", "AMBIGUOUS_NAME"),
    (r"binder error|parser error", "SYNTAX_ERROR"),
    (r"invalid input error", "INVALID_FUNCTION_ARGUMENT"),
    (r"out of memory", "EXCEEDED_MEMORY_LIMIT"),
]
