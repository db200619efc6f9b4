"""Types, by Trino's names, and what Hive, DuckDB and Athena's results call them."""
from dataclasses import dataclass, field
from typing import Any

from account.athena.errors import QueryError


@dataclass(frozen=True)
class Type:
    """A Trino type: `decimal` has two numbers, `array` and `map` have arguments, `row` has named ones."""

    name: str
    arguments: tuple["Type", ...] = ()
    names: tuple[str, ...] = ()
    numbers: tuple[int, ...] = field(default=())

    def __str__(self) -> str:
        if self.name == "row":
            return "row(" + ", ".join(f"{n} {a}" if n else str(a) for n, a in zip(self.names, self.arguments)) + ")"
        if self.arguments:
            return f"{self.name}({', '.join(map(str, self.arguments))})"
        if self.name == "timestamp":
            return "timestamp(3)"
        if self.name == "timestamp with time zone":
            return "timestamp(3) with time zone"
        if self.numbers:
            return f"{self.name}({','.join(map(str, self.numbers))})"
        return self.name

    def hive(self) -> str:
        """The type in the Glue catalogue; a QueryError when Hive has none."""
        if self.name == "row":
            return "struct<" + ",".join(f"{n}:{a.hive()}" for n, a in zip(self.names, self.arguments)) + ">"
        if self.arguments:
            return f"{self.name}<{','.join(a.hive() for a in self.arguments)}>"
        if self.name in ("decimal", "char"):
            return f"{self.name}({','.join(map(str, self.numbers))})"
        if self.name == "varchar" and self.numbers:
            return f"varchar({self.numbers[0]})"
        if self.name not in _HIVE:
            raise QueryError("NOT_SUPPORTED", f"Unsupported Hive type: {self}")
        return _HIVE[self.name]

    def duckdb(self) -> str:
        """The type in DuckDB's SQL."""
        if self.name == "row":
            fields = (f'"{n}" {a.duckdb()}' for n, a in zip(self.names, self.arguments))
            return f"STRUCT({', '.join(fields)})"
        if self.name == "array":
            return f"{self.arguments[0].duckdb()}[]"
        if self.name == "map":
            return f"MAP({', '.join(a.duckdb() for a in self.arguments)})"
        if self.name == "decimal":
            return f"DECIMAL({self.numbers[0]},{self.numbers[1]})"
        return _DUCKDB.get(self.name, self.name.upper())

    def precision(self) -> int:
        """`Precision` of ColumnInfo, as Athena's results give it."""
        return self.numbers[0] if self.name == "decimal" else _PRECISION.get(self.name, 0)


_HIVE = {
    "boolean": "boolean", "tinyint": "tinyint", "smallint": "smallint", "integer": "int", "bigint": "bigint",
    "real": "float", "double": "double", "varchar": "string", "varbinary": "binary", "date": "date", "timestamp": "timestamp",
}  # fmt: skip
_DUCKDB = {
    "real": "FLOAT", "varbinary": "BLOB", "char": "VARCHAR", "timestamp with time zone": "TIMESTAMP WITH TIME ZONE",
    "unknown": "INTEGER",
}  # fmt: skip
_PRECISION = {
    "boolean": 0, "tinyint": 3, "smallint": 5, "integer": 10, "bigint": 19, "real": 17, "double": 17,
    "varchar": 2147483647, "varbinary": 1073741824, "date": 0, "timestamp": 3, "timestamp with time zone": 3,
}  # fmt: skip
_FROM_HIVE = {
    **{hive: trino for trino, hive in _HIVE.items()}, "integer": "integer", "long": "bigint", "short": "smallint", "byte": "tinyint",
    "real": "real", "varchar": "varchar", "char": "varchar", "timestamptz": "timestamp with time zone",
}  # fmt: skip
_FROM_DUCKDB = {
    "boolean": "boolean", "tinyint": "tinyint", "smallint": "smallint", "integer": "integer", "bigint": "bigint",
    "hugeint": "bigint", "uhugeint": "bigint", "utinyint": "smallint", "usmallint": "integer", "uinteger": "bigint",
    "ubigint": "bigint", "float": "real", "double": "double", "varchar": "varchar", "blob": "varbinary", "date": "date",
    "timestamp": "timestamp", "timestamp_s": "timestamp", "timestamp_ms": "timestamp", "timestamp_ns": "timestamp",
    "timestamp with time zone": "timestamp with time zone", "time": "time", "interval": "interval day to second",
    "uuid": "uuid", "json": "json", "bignum": "varchar", '"null"': "unknown", "null": "unknown", "enum": "varchar",
}  # fmt: skip


