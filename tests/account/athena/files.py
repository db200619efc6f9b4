"""Which objects make up a table: those below its location, its partitions' locations, or where partition projection points."""
import datetime
import re
from dataclasses import dataclass
from typing import Any, Callable

from account.athena.catalogue import Catalogue, Table
from account.athena.errors import QueryError
from account.buckets import Buckets, NoSuchBucket, Place, unescaped

NULL_PARTITION = "__HIVE_DEFAULT_PARTITION__"


@dataclass(frozen=True)
class DataFile:
    """An object of a table and the values of its partition, as text; None is NULL."""

    key: Any
    values: tuple[str | None, ...]


def of_table(table: Table, catalogue: Catalogue, buckets: Buckets) -> list[DataFile]:
    """All files of the table."""
    if not table.partition_columns:
        return [DataFile(key, ()) for key in visible(buckets, table.location)]
    if table.parameters.get("projection.enabled", "").lower() == "true":
        return _projected(table, buckets)
    files = []
    for partition in catalogue.partitions(table):
        values = tuple(None if value == NULL_PARTITION else value for value in partition["Values"])
        location = (partition.get("StorageDescriptor") or {}).get("Location") or ""
        files.extend(DataFile(key, values) for key in visible(buckets, location))
    return files


def visible(buckets: Buckets, location: str) -> list[Any]:
    """The objects below a location, at any depth; names that begin with `_` or `.` are hidden, folders too."""
    try:
        place = Place.of(location).folder()
    except ValueError:
        raise QueryError("HIVE_METASTORE_ERROR", f"Invalid location: {location}") from None
    try:
        below = buckets.objects(place)
    except NoSuchBucket:
        raise QueryError("HIVE_FILESYSTEM_ERROR", f"The specified bucket does not exist: {place.bucket}") from None
    return [key for key in below if not _is_hidden(key.name[len(place.key) :])]


def _is_hidden(below: str) -> bool:
    return any(part[:1] in ("_", ".") for part in below.split("/"))


def template(table: Table) -> str:
    """The location of a projected table's partition with `${column}` in place of the values."""
    said = table.parameters.get("storage.location.template")
    names = [column.name for column in table.partition_columns]
    if not said:
        said = table.location.rstrip("/") + "".join(f"/{name}=${{{name}}}" for name in names)
    missing = [name for name in names if f"${{{name}}}" not in said]
    if missing:
        raise QueryError("INVALID_TABLE_PROPERTY", f"Storage location template '{said}' is missing partition column '{missing[0]}'")
    return said


def _projected(table: Table, buckets: Buckets) -> list[DataFile]:
    """Projection asks for the prefixes of all values that it allows; only those that hold files matter."""
    said = template(table).rstrip("/") + "/"
    allowed = [_allowed(table, column.name) for column in table.partition_columns]
    parts = re.split(r"\$\{([^}]*)\}", said)
    pattern, groups = "", {}
    for index, part in enumerate(parts):
        if index % 2 == 0:
            pattern += re.escape(part)
        elif part in groups:
            pattern += f"(?P=g{groups[part]})"
        else:
            groups[part] = len(groups)
            pattern += f"(?P<g{groups[part]}>[^/]+)"
    first = Place.of(parts[0])
    shape = re.compile(pattern)
    files = []
    try:
        below = buckets.objects(first)
    except NoSuchBucket:
        raise QueryError("HIVE_FILESYSTEM_ERROR", f"The specified bucket does not exist: {first.bucket}") from None
    for key in below:
        uri = f"s3://{first.bucket}/{key.name}"
        found = shape.match(uri)
        if found is None or _is_hidden(uri[found.end() :]):
            continue
        values = [unescaped(found[f"g{groups[column.name]}"]) for column in table.partition_columns]
        if all(is_allowed(value) for value, is_allowed in zip(values, allowed)):
            files.append(DataFile(key, tuple(values)))
    return files


def _allowed(table: Table, column: str) -> Callable[[str], bool]:
    """Whether projection would ask for a value of this column."""
    kind = table.parameters.get(f"projection.{column}.type", "").lower()
    values = table.parameters.get(f"projection.{column}.values", "")
    limits = table.parameters.get(f"projection.{column}.range", "")
    if kind == "injected":
        return lambda value: True
    if kind == "enum" and values:
        listed = set(values.split(","))
        return lambda value: value in listed
    if kind == "integer" and limits:
        low, high = (int(limit) for limit in limits.split(","))
        digits = int(table.parameters.get(f"projection.{column}.digits", "0"))
        return lambda value: re.fullmatch(r"-?\d+", value) is not None and low <= int(value) <= high and (not digits or len(value) == digits)
    if kind == "date" and limits:
        form = table.parameters.get(f"projection.{column}.format", "yyyy-MM-dd")
        low_day, high_day = (_day(limit, form) for limit in limits.split(","))

        def is_day(value: str) -> bool:
            day = _parsed(value, form)
            return day is not None and low_day <= day <= high_day

        return is_day
    raise QueryError("INVALID_TABLE_PROPERTY", f"Column '{column}' has an invalid or incomplete partition projection of type '{kind}'")


def _day(limit: str, form: str) -> datetime.datetime:
    found = re.fullmatch(r"\s*NOW\s*(?:([+-])\s*(\d+)\s*(YEAR|MONTH|WEEK|DAY|HOUR|MINUTE|SECOND)S?)?\s*", limit, re.IGNORECASE)
    if found:
        now = datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None)
        sign, number, unit = found.groups()
        if not sign:
            return now
        days = {"YEAR": 365.25, "MONTH": 30.44, "WEEK": 7, "DAY": 1, "HOUR": 1 / 24, "MINUTE": 1 / 1440, "SECOND": 1 / 86400}
        step = datetime.timedelta(days=days[unit.upper()] * int(number))
        return now - step if sign == "-" else now + step
    day = _parsed(limit.strip(), form)
    if day is None:
        raise QueryError("INVALID_TABLE_PROPERTY", f"Invalid partition projection range: {limit}")
    return day


def _parsed(value: str, form: str) -> datetime.datetime | None:
    """A date by Java's pattern; the letters that occur in folders' names are known."""
    names = {"yyyy": "%Y", "MM": "%m", "dd": "%d", "HH": "%H", "mm": "%M", "ss": "%S"}
    pattern = re.sub(r"yyyy|MM|dd|HH|mm|ss", lambda found: names[found[0]], form.replace("'", ""))
    try:
        day = datetime.datetime.strptime(value, pattern)
    except ValueError:
        return None
    return day if day.strftime(pattern) == value else None
