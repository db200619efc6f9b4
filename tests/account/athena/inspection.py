"""Statements that tell about others or about the catalogue: EXPLAIN, SHOW, DESCRIBE."""
import json
import re

from sqlglot import exp

from account.athena import statements
from account.athena.errors import QueryError, Refused
from account.athena.statements import TEXT, CreateTableAsSelect, Insert, Outcome, Run, Statement


class Explain(Statement):
    """EXPLAIN [(TYPE … [, FORMAT …])] statement. It reads the catalogue and says what it finds wrong, but nothing else happens."""

    kind, detail = "UTILITY", "EXPLAIN"

    def __init__(self, inner: Statement, text: str, wanted: str, form: str):
        super().__init__(inner.parsed, text)
        self.inner, self.wanted, self.form = inner, wanted, form

    @classmethod
    def of(cls, text: str) -> "Explain":
        """Reads one."""
        found = re.fullmatch(r"explain\s*(analyze\b)?\s*(?:\((\s*(?:type|format)\b[^)]*)\))?(.*)", text, re.IGNORECASE | re.DOTALL)
        if found is None:
            raise Refused("line 1:1: mismatched input in EXPLAIN")
        said = dict(re.findall(r"(type|format)\s+(\w+)", (found[2] or "").lower()))
        wanted = "analyze" if found[1] else said.get("type", "distributed")
        if wanted not in ("logical", "distributed", "validate", "io", "analyze"):
            raise Refused(f"line 1:1: unknown type of EXPLAIN: {wanted}")
        return cls(statements.understood(found[3].strip()), text, wanted, said.get("format", "text"))

    def run(self, run: Run) -> Outcome:
        if isinstance(self.inner, Explain):
            raise QueryError("NOT_SUPPORTED", "line 1:1: EXPLAIN of EXPLAIN is not supported")
        query = self.inner.parsed
        if isinstance(self.inner, (CreateTableAsSelect, Insert)):
            query = self.inner.parsed.expression
        elif not isinstance(query, exp.Query):
            return Outcome([("Valid", statements.Type("boolean"))], [["true"]])
        sql = run.session.translated(query)
        run.session.describe(sql)
        if isinstance(self.inner, Insert):
            run.session.catalogue.get(*run.session.name_of(self.inner.parsed.this))
        if self.wanted == "validate":
            return Outcome([("Valid", statements.Type("boolean"))], [["true"]])
        plan = self._reads(run, sql) if self.wanted == "io" else run.session.run(f"EXPLAIN {sql}").fetchall()[0][1]
        return Outcome([("Query Plan", TEXT)], [[line] for line in plan.split("\n")])

    def _reads(self, run: Run, sql: str) -> str:
        """What the query would read and write, as Trino's EXPLAIN (TYPE IO) says it."""
        total = run.session.reads(sql)
        tables = []
        for bound in run.session.tables:
            size, rows = run.session.reads_of(sql, bound)
            tables.append({
                "table": {"catalog": "awsdatacatalog", "schemaTable": {"schema": bound.table.database, "table": bound.table.name}},
                "constraint": {"none": False, "columnConstraints": []},
                "estimate": {"outputRowCount": float(rows), "outputSizeInBytes": float(size), "cpuCost": float(size), "maxMemory": 0.0, "networkCost": 0.0},
            })  # fmt: skip
        described: dict[str, object] = {"inputTableColumnInfos": tables}
        if isinstance(self.inner, (CreateTableAsSelect, Insert)):
            database, name = run.session.name_of(self.inner.parsed.this)
            described["outputTable"] = {"catalog": "awsdatacatalog", "schemaTable": {"schema": database, "table": name}}
        described["estimate"] = {"outputRowCount": "NaN", "outputSizeInBytes": "NaN", "cpuCost": float(total[0]), "maxMemory": "NaN", "networkCost": "NaN"}
        return json.dumps(described, indent=2)