def of_hive(text: str) -> Type:
    """Reads a type as Glue writes it, e.g. `array<struct<a:int,b:decimal(10,2)>>`; a QueryError for anything else."""
    kind, rest = _read_hive(text.strip().lower())
    if rest:
        raise QueryError("HIVE_INVALID_METADATA", f"Glue table has an invalid type: {text}")
    return kind


def _read_hive(text: str) -> tuple[Type, str]:
    end = next((i for i, c in enumerate(text) if c in "<>(),:"), len(text))
    name, rest = text[:end].strip(), text[end:]
    if rest.startswith("("):
        numbers, rest = rest[1:].split(")", 1)
        sizes = tuple(int(number) for number in numbers.split(","))
        return Type(name, numbers=sizes if len(sizes) > 1 or name != "decimal" else (*sizes, 0)), rest
    if rest.startswith("<"):
        arguments, names, rest = [], [], rest[1:]
        while True:
            if name == "struct":
                field_name, rest = rest.split(":", 1)
                names.append(field_name.strip())
            argument, rest = _read_hive(rest)
            arguments.append(argument)
            if not rest or rest[0] not in ",>":
                raise QueryError("HIVE_INVALID_METADATA", f"Glue table has an invalid type near: {rest}")
            separator, rest = rest[0], rest[1:].lstrip()
            if separator == ">":
                return Type("row" if name == "struct" else name, tuple(arguments), tuple(names)), rest
    if name == "decimal":
        return Type("decimal", numbers=(10, 0)), rest
    if name not in _FROM_HIVE:
        raise QueryError("HIVE_INVALID_METADATA", f"Glue table has an unsupported type: {name}")
    return Type(_FROM_HIVE[name]), rest


def of_duckdb(kind: Any) -> Type:
    """Reads a DuckDBPyType."""
    name = str(kind.id).lower()
    if name == "decimal":
        return Type("decimal", numbers=tuple(number for _, number in kind.children))
    if name in ("list", "array"):
        return Type("array", (of_duckdb(kind.children[0][1]),))
    if name == "map":
        return Type("map", tuple(of_duckdb(child) for _, child in kind.children))
    if name in ("struct", "row"):
        names = tuple(name for name, _ in kind.children)
        return Type("row", tuple(of_duckdb(child) for _, child in kind.children), names)
    alias = str(kind).lower()
    return Type(_FROM_DUCKDB.get(alias) or _FROM_DUCKDB.get(name) or name)


def may_become(given: Type, wanted: Type) -> bool:
    """Whether Trino coerces a value of the one type into the other without being asked."""
    if given == wanted or given.name == "unknown":
        return True
    if given.name in ("varchar", "char") and wanted.name in ("varchar", "char"):
        return True
    numbers = ["tinyint", "smallint", "integer", "bigint", "decimal", "real", "double"]
    if given.name in numbers and wanted.name in numbers:
        if given.name == wanted.name == "decimal":
            return given.numbers[1] <= wanted.numbers[1] and given.numbers[0] - given.numbers[1] <= wanted.numbers[0] - wanted.numbers[1]
        return numbers.index(given.name) <= numbers.index(wanted.name)
    if given.name == "date" and wanted.name == "timestamp":
        return True
    if given.name == wanted.name and len(given.arguments) == len(wanted.arguments):
        return all(may_become(g, w) for g, w in zip(given.arguments, wanted.arguments))
    return False
