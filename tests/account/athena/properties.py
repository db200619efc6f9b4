"""What stands in `WITH (…)`, and the target that it describes."""
from typing import Any

from sqlglot import exp

from account.athena import writing
from account.athena.errors import QueryError
from account.athena.types import Type
from account.athena.writing import Target
from account.buckets import Place


def properties(parsed: exp.Expression) -> dict[str, Any]:
    """The `WITH (…)` of a statement: texts, numbers, lists of texts."""
    found: dict[str, Any] = {}
    listed = parsed.args.get("properties")
    for item in listed.expressions if listed else []:
        if isinstance(item, exp.FileFormatProperty):
            found["format"] = item.name
        elif isinstance(item, exp.PartitionedByProperty):
            found["partitioned_by"] = [each.name for each in item.this.expressions]
        elif isinstance(item, exp.LocationProperty):
            found["location"] = item.this.name
        elif isinstance(item, exp.Property) and type(item) is exp.Property:
            value = item.args["value"]
            if isinstance(value, exp.Array):
                found[item.name.lower()] = [each.name for each in value.expressions]
            else:
                found[item.name.lower()] = str(value.this).lower() if isinstance(value, exp.Boolean) else value.name
    return found


_KNOWN_PROPERTIES = {
    "format", "write_compression", "external_location", "partitioned_by", "bucketed_by", "bucket_count", "field_delimiter", "is_external",
    "table_type", "location", "parquet_compression", "orc_compression", "compression_level", "partitioning", "compression",
}  # fmt: skip


def target_of(said: dict[str, Any], location: Place, described: list[tuple[str, Type]]) -> Target:
    """The target that the properties of a CTAS or UNLOAD describe."""
    for name in said:
        if name not in _KNOWN_PROPERTIES:
            raise QueryError("INVALID_TABLE_PROPERTY", f"line 1:1: Catalog 'awsdatacatalog' table property '{name}' does not exist")
    columns, partition_columns = writing.columns_of(described, [name.lower() for name in said.get("partitioned_by", [])])
    form = said.get("format", "PARQUET").upper()
    default = "GZIP"
    compression = (said.get("write_compression") or said.get("compression") or said.get("parquet_compression") or default).upper()
    if compression not in ("NONE", "SNAPPY", "GZIP", "ZSTD", "LZ4", "ZLIB"):
        raise QueryError("INVALID_TABLE_PROPERTY", f"Invalid value for write_compression: {compression}")
    bucketed_by, count = [name.lower() for name in said.get("bucketed_by", [])], int(said.get("bucket_count", 0))
    if bool(bucketed_by) != bool(count):
        raise QueryError("INVALID_TABLE_PROPERTY", "Must specify both 'bucket_count' and 'bucketed_by' properties")
    return Target(location, columns, partition_columns, form, compression, bucketed_by, count)


def refuse_zones(query: exp.Expression) -> None:
    """A time at a zone's clock cannot be stored. The engine has it as a time without zone, so this looks at the expression."""
    selected = query
    while isinstance(selected, (exp.SetOperation, exp.Subquery)):
        selected = selected.this
    for column in selected.expressions if isinstance(selected, exp.Select) else []:
        value = column.this if isinstance(column, exp.Alias) else column
        if isinstance(value, exp.AtTimeZone) or (isinstance(value, exp.Anonymous) and value.name.lower() in ("at_timezone", "with_timezone")):
            raise QueryError("NOT_SUPPORTED", f"Unsupported Hive type: timestamp(3) with time zone (column {column.alias_or_name})")


def place_of(location: str) -> Place:
    """A location as bucket and prefix; a QueryError when it is none."""
    try:
        return Place.of(location)
    except ValueError:
        raise QueryError("INVALID_TABLE_PROPERTY", f"External location is not a valid file system URI: {location}") from None