class Show(Statement):
    """SHOW TABLES, VIEWS, DATABASES, COLUMNS, PARTITIONS, CREATE VIEW."""

    kind, detail = "UTILITY", "SHOW"

    def run(self, run: Run) -> Outcome:
        session, text = run.session, self.text.strip().rstrip(";").strip()
        name = r"((?:[`\"]?[\w$-]+[`\"]?\.)?[`\"]?[\w$-]+[`\"]?)"
        if found := re.fullmatch(r"show\s+(tables|views)(?:\s+(?:in|from)\s+[`\"]?([\w-]+)[`\"]?)?(?:\s+(?:like\s+)?'([^']*)')?", text, re.IGNORECASE):
            database = (found[2] or session.database).lower()
            if not session.catalogue.has_database(database):
                raise QueryError("SCHEMA_NOT_FOUND", f"FAILED: SemanticException [Error 10072]: Database does not exist: {database}", kind=1003)
            known = session.catalogue.glue.databases.get(database)
            pattern = re.compile((found[3] or "*").replace("*", ".*").replace("%", ".*"), re.IGNORECASE)
            names = [table for table in (known.tables if known else []) if pattern.fullmatch(table)]
            if found[1].lower() == "views":
                names = [table for table in names if session.catalogue.get(database, table).is_view]
            return _lines("tab_name", sorted(names))
        if re.fullmatch(r"show\s+(databases|schemas)", text, re.IGNORECASE):
            return _lines("database_name", sorted({*session.catalogue.glue.databases, "default"}))
        if found := re.fullmatch(rf"show\s+columns\s+(?:in|from)\s+{name}(?:\s+(?:in|from)\s+[`\"]?([\w-]+)[`\"]?)?", text, re.IGNORECASE):
            table = session.catalogue.get(*_named(session.database, found[1], found[2]))
            return _lines("field", [column.name for column in [*table.columns, *table.partition_columns]])
        if found := re.fullmatch(rf"show\s+partitions\s+{name}", text, re.IGNORECASE):
            table = session.catalogue.get(*_named(session.database, found[1]))
            keys = [column.name for column in table.partition_columns]
            return _lines("partition", sorted("/".join(f"{k}={v}" for k, v in zip(keys, each["Values"])) for each in session.catalogue.partitions(table)))
        if found := re.fullmatch(rf"show\s+create\s+view\s+{name}", text, re.IGNORECASE):
            table = session.catalogue.get(*_named(session.database, found[1]))
            return _lines("Create View", [f"CREATE VIEW {table.name} AS", *table.view()["originalSql"].split("\n")])
        raise QueryError("NOT_SUPPORTED", f"the stand-in does not know this: {text[:60]}")


def _named(database: str, name: str, explicit: str | None = None) -> tuple[str, str]:
    parts = [part.strip("`\"").lower() for part in name.split(".")]
    return (parts[0], parts[1]) if len(parts) == 2 else ((explicit or database).lower(), parts[0])


def _lines(name: str, lines: list[str]) -> Outcome:
    return Outcome([(name, TEXT)], [[line] for line in lines])


class Describe(Statement):
    """DESCRIBE table."""

    kind, detail = "UTILITY", "DESCRIBE"

    def run(self, run: Run) -> Outcome:
        table = run.session.catalogue.get(*run.session.name_of(self.parsed.this))
        described = [(column.name, column.kind.hive()) for column in [*table.columns, *table.partition_columns]]
        lines = [f"{name:<20}\t{kind:<20}\t{'':<20}" for name, kind in described]
        if table.partition_columns:
            lines += ["\t \t ", "# Partition Information\t \t ", f"{'# col_name':<20}\t{'data_type':<20}\t{'comment':<20}", "\t \t "]
            lines += [f"{column.name:<20}\t{column.kind.hive():<20}\t{'':<20}" for column in table.partition_columns]
        columns = [("col_name", TEXT), ("data_type", TEXT), ("comment", TEXT)]
        return Outcome(columns, [list(line.split("\t")) for line in lines])
