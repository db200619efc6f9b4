"""Tables of text: JSON lines and separated values, read as Hive's serdes read them and kept as Parquet for the engine."""
import io
import uuid
from typing import Any

import duckdb

from account import leftovers
from account.athena.catalogue import Table
from account.athena.errors import QueryError

_SCRATCH = leftovers.folder("text")


class Converter:
    """Makes Parquet of one file of a table; its text tells two ways of reading apart."""

    def __init__(self, source: str):
        self._source = source

    def __repr__(self) -> str:
        return self._source

    def __call__(self, body: bytes) -> bytes:
        import pyarrow.parquet

        file = _SCRATCH / uuid.uuid4().hex
        file.write_bytes(body)
        connection = duckdb.connect()
        try:
            rows = connection.sql(self._source.replace("FILE", str(file))).to_arrow_table()
        except duckdb.Error as error:
            raise QueryError("HIVE_CURSOR_ERROR", f"Failed to read file: {str(error)[:300]}") from None
        finally:
            connection.close()
            file.unlink()
        target = io.BytesIO()
        pyarrow.parquet.write_table(rows, target)
        return target.getvalue()


def converter(table: Table) -> Any:
    """The converter for a table's files."""
    serde = table.storage.get("SerdeInfo") or {}
    library, said = serde.get("SerializationLibrary", ""), serde.get("Parameters") or {}
    columns = ", ".join(f"'{column.name}': '{column.kind.duckdb()}'" for column in table.columns)
    compression = "'gzip'" if table.parameters.get("compressionType") == "gzip" else "'none'"
    if "json" in library.lower():
        broken = "true" if said.get("ignore.malformed.json", "").lower() == "true" else "false"
        return Converter(
            f"SELECT * FROM read_json('FILE', format = 'newline_delimited', columns = {{{columns}}}, ignore_errors = {broken}, compression = {compression})"
        )
    if "csv" in library.lower() or "lazysimple" in library.lower():
        separator = said.get("separatorChar") or said.get("field.delim") or ("," if "csv" in library.lower() else "\\x01")
        skip = int(table.parameters.get("skip.header.line.count", "0"))
        null = "''" if "csv" in library.lower() else "'\\N'"
        return Converter(
            f"SELECT * FROM read_csv('FILE', columns = {{{columns}}}, delim = '{separator}', header = false, skip = {skip}, nullstr = {null}, "
            f"auto_detect = false, compression = {compression}, null_padding = true)"
        )
    raise QueryError("HIVE_UNSUPPORTED_FORMAT", f"the stand-in does not read tables of {library or 'no serde'}")
