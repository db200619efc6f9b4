"""`tarn run` of the whole shop lake beside `dbt build` of the same models on the same Parquet files, and what each takes to do nothing.

python3 benches/run.py [--events 1000000] [--runs 3] [--tables native|external]
"""

import argparse
import subprocess
from pathlib import Path

from measure import CACHE, LAKE, Results, empty_folder, measured, program, require_success, say, shop_data, venv

SOURCES = {
    "site_events": "site_events.ndjson",
    "orders": "orders.ndjson",
    "customers": "customers.parquet",
    "contracts": "contracts.parquet",
}


def ingested(tarn, events):
    """The data folder of a lake that holds the generated files; it is made anew when `tarn` is newer."""
    files = shop_data(events)
    data = files / "lake"
    finished = files / "ingested"
    if not finished.exists() or finished.stat().st_mtime < Path(tarn).stat().st_mtime:
        empty_folder(data)
        for source, file in SOURCES.items():
            say(f"ingesting {source}")
            done = measured([tarn, "--lake", LAKE, "--data", data, "ingest", source, files / file])
            # Broken records are part of the events: they are quarantined, and the exit code may say so.
            if source != "site_events":
                require_success(done, f"tarn ingest {source}")
        finished.touch()
    return data


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--tables", choices=["native", "external"], default="native", help="what dbt writes: tables of DuckDB or Parquet files")
    arguments = parser.parse_args()

    tarn, dbt, python = program("tarn", "TARN"), venv("dbt"), venv()
    data = ingested(tarn, arguments.events)
    project = CACHE / "bench" / "dbt_shop"
    translate = Path(__file__).with_name("dbt_shop") / "translate.py"
    subprocess.run([python, translate, LAKE, project, arguments.tables], check=True)
    environment = {"LAKE_SOURCES": str(data / "lake" / "source"), "DBT_PROFILES_DIR": str(project), "DO_NOT_TRACK": "1"}

    def run_tarn(*command):
        return measured([tarn, "--lake", LAKE, "--data", data, *command])

    def run_dbt(*command):
        return measured([dbt, *command], environment, project)

    results = Results("run", events=arguments.events, dbt_tables=arguments.tables)
    for _ in range(arguments.runs):
        results.add("tarn run", run_tarn("run", "--full-refresh"))
        for file in [project / "shop.duckdb", *project.glob("tables/*")]:
            file.unlink(missing_ok=True)
        (project / "tables").mkdir(exist_ok=True)
        results.add("dbt build", run_dbt("build"))
    results.table("tarn run")
    print()

    nothing = Results("start", events=arguments.events)
    for _ in range(max(arguments.runs, 5)):
        nothing.add("tarn run (nothing)", run_tarn("run", "--exclude", "*"))
        nothing.add("dbt run (nothing)", run_dbt("run", "--exclude", "*"))
        nothing.add("dbt ls", run_dbt("ls", "--quiet"))
    nothing.table("tarn run (nothing)")


if __name__ == "__main__":
    main()
