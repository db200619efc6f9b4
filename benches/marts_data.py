"""Makes what `marts.py` loads: Parquet files of orders, 12 columns, in the order of the key, and the same rows as ready-made text.

python3 marts_data.py ROWS FOLDER
"""

import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

CHUNK = 250_000
PLACES = ["東京都渋谷区", "大阪市北区", "株式会社サンプル", "緑茶（500ml）", "お届け先不在のため", "𠮷野家 🍣", "名古屋市中区栄", "備考なし", "千代田区丸の内一丁目"]
STATES = ["active", "cancelled", "pending", "shipped, partially", "returned"]
SCHEMA = pa.schema([
    ("id", pa.int64()), ("customer_id", pa.int32()), ("quantity", pa.int16()), ("is_member", pa.bool_()), ("amount", pa.decimal128(12, 2)),
    ("tax_rate", pa.decimal128(5, 4)), ("score", pa.float64()), ("ordered_at", pa.timestamp("ms")), ("updated_at", pa.timestamp("us")),
    ("ship_date", pa.date32()), ("status", pa.string()), ("note", pa.string()),
])


def decimals(values, precision, scale):
    words = np.zeros((len(values), 2), dtype=np.int64)
    words[:, 0], words[:, 1] = values, np.where(values < 0, -1, 0)
    return pa.Array.from_buffers(pa.decimal128(precision, scale), len(values), [None, pa.py_buffer(words.tobytes())])


def rows(first, count, version):
    ids = np.arange(first, first + count, dtype=np.int64)
    hashes = (ids * 2654435761 + version * 97) % (1 << 31)

    def with_nulls(array, every):
        return pc.if_else(pa.array(hashes % every != 0), array, pa.nulls(count, array.type))

    note = pc.binary_join_element_wise(pa.array(PLACES).take(pa.array(hashes % 9)), pa.array(hashes % 9973).cast(pa.string()),
                                       pa.array(PLACES).take(pa.array(hashes // 9 % 9)), " ")
    return pa.table([
        pa.array(ids), pa.array((hashes % 400_000).astype(np.int32)), pa.array((hashes % 100).astype(np.int16)), pa.array(hashes % 3 == 0),
        with_nulls(decimals(hashes % 20_000_000 - 1_000_000, 12, 2), 17), decimals(hashes % 10_000, 5, 4),
        with_nulls(pa.array(hashes % 1_000_003 / 7.0), 29),
        pa.array(1_700_000_000_000 + hashes % 31_536_000 * 1000 + hashes % 1000, pa.int64()).cast(pa.timestamp("ms")),
        with_nulls(pa.array((1_700_000_000_000 + ids * 7) * 1000 + hashes % 1_000_000, pa.int64()).cast(pa.timestamp("us")), 11),
        with_nulls(pa.array((19_500 + hashes % 900).astype(np.int32)).cast(pa.date32()), 13),
        pa.array(STATES).take(pa.array(hashes % 5)), with_nulls(note, 7),
    ], schema=SCHEMA)


def texts(table):
    """The values as text, null as `\\N`; no value has a character that wants escaping."""
    columns = []
    for column in table.columns:
        if pa.types.is_boolean(column.type):
            column = column.cast(pa.int8())
        columns.append(pc.fill_null(column.cast(pa.string()), "\\N").to_pylist())
    return zip(*columns, strict=True)


def main():
    count, folder = int(sys.argv[1]), Path(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    for version in (0, 1):
        with pq.ParquetWriter(folder / f"v{version}.parquet", SCHEMA, compression="snappy") as parquet, \
                (folder / f"v{version}.tsv").open("w", encoding="utf-8", newline="") as lines, \
                (folder / f"v{version}.inserts").open("w", encoding="utf-8", newline="") as inserts:
            for first in range(1, count + 1, CHUNK):
                table = rows(first, min(CHUNK, count + 1 - first), version)
                parquet.write_table(table)
                rendered = list(texts(table))
                lines.writelines("\t".join(row) + "\n" for row in rendered)
                for start in range(0, len(rendered), 1000):
                    values = (",".join("NULL" if value == "\\N" else f"'{value}'" for value in row) for row in rendered[start:start + 1000])
                    inserts.write("(" + "),(".join(values) + ")\n")
    (folder / "finished").touch()


main()
