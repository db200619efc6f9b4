"""Makes Parquet files with the edges of every type, and compares them with the table they were loaded into.

generate KIND FOLDER               writes edges.parquet and random.parquet, prints the columns and their types
compare KIND FOLDER PORT TABLE     reads both and says which value differs
"""

import datetime as dt
import decimal
import json
import math
import random
import struct
import sys
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq

decimal.getcontext().prec = 60
USER, PASSWORD = "tarn", "p@ss/wörd"

TEXTS = ["", " ", "a", "a ", "NULL", "\\N", "\\", "\\\\", "'", '"', "\t", "\n", "\r\n", "\x1a", "\x08", "a,b", "か", "が", "カ",
         "東京都渋谷区", "𠮷野家 🍣", "👩‍👩‍👧", "é", "e\u0301", "\u202e", "\ufeff", "\uffff", "x" * 70_000, "🍣" * 20_000, "\\t", "%", "_"]
EPOCH = dt.datetime(1970, 1, 1)


def columns(kind):
    mysql = kind == "mysql"
    floats = [0.0, -0.0, 1.5, 0.1, 1e300, -1e-300, 5e-324, sys.float_info.max, sys.float_info.min, 9007199254740993.0]
    narrow = [struct.unpack("f", struct.pack("f", x))[0] for x in [0.0, 0.1, 16777217.0, 3.4028234e38, 1.1754944e-38, -2.5]]
    moments = [EPOCH, dt.datetime(1, 1, 1) if not mysql else dt.datetime(1000, 1, 1), dt.datetime(1969, 12, 31, 23, 59, 59, 999999),
               dt.datetime(9999, 12, 31, 23, 59, 59, 999999), dt.datetime(2039, 1, 1), dt.datetime(2026, 3, 29, 2, 30),
               dt.datetime(1883, 11, 18, 12, 3, 58), dt.datetime(2024, 2, 29, 0, 0, 0, 1)]
    wide = Decimal(10) ** 38 - 1
    if not mysql:
        floats += [math.inf, -math.inf, math.nan]
        narrow += [math.inf, math.nan]
    return {
        "id": ("bigint", pa.int64(), None),
        "b": ("boolean", pa.bool_(), [True, False]),
        "i8": ("tinyint", pa.int8(), [-128, 127, 0]),
        "i16": ("smallint", pa.int16(), [-32768, 32767]),
        "i32": ("int", pa.int32(), [-(2**31), 2**31 - 1]),
        "i64": ("bigint", pa.int64(), [-(2**63), 2**63 - 1]),
        "f32": ("float", pa.float32(), narrow),
        "f64": ("double", pa.float64(), floats),
        "d5": ("decimal(5,2)", pa.decimal128(5, 2), [Decimal("-999.99"), Decimal("0.01"), Decimal("0.00")]),
        "d38": ("decimal(38,0)", pa.decimal128(38, 0), [wide, -wide, Decimal(2**64)]),
        "d30": ("decimal(38,30)", pa.decimal128(38, 30), [wide.scaleb(-30), -Decimal(1).scaleb(-30)]),
        "text": ("string", pa.string(), TEXTS),
        "code": ("varchar(20)", pa.string(), [text for text in TEXTS if len(text) <= 20]),
        "day": ("date", pa.date32(), [moment.date() for moment in moments]),
        "ms": ("timestamp", pa.timestamp("ms"), [moment.replace(microsecond=moment.microsecond // 1000 * 1000) for moment in moments]),
        "us": ("timestamp", pa.timestamp("us"), moments),
        "utc": ("timestamp with time zone", pa.timestamp("us", "UTC"), [moment.replace(tzinfo=dt.timezone.utc) for moment in moments]),
        "bytes": ("binary", pa.binary(), [b"", b"\x00", b"\xff\xfe", bytes(range(256)), b"\\x41", b"\\N"]),
        "list": ("array<bigint>", pa.list_(pa.int64()), [[], [1, None, -5], [2**53 + 1]]),
        "struct": ("struct<a:string,b:int>", pa.struct([("a", pa.string()), ("b", pa.int32())]),
                   [{"a": '"quoted" \\ \n 🍣', "b": None}, {"a": None, "b": 1}]),
        "map": ("map<string,double>", pa.map_(pa.string(), pa.float64()), [[("k", 1.5), ("が", None)], []]),
    }


def column(values, kind, count, chooser):
    return [chooser(values, row) for row in range(count)]


def generate(kind, folder):
    declared = columns(kind)
    longest = max(len(values) for _, _, values in declared.values() if values)
    schema = pa.schema([(name, arrow) for name, (_, arrow, _) in declared.items()])
    # Every edge once, then null.
    rows = longest + 1
    edges = {name: [None] * rows if values is None else [values[row] if row < len(values) else None for row in range(rows)]
             for name, (_, _, values) in declared.items()}
    edges["id"] = list(range(rows))
    pq.write_table(pa.table(edges, schema=schema), f"{folder}/edges.parquet", use_deprecated_int96_timestamps=False)
    rng = random.Random(7)
    count = 3_000
    drawn = {
        "id": list(range(1_000, 1_000 + count)),
        "i64": [rng.randrange(-(2**63), 2**63) for _ in range(count)],
        "f64": [rng.choice([struct.unpack("d", struct.pack("Q", rng.getrandbits(64)))[0], rng.random()]) for _ in range(count)],
        "d38": [Decimal(rng.randrange(-(10 ** rng.randrange(1, 38)), 10 ** rng.randrange(1, 38))) for _ in range(count)],
        "d30": [Decimal(rng.randrange(-(10**37), 10**37)).scaleb(-30) for _ in range(count)],
        "us": [EPOCH + dt.timedelta(microseconds=rng.randrange(-30_000_000_000_000_000, 250_000_000_000_000_000)) for _ in range(count)],
        "text": ["".join(chr(rng.choice([rng.randrange(1, 128), rng.randrange(0x3040, 0x30FF), rng.randrange(0x1F300, 0x1F640)]))
                         for _ in range(rng.randrange(20))) for _ in range(count)],
        "bytes": [rng.randbytes(rng.randrange(30)) for _ in range(count)],
    }
    finite = drawn["f64"]
    drawn["f64"] = [value if math.isfinite(value) or kind != "mysql" else 0.5 for value in finite]
    for name, (_, _, values) in declared.items():
        if name not in drawn:
            drawn[name] = [rng.choice([None, *values]) for _ in range(count)]
    pq.write_table(pa.table({name: drawn[name] for name in declared}, schema=schema), f"{folder}/random.parquet", row_group_size=700)
    for name, (hive, _, _) in declared.items():
        print(f"{name}\t{hive}")


def read_mart(kind, port, table, names):
    if kind == "mysql":
        import pymysql

        connection = pymysql.connect(host="127.0.0.1", port=int(port), user=USER, password=PASSWORD.encode(), database="mart", charset="utf8mb4")
        quote = "`"
    else:
        import psycopg

        connection = psycopg.connect(host="127.0.0.1", port=int(port), user=USER, password=PASSWORD, dbname="mart")
        quote = '"'
    cursor = connection.cursor()
    listed = ", ".join(quote + name + quote for name in names)
    cursor.execute(f"select {listed} from {quote}{table}{quote} order by {quote}id{quote}")
    rows = list(cursor.fetchall())
    connection.close()
    return rows


def plain(name, value, kind, arrow):
    """One form for what may be written in several ways."""
    if value is None:
        return None
    if name in ("list", "struct", "map"):
        if isinstance(value, str):
            value = json.loads(value)
        elif name == "map" and not isinstance(value, dict):
            value = dict(value)
        return value
    if isinstance(value, float):
        if name == "f32" and not math.isinf(value):
            # A driver may read the shortest digits of 32 bits as a number of 64.
            value = struct.unpack("f", struct.pack("f", value))[0]
        return "nan" if math.isnan(value) else value
    if name == "b":
        return bool(value)
    if isinstance(value, dt.datetime):
        return value.astimezone(dt.timezone.utc).replace(tzinfo=None) if value.tzinfo else value
    if isinstance(value, (bytes, memoryview, bytearray)):
        return bytes(value)
    return value


def compare(kind, folder, port, table):
    declared = columns(kind)
    wanted = []
    for file in ("edges", "random"):
        wanted += pq.read_table(f"{folder}/{file}.parquet").to_pylist()
    found = read_mart(kind, port, table, list(declared))
    assert len(found) == len(wanted), f"{len(found)} rows, not {len(wanted)}"
    wanted.sort(key=lambda row: row["id"])
    different = []
    for want, have in zip(wanted, found):
        for place, (name, (_, arrow, _)) in enumerate(declared.items()):
            left, right = plain(name, want[name], kind, arrow), plain(name, have[place], kind, arrow)
            if left != right or type(left) is not type(right):
                different.append(f"id {want['id']} column {name}: {left!r:.90} became {right!r:.90}")
    if different:
        sys.exit("\n".join(different[:30]))


if sys.argv[1] == "generate":
    generate(*sys.argv[2:])
else:
    compare(*sys.argv[2:])
