"""A Glue table as a view of DuckDB: its files by links in folders that carry the partition's values, so that DuckDB prunes them itself."""
import io
from pathlib import Path
from typing import Any
from urllib.parse import quote

from account.athena import files
from account.athena.catalogue import Table
from account.athena.errors import QueryError
from account.athena.files import DataFile
from account.athena.types import Type
from account.buckets import Buckets


class BoundTable:
    """A table that a statement reads, and what it takes to know how much of it the statement reads."""

    def __init__(self, table: Table, found: list[DataFile], folder: Path, connection: Any, buckets: Buckets):
        self.table = table
        # A condition that holds for every row; the engine's plan repeats it, so that a scan tells which table it reads.
        self.marker = f"reads table {folder.name}"
        self._connection = connection
        self.files: list[tuple[Path, DataFile, Any]] = []
        for number, file in enumerate(found):
            copy = buckets.local_copy(file.key, _converter(table))
            link = folder.joinpath(*self._folders(file), f"{number}.parquet")
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(copy)
            self.files.append((link, file, _footer(copy, file.key)))

    def _folders(self, file: DataFile) -> list[str]:
        names = (column.name for column in self.table.partition_columns)
        return [f"{name}={files.NULL_PARTITION if value is None else quote(value, safe='')}" for name, value in zip(names, file.values)]

    def select(self, with_path: bool) -> str:
        """The SELECT that reads the table; columns that a file lacks are NULL there."""
        columns = [*self.table.columns, *self.table.partition_columns]
        if not self.files:
            path = ", NULL::VARCHAR AS \"$path\"" if with_path else ""
            nothing = ", ".join(f'NULL::{column.kind.duckdb()} AS "{column.name}"' for column in columns)
            return f"SELECT {nothing}{path} WHERE false"
        self._check_types()
        source = self._source()
        described = self._connection.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()
        present = {name.lower(): (name, kind) for name, kind, *_ in described}
        chosen = []
        for column in columns:
            name, kind = present.get(column.name, (None, None))
            wanted = column.kind.duckdb()
            if name is None:
                chosen.append(f'NULL::{wanted} AS "{column.name}"')
            elif column.kind.name == "timestamp" and not self.table.is_iceberg:
                # Hive's timestamps have milliseconds; finer ones are rounded when read.
                finer = f'"{name}"::TIMESTAMP' if kind in ("TIMESTAMP", "TIMESTAMP_MS", "TIMESTAMP_S") else f'"{name}"::TIMESTAMPTZ::TIMESTAMP'
                chosen.append(f'({finer})::TIMESTAMP_MS::TIMESTAMP AS "{column.name}"')
            elif kind == wanted:
                chosen.append(f'"{name}" AS "{column.name}"')
            else:
                chosen.append(f'CAST("{name}" AS {wanted}) AS "{column.name}"')
        path = ""
        if with_path:
            pairs = ", ".join(f"{_literal(str(link))}: {_literal(f's3://{file.key.bucket_name}/{file.key.name}')}" for link, file, _ in self.files)
            path = f', MAP {{{pairs}}}[filename] AS "$path"'
        return f"SELECT {', '.join(chosen)}{path} FROM {source} WHERE filename <> {_literal(self.marker)}"

    def _source(self) -> str:
        listed = ", ".join(_literal(str(link)) for link, _, _ in self.files)
        options = "union_by_name = true"
        if self.table.partition_columns:
            kinds = ", ".join(f"'{column.name}': {column.kind.duckdb()}" for column in self.table.partition_columns)
            options += f", hive_partitioning = true, hive_types = {{{kinds}}}"
        return f"read_parquet([{listed}], {options})"

    def _check_types(self) -> None:
        """Athena reads a file's column as the table's type only where no value can be lost."""
        wanted = {column.name: column.kind for column in self.table.columns}
        for _, file, footer in self.files:
            for field in footer.schema.to_arrow_schema():
                kind = wanted.get(field.name.lower())
                if kind is not None and not _readable(field.type, kind):
                    raise QueryError(
                        "HIVE_BAD_DATA",
                        f"Field {field.name.lower()}'s type {field.type} in parquet file s3://{file.key.bucket_name}/{file.key.name} "
                        f"is incompatible with type {kind} defined in table schema",
                    )

    def scanned(self, condition: str | None, columns: set[str]) -> tuple[int, int]:
        """Bytes and rows that are read: of the files that this condition on the partitions leaves, these columns as they are compressed."""
        live = set(range(len(self.files)))
        if condition and self.files:
            rows_of_values = ", ".join(
                f"({number}{''.join(', NULL' if value is None else ', ' + _literal(value) for value in file.values)})"
                for number, (_, file, _) in enumerate(self.files)
            )
            names = "".join(f', "{column.name}"' for column in self.table.partition_columns)
            typed = "".join(f', "{column.name}"::{column.kind.duckdb()} AS "{column.name}"' for column in self.table.partition_columns)
            chosen = f"SELECT number{typed} FROM (VALUES {rows_of_values}) AS files(number{names})"
            live = {number for (number,) in self._connection.execute(f"SELECT number FROM ({chosen}) WHERE {condition}").fetchall()}
        size = rows = 0
        for number in live:
            footer = self.files[number][2]
            rows += footer.num_rows
            for group in range(footer.num_row_groups):
                described = footer.row_group(group)
                for index in range(described.num_columns):
                    chunk = described.column(index)
                    if chunk.path_in_schema.split(".", 1)[0].lower() in columns:
                        size += chunk.total_compressed_size
        return size, rows


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


