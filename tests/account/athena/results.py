"""Values as Athena prints them, and the files in which it leaves them."""
import datetime
import decimal
import json
import math
import uuid
from typing import Any

from account.athena.types import Type


def text(value: Any, kind: Type) -> str | None:
    """A value of a result; None stands for NULL, which Athena leaves out."""
    if value is None:
        return None
    if kind.name == "array":
        return "[" + ", ".join(_inner(item, kind.arguments[0]) for item in value) + "]"
    if kind.name == "map":
        pairs = zip(value["key"], value["value"]) if set(value) == {"key", "value"} and isinstance(value["key"], list) else value.items()
        return "{" + ", ".join(f"{_inner(k, kind.arguments[0])}={_inner(v, kind.arguments[1])}" for k, v in pairs) + "}"
    if kind.name == "row":
        values = list(value.values()) if isinstance(value, dict) else list(value)
        # Rows made by `row(…)` have fields without names, which are counted instead.
        names = [name or f"field{index}" for index, name in enumerate(kind.names)]
        return "{" + ", ".join(f"{name}={_inner(v, k)}" for name, v, k in zip(names, values, kind.arguments)) + "}"
    return _scalar(value, kind)


def _inner(value: Any, kind: Type) -> str:
    return "null" if value is None else text(value, kind) or ""


def _scalar(value: Any, kind: Type) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return java_double(value, single=kind.name == "real")
    if isinstance(value, decimal.Decimal):
        return format(value, "f")
    if isinstance(value, datetime.datetime):
        written = value.replace(tzinfo=None).strftime("%H:%M:%S.") + f"{value.microsecond // 1000:03d}"
        zone = " UTC" if value.tzinfo else ""
        return f"{value.year:04d}-{value.month:02d}-{value.day:02d} {written}{zone}"
    if isinstance(value, datetime.date):
        return f"{value.year:04d}-{value.month:02d}-{value.day:02d}"
    if isinstance(value, datetime.time):
        return value.strftime("%H:%M:%S.") + f"{value.microsecond // 1000:03d}"
    if isinstance(value, datetime.timedelta):
        milliseconds = round(value.total_seconds() * 1000)
        sign, milliseconds = ("-", -milliseconds) if milliseconds < 0 else ("", milliseconds)
        seconds, milliseconds = divmod(milliseconds, 1000)
        minutes, seconds = divmod(seconds, 60)
        hours, minutes = divmod(minutes, 60)
        days, hours = divmod(hours, 24)
        return f"{sign}{days} {hours:02d}:{minutes:02d}:{seconds:02d}.{milliseconds:03d}"
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value).hex(" ")
    if isinstance(value, uuid.UUID):
        return str(value)
    if isinstance(value, (dict, list)):
        return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    return str(value)


def java_double(value: float, single: bool = False) -> str:
    """A double as Java's Double.toString writes it: plain from 0.001 up to ten million, else with an exponent."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    if single:
        import numpy

        digits = str(numpy.format_float_scientific(numpy.float32(value), unique=True, trim="0"))
    else:
        digits = repr(value)
    if value == 0:
        return "-0.0" if math.copysign(1, value) < 0 else "0.0"
    sign, number, exponent = decimal.Decimal(digits).as_tuple()
    while len(number) > 1 and number[-1] == 0:
        number, exponent = number[:-1], exponent + 1  # type: ignore[operator]
    point = len(number) + exponent  # type: ignore[operator]
    figures = "".join(map(str, number))
    if 0.001 <= abs(value) < 10_000_000:
        if point <= 0:
            written = "0." + "0" * -point + figures
        elif point >= len(figures):
            written = figures + "0" * (point - len(figures)) + ".0"
        else:
            written = f"{figures[:point]}.{figures[point:]}"
    else:
        written = f"{figures[0]}.{figures[1:] or '0'}E{point - 1}"
    return ("-" if sign else "") + written


def csv_line(values: list[str | None]) -> str:
    """A line of the result's file: everything quoted, but NULL."""
    return ",".join("" if value is None else '"' + value.replace('"', '""') + '"' for value in values) + "\n"


def column_info(name: str, kind: Type) -> dict[str, Any]:
    """One column of ResultSetMetadata."""
    return {
        "CatalogName": "hive", "SchemaName": "", "TableName": "", "Name": name, "Label": name, "Type": kind.name,
        "Precision": kind.precision(), "Scale": kind.numbers[1] if kind.name == "decimal" else 0, "Nullable": "UNKNOWN",
        "CaseSensitive": kind.name == "varchar",
    }  # fmt: skip
