"""A lake of the laptop in the account: its files to S3, its catalogue to Glue; and whether both give the same rows.

`python -m account.laptop LAKE` compares each table and each model's query of a lake that `tarn run` has made.
"""
import argparse
import decimal
import json
import re
import subprocess
from pathlib import Path
from typing import Any

from account.tests.world import Lake


def load(lake: Lake, data: Path) -> list[str]:
    """Copies the data folder of a lake into the test's bucket and database; the names of tables and views."""
    for file in sorted((data / "lake").rglob("*")):
        if file.is_file() and ".tarn-tmp" not in file.parts:
            lake.s3.put_object(Bucket=lake.bucket, Key=str(file.relative_to(data / "lake")), Body=file.read_bytes())
    waiting = [json.loads(file.read_text()) for file in sorted((data / "catalogue").glob("*.json"))]
    names = []
    for table in [each for each in waiting if "table" in each["kind"]]:
        _table(lake, table)
        names.append(table["name"])
    views = [each for each in waiting if "view" in each["kind"]]
    # A view can be made once those are there that it reads.
    while views:
        ready = [view for view in views if not any(re.search(rf"\b{other['name']}\b", view["kind"]["view"]["sql"]) for other in views if other is not view)]
        for view in ready:
            lake.query(f"create or replace view {view['name']} as\n{view['kind']['view']['sql']}")
            names.append(view["name"])
            views.remove(view)
        if not ready:
            raise ValueError(f"views that read each other: {[view['name'] for view in views]}")
    return names


def _table(lake: Lake, table: dict[str, Any]) -> None:
    keys = [_column(column) for column in table["partition_keys"]]
    storage = {
        "Columns": [_column(column) for column in table["columns"]], "Location": f"s3://{lake.bucket}/nothing/{table['name']}/",
        "SerdeInfo": {"SerializationLibrary": "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"},
    }  # fmt: skip
    parts = table["kind"]["table"]["parts"]
    if not keys and parts:
        # A table without partitions has one location; the laptop may have several, as after each load of a source.
        folders = {part["location"] for part in parts}
        if len(folders) > 1:
            raise ValueError(f"{table['name']} lies in several folders")
        storage["Location"] = f"s3://{lake.bucket}/{folders.pop()}"
    lake.glue.create_table(DatabaseName=lake.database, TableInput={
        "Name": table["name"], "TableType": "EXTERNAL_TABLE", "StorageDescriptor": storage, "Parameters": {},
        "PartitionKeys": keys,
    })  # fmt: skip
    if keys:
        inputs = [{"Values": part["values"], "StorageDescriptor": {**storage, "Location": f"s3://{lake.bucket}/{part['location']}"}} for part in parts]
        for start in range(0, len(inputs), 100):
            lake.glue.batch_create_partition(DatabaseName=lake.database, TableName=table["name"], PartitionInputList=inputs[start : start + 100])


def _column(described: dict[str, str]) -> dict[str, str]:
    return {"Name": described["name"], "Type": described["column_type"]}


def of_account(lake: Lake, sql: str) -> list[tuple[Any, ...]]:
    """The rows of a query in the account, comparable."""
    query_id = lake.query(sql)["QueryExecutionId"]
    first = lake.athena.get_query_results(QueryExecutionId=query_id, MaxResults=1)
    columns = [(each["Name"], each["Type"]) for each in first["ResultSet"]["ResultSetMetadata"]["ColumnInfo"]]
    pages = lake.athena.get_paginator("get_query_results").paginate(QueryExecutionId=query_id)
    rows = [[cell.get("VarCharValue") for cell in row["Data"]] for page in pages for row in page["ResultSet"]["Rows"]][1:]
    return _sorted(tuple((name, _comparable(value, kind)) for (name, kind), value in zip(columns, row)) for row in rows)


def of_laptop(program: Path, folder: Path, sql: str, kinds: dict[str, str]) -> list[tuple[Any, ...]]:
    """The rows of a query on the laptop, comparable by the types that the account gave them."""
    done = subprocess.run([program, "--lake", folder, "--json", "query", sql], capture_output=True, text=True, check=True)
    rows = [json.loads(line, parse_float=str, parse_int=str) for line in done.stdout.splitlines() if line]
    return _sorted(tuple((name, _comparable(value, kinds.get(name, ""))) for name, value in row.items()) for row in rows)


def _sorted(rows: Any) -> list[tuple[Any, ...]]:
    return sorted(rows, key=repr)


def _comparable(value: Any, kind: str) -> Any:
    if value is None:
        return None
    if isinstance(value, bool):
        return str(value).lower()
    if kind in ("double", "real", "float"):
        return f"{float(value):.9e}"
    if kind in ("tinyint", "smallint", "integer", "bigint", "decimal"):
        return str(decimal.Decimal(value).normalize() + 0)
    if kind == "timestamp":
        return (str(value).replace("T", " ").rstrip("Z") + ("" if "." in str(value) else ".") + "000000")[:23]
    if kind == "varbinary":
        return re.sub(r"[^0-9a-f]", "", str(value).lower())
    return str(value)


def differences(lake: Lake, program: Path, folder: Path) -> list[str]:
    """What differs between the lake on the laptop and the account: a line for each table or model."""
    found = []
    for name in load(lake, folder / ".tarn"):
        found += _difference(lake, program, folder, name, f'select * from "{name}"', f'select * from "{name}"')
    done = subprocess.run([program, "--lake", folder, "--json", "compile", "--full-refresh"], capture_output=True, text=True, check=True)
    for model in json.loads(done.stdout):
        found += _difference(lake, program, folder, f"model {model['model']}", model["sql"], f"select * from {model['model']}")
    return found


def _difference(lake: Lake, program: Path, folder: Path, name: str, sql: str, laptop_sql: str) -> list[str]:
    try:
        query_id = lake.query(sql)["QueryExecutionId"]
    except AssertionError as error:
        return [f"{name}: {error}"[:400]]
    described = lake.athena.get_query_results(QueryExecutionId=query_id, MaxResults=1)["ResultSet"]["ResultSetMetadata"]["ColumnInfo"]
    here, there = of_account(lake, sql), of_laptop(program, folder, laptop_sql, {each["Name"]: each["Type"] for each in described})
    if here == there:
        return []
    if len(here) != len(there):
        return [f"{name}: {len(here)} rows in the account, {len(there)} on the laptop"]
    pair = next((a, b) for a, b in zip(here, there) if a != b)
    columns = [f"{a} against {b}" for a, b in zip(*pair) if a != b]
    return [f"{name}: {sum(a != b for a, b in zip(here, there))} of {len(here)} rows differ: {'; '.join(columns)[:500]}"]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m account.laptop", description=__doc__)
    parser.add_argument("lake", type=Path)
    parser.add_argument("--program", type=Path, default=Path("tarn"), help="the program `tarn`")
    arguments = parser.parse_args()
    lake = Lake()
    lake.setUp()
    found = differences(lake, arguments.program, arguments.lake)
    print("\n".join(found) or "the same rows")
    raise SystemExit(1 if found else 0)


if __name__ == "__main__":
    main()
