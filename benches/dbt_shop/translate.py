"""Turn the shop lake into a dbt project for DuckDB: the same models, seeds and audits, translated from Athena's SQL by sqlglot.

    python translate.py LAKE_DIR PROJECT_DIR native|external

Models are translated as a first run sees them (`is_incremental()` is false). The sources are read from Parquet files below the folder in the
environment variable `LAKE_SOURCES`.
"""

import re
import shutil
import sys
from pathlib import Path

import jinja2
import sqlglot
import yaml

HERE = Path(__file__).parent


def duckdb_sql(athena):
    """sqlglot knows every construct of the models but the order of `with_timezone`'s arguments, which a macro of the project mends."""
    return sqlglot.transpile(athena, read="trino", write="duckdb", pretty=True)[0]


def with_dbt_references(sql):
    """The placeholders of `render` as dbt's own references."""
    sql = re.sub(r"\bref__(\w+)", r"{{ ref('\1') }}", sql)
    return re.sub(r"\bsource__(\w+)", r"{{ source('lake', '\1') }}", sql)


def default_variables(configuration):
    return {name: value["default"] if isinstance(value, dict) else value for name, value in configuration.get("vars", {}).items()}


def render(template, variables, this):
    def source(name):
        return f"ref__{name}" if name.endswith("_current") else f"source__{name}"

    return jinja2.Template(template).render(
        ref=lambda name: f"ref__{name}",
        source=source,
        var=lambda name, *default: variables.get(name, *default),
        is_incremental=lambda: False,
        this=this,
    )


def current_view(source):
    """The latest image of each key, as Tarn's own view of a table source gives it."""
    key = ", ".join(source["key"])
    return (
        "{{ config(materialized='view') }}\n"
        f"select * exclude (newest)\nfrom (\n    select *, row_number() over (partition by {key} order by _seq desc) as newest\n"
        f"    from {{{{ source('lake', '{source['name']}') }}}}\n)\nwhere newest = 1 and _op <> 'remove'\n"
    )


def translate_audits(model, audits, variables, project):
    """Columns' tests of dbt where dbt has one, else a query of its own in `tests/`."""
    columns = {}
    for number, audit in enumerate(audits):
        ((kind, what),) = audit.items()
        query = None
        if kind == "not_null":
            for column in what:
                columns.setdefault(column, []).append("not_null")
        elif kind == "unique" and len(what) == 1:
            columns.setdefault(what[0], []).append("unique")
        elif kind == "unique":
            keys = ", ".join(what)
            query = f"select {keys} from {{{{ ref('{model}') }}}} group by {keys} having count(*) > 1"
        elif kind == "accepted_values":
            columns.setdefault(what["column"], []).append({"accepted_values": {"arguments": {"values": what["values"]}}})
        elif kind == "relationships":
            is_source = (project / "sources" / f"{what['to']}.yaml").exists()
            to = f"source('lake', '{what['to']}')" if is_source else f"ref('{what['to']}')"
            test = {"relationships": {"arguments": {"to": to, "field": what["field"]}}}
            columns.setdefault(what["column"], []).append(test)
        elif kind == "row_count":
            query = f"select count(*) from {{{{ ref('{model}') }}}} having count(*) < {what['min']}"
        elif kind == "sql":
            query = with_dbt_references(duckdb_sql(render(what["query"], variables, f"ref__{model}")))
        else:
            raise ValueError(f"`{model}` has an audit `{kind}` that this script does not know")
        if query:
            (project / "tests" / f"{model}_{number}.sql").write_text(query + "\n", encoding="utf-8")
    return {"name": model, "columns": [{"name": name, "tests": tests} for name, tests in columns.items()]}


def translate(lake, project, tables):
    shutil.rmtree(project, ignore_errors=True)
    for folder in ("models", "tests", "seeds"):
        (project / folder).mkdir(parents=True)
    shutil.copytree(lake / "sources", project / "sources")
    configuration = yaml.safe_load((lake / "tarn.yaml").read_text(encoding="utf-8"))
    variables = default_variables(configuration)

    sources = []
    for file in sorted((lake / "sources").glob("*.yaml")):
        source = yaml.safe_load(file.read_text(encoding="utf-8")) | {"name": file.stem}
        sources.append(
            {
                "name": file.stem,
                "config": {
                    "meta": {
                        "external_location": 'read_parquet(\'{{ env_var("LAKE_SOURCES") }}/'
                        + file.stem
                        + "/**/*.parquet', hive_partitioning = true, union_by_name = true)"
                    }
                },
            }
        )
        if source["kind"] == "table":
            (project / "models" / f"{file.stem}_current.sql").write_text(current_view(source), encoding="utf-8")

    described = []
    for file in sorted((lake / "models").rglob("*.sql")):
        header, body = file.read_text(encoding="utf-8").removeprefix("/*").split("*/", 1)
        header = yaml.safe_load(header)
        is_view = header.get("materialized") == "view"
        materialized = "view" if is_view else {"native": "table", "external": "external"}[tables]
        sql = with_dbt_references(duckdb_sql(render(body, variables, f"ref__{file.stem}")))
        config = f"{{{{ config(materialized='{materialized}') }}}}\n"
        (project / "models" / file.name).write_text(config + sql + "\n", encoding="utf-8")
        described.append(translate_audits(file.stem, header.get("audits", []), variables, project))

    seeds = {}
    for file in sorted((lake / "seeds").glob("*.csv")):
        shutil.copy(file, project / "seeds")
        description = file.with_suffix(".yaml")
        if description.exists():
            columns = yaml.safe_load(description.read_text(encoding="utf-8"))["columns"]
            types = {column["name"]: {"string": "varchar"}.get(column["type"], column["type"]) for column in columns}
            seeds[file.stem] = {"+column_types": types}

    schema = {"version": 2, "sources": [{"name": "lake", "tables": sources}], "models": described}
    (project / "models" / "schema.yml").write_text(yaml.safe_dump(schema, allow_unicode=True), encoding="utf-8")
    settings = yaml.safe_load((HERE / "dbt_project.yml").read_text(encoding="utf-8"))
    settings["seeds"] = {"shop": seeds}
    (project / "dbt_project.yml").write_text(yaml.safe_dump(settings), encoding="utf-8")
    shutil.copy(HERE / "profiles.yml", project)


if __name__ == "__main__":
    translate(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])