_FOOTERS: dict[Path, Any] = {}


def _footer(copy: Path, key: Any) -> Any:
    import pyarrow
    import pyarrow.parquet

    if copy not in _FOOTERS:
        try:
            _FOOTERS[copy] = pyarrow.parquet.read_metadata(copy)
        except (pyarrow.ArrowInvalid, OSError) as error:
            raise QueryError("HIVE_BAD_DATA", f"Not valid Parquet file: s3://{key.bucket_name}/{key.name}: {error}") from None
    return _FOOTERS[copy]


def _converter(table: Table) -> Any:
    """What makes Parquet of the table's files; None when they are."""
    library = (table.storage.get("SerdeInfo") or {}).get("SerializationLibrary", "").lower()
    if "parquet" in library or table.is_iceberg:
        return None
    if "orc" in library:
        return _orc_as_parquet
    from account.athena import textfiles

    return textfiles.converter(table)


def _orc_as_parquet(body: bytes) -> bytes:
    import pyarrow.orc
    import pyarrow.parquet

    target = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.orc.read_table(io.BytesIO(body)), target)
    return target.getvalue()


def _readable(given: Any, wanted: Type) -> bool:
    import pyarrow.types as arrow

    name = wanted.name
    if arrow.is_null(given):
        return True
    if arrow.is_dictionary(given):
        return _readable(given.value_type, wanted)
    if name in ("tinyint", "smallint", "integer", "bigint"):
        return bool(arrow.is_integer(given)) and given.bit_width <= 64 or (arrow.is_decimal(given) and given.scale == 0)
    if name in ("real", "double"):
        return bool(arrow.is_floating(given)) and (name == "double" or given.bit_width <= 32)
    if name == "decimal":
        return bool(arrow.is_decimal(given)) or bool(arrow.is_integer(given))
    if name in ("varchar", "char", "varbinary"):
        return any(check(given) for check in (arrow.is_string, arrow.is_large_string, arrow.is_binary, arrow.is_large_binary))
    if name == "boolean":
        return bool(arrow.is_boolean(given))
    if name == "date":
        return bool(arrow.is_date(given))
    if name == "timestamp":
        return bool(arrow.is_timestamp(given))
    if name == "array":
        return (arrow.is_list(given) or arrow.is_large_list(given)) and _readable(given.value_type, wanted.arguments[0])
    if name == "map":
        return bool(arrow.is_map(given))
    if name == "row":
        return bool(arrow.is_struct(given))
    return True
