"""`tarn ingest` beside DuckDB: NDJSON of the shop's events to Parquet by day.

python3 benches/ingest.py [--events 1000000] [--runs 3] [--threads 2]
"""

import argparse
from pathlib import Path

from measure import CACHE, LAKE, Results, empty_folder, measured, program, shop_data, venv


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2, help="of DuckDB")
    arguments = parser.parse_args()

    events = shop_data(arguments.events) / "site_events.ndjson"
    megabytes = events.stat().st_size / 1e6
    tarn, python = program("tarn", "TARN"), venv()
    results = Results("ingest", events=arguments.events, megabytes=round(megabytes, 1), threads=arguments.threads)
    scratch = CACHE / "bench" / "scratch-ingest"
    script = Path(__file__).with_name("duckdb_ingest.py")
    for _ in range(arguments.runs):
        data = empty_folder(scratch)
        results.add("tarn", measured([tarn, "--lake", LAKE, "--data", data, "ingest", "site_events", events]))
        data = empty_folder(scratch)
        results.add("duckdb", measured([python, script, events, data / "day", arguments.threads]))
    empty_folder(scratch)
    results.table("tarn", megabytes)


if __name__ == "__main__":
    main()
