"""Statements as Tarn sends them: CTAS, INSERT, views, and what Athena refuses."""
import base64
import json

from account.tests.world import Lake, side


class Statements(Lake):
    def ctas(self, name: str, select: str, more: str = "") -> dict:
        """Makes a Parquet table below `tables/<name>/`."""
        location = f"s3://{self.bucket}/tables/{name}/"
        return self.query(f"create table {name} with (format = 'PARQUET', write_compression = 'ZSTD', external_location = '{location}'{more}) as {select}")

    def test_a_value_of_each_type_is_printed_as_athena_prints_it(self) -> None:
        row = self.rows(
            "select 1, 'a', true, 1.50, cast(1 as double), 1e10, date '2026-10-31', timestamp '2026-10-31 12:00:00', array[1, 2],"
            " map(array['k'], array['v']), cast(row(1, 'x') as row(a integer, b varchar)), null"
        )[0]
        self.assertEqual(
            row,
            ["1", "a", "true", "1.50", "1.0", "1.0E10", "2026-10-31", "2026-10-31 12:00:00.000", "[1, 2]", "{k=v}", "{a=1, b=x}", None],
        )

    def test_ctas_writes_files_and_registers_table_and_partitions(self) -> None:
        done = self.ctas("sales", "select 1 as id, 'a/b' as kind union all select 2, null", ", partitioned_by = array['kind']")
        self.assertEqual(done["StatementType"], "DDL")
        folders = sorted(key.rsplit("/", 1)[0] for key in self.keys("tables/"))
        self.assertEqual(folders, ["tables/sales/kind=__HIVE_DEFAULT_PARTITION__", "tables/sales/kind=a%2Fb"])
        table = self.glue.get_table(DatabaseName=self.database, Name="sales")["Table"]
        self.assertEqual(table["PartitionKeys"], [{"Name": "kind", "Type": "string"}])
        self.assertEqual(table["StorageDescriptor"]["Columns"], [{"Name": "id", "Type": "int"}])
        values = sorted(each["Values"] for each in self.glue.get_partitions(DatabaseName=self.database, TableName="sales")["Partitions"])
        self.assertEqual(values, [["__HIVE_DEFAULT_PARTITION__"], ["a/b"]])
        self.assertEqual(self.rows("select id, kind from sales order by id"), [["1", "a/b"], ["2", None]])

    def test_ctas_of_no_rows_leaves_a_table_without_files(self) -> None:
        self.ctas("empty", "select 1 as id where false")
        self.assertEqual(self.keys("tables/"), [])
        self.assertEqual(self.rows("select count(*) from empty"), [["0"]])

    def test_ctas_with_no_data_leaves_the_columns(self) -> None:
        location = f"s3://{self.bucket}/tables/shape/"
        self.query(f"create table shape with (\n  format = 'PARQUET',\n  external_location = '{location}'\n) as\nselect 1 as id\nwith no data\n-- tarn: {{}}")
        self.assertEqual((self.keys("tables/"), self.rows("select count(*) from shape")), ([], [["0"]]))

    def test_ctas_refuses_what_athena_refuses(self) -> None:
        self.ctas("taken", "select 1 as id")
        self.fails("create table taken as select 1 as id", "TABLE_ALREADY_EXISTS")
        taken = f"with (external_location = 's3://{self.bucket}/tables/taken/')"
        self.fails(f"create table other {taken} as select 1 as id", "HIVE_PATH_ALREADY_EXISTS")
        self.fails("create table t as select 1", "MISSING_COLUMN_NAME")
        self.fails("create table t as select 1 as a, 2 as a", "DUPLICATE_COLUMN_NAME")
        self.fails("create table t as select null as a", "COLUMN_TYPE_UNKNOWN")
        self.fails("create table t as select current_timestamp as a", "NOT_SUPPORTED: Unsupported Hive type")
        self.fails("create table t as select current_timestamp at time zone 'Asia/Tokyo' as a", "Unsupported Hive type")
        self.fails("create table t with (partitioned_by = array['a']) as select 1 as a, 2 as b", "HIVE_COLUMN_ORDER_MISMATCH")
        many = "select x as id, x as part from unnest(sequence(1, 101)) as t(x)"
        self.fails(f"create table t with (partitioned_by = array['part']) as {many}", "HIVE_TOO_MANY_OPEN_PARTITIONS: Exceeded limit of 100")
        buckets = "bucketed_by = array['id'], bucket_count = 7, partitioned_by = array['part']"
        self.fails(f"create table t with ({buckets}) as select x as id, x % 50 as part from unnest(sequence(1, 5000)) as t(x)", "HIVE_TOO_MANY_OPEN")

    def test_insert_adds_files_and_partitions(self) -> None:
        self.ctas("sales", "select 1 as id, date '2026-10-30' as day", ", partitioned_by = array['day']")
        self.query("insert into sales select 2, date '2026-10-30' union all select 3, date '2026-10-31'")
        self.assertEqual(self.rows("select day, count(*) from sales group by day order by day"), [["2026-10-30", "2"], ["2026-10-31", "1"]])
        self.fails("insert into sales select 'x', date '2026-10-30'", "TYPE_MISMATCH")
        self.ctas("bucketed", "select 1 as id", ", bucketed_by = array['id'], bucket_count = 2")
        self.fails("insert into bucketed select 2", "INSERT into bucketed tables is not supported")

    def test_views_are_kept_as_presto_keeps_them(self) -> None:
        self.ctas("sales", "select 1 as id, 10 as amount")
        self.query("create or replace view doubled as\nselect id, amount * 2 as amount from sales")
        self.query("create or replace view doubled as\nselect id, amount * 4 as amount from sales\n\n-- tarn: {}")
        stored = self.glue.get_table(DatabaseName=self.database, Name="doubled")["Table"]
        self.assertEqual(stored["TableType"], "VIRTUAL_VIEW")
        said = stored["ViewOriginalText"].removeprefix("/* Presto View: ").removesuffix(" */")
        self.assertEqual(json.loads(base64.b64decode(said))["originalSql"], "select id, amount * 4 as amount from sales")
        self.assertEqual(self.rows(f'select amount from "{self.database}"."doubled"'), [["40"]])
        self.query("drop view doubled")
        self.fails("select *\nfrom doubled", "TABLE_NOT_FOUND: line 2:6")

    def test_drop_leaves_the_files(self) -> None:
        self.ctas("sales", "select 1 as id")
        self.query("drop table sales")
        self.query("drop table if exists sales")
        self.assertEqual(len(self.keys("tables/sales/")), 1)

    def test_unload_writes_files_without_a_table(self) -> None:
        self.query(f"unload (select 1 as id, 2 as part) to 's3://{self.bucket}/unloaded/' with (format = 'PARQUET', partitioned_by = array['part'])")
        self.assertEqual([key.rsplit("/", 1)[0] for key in self.keys("unloaded/")], ["unloaded/part=2"])

    def test_explain_and_show(self) -> None:
        self.ctas("sales", "select 1 as id")
        self.query("explain (type validate) select id from sales")
        self.fails("explain (type validate) select nothing from sales", "COLUMN_NOT_FOUND: line 1:32")
        self.fails("select id,\n  no_such_function(id) from sales", "FUNCTION_NOT_FOUND: line 2:3")
        query_id = self.query("explain (type io, format json) select id from sales")["QueryExecutionId"]
        rows = self.athena.get_query_results(QueryExecutionId=query_id)["ResultSet"]["Rows"]
        plan = json.loads("\n".join(row["Data"][0].get("VarCharValue", "") for row in rows))
        self.assertEqual(plan["inputTableColumnInfos"][0]["table"]["schemaTable"]["table"], "sales")
        self.query("show tables")
        self.query("describe sales")

    def test_functions_of_the_engine_alone_are_refused(self) -> None:
        self.fails("select\n  strptime('2026', '%Y')", "FUNCTION_NOT_FOUND: line 2:3: Function 'strptime' not registered")
        self.assertEqual(self.rows("with t(a, b) as (select 1, 2) select a + b from t -- strptime('x')"), [["3"]])

    def test_faults_leave_what_a_crash_leaves(self) -> None:
        select = "select x as id, x as part from unnest(sequence(1, 10)) as t(x)"
        for stage, files in (("start", 0), ("half", 5), ("files", 10)):
            side("POST", "faults", {"statement": f"create table {stage}", "at": stage})
            location = f"s3://{self.bucket}/tables/{stage}_x/"
            self.fails(f"create table {stage}_x with (external_location = '{location}', partitioned_by = array['part']) as {select}", "injected")
            self.assertEqual(len(self.keys(f"tables/{stage}_x/")), files)
            self.fails(f"select * from {stage}_x", "TABLE_NOT_FOUND")

    def test_quotients_and_averages_of_decimals_are_decimals(self) -> None:
        self.ctas("sales", "select cast(10 as decimal(12, 2)) as amount, bigint '3' as pieces")
        self.query("create view totals as select sum(amount) as total, count(*) as sales from sales")
        self.ctas("figures", "select avg(amount) as mean, sum(amount) / sum(pieces) as price, cast(1 as double) / 3 as share from sales")
        kinds = [each["Type"] for each in self.glue.get_table(DatabaseName=self.database, Name="figures")["Table"]["StorageDescriptor"]["Columns"]]
        self.assertEqual(kinds, ["decimal(12,2)", "decimal(38,2)", "double"])
        self.assertEqual(self.rows("select price, mean from figures"), [["3.33", "10.00"]])
        self.assertEqual(self.rows("select total / (sales + 2), total / 3.000, avg(total) over () from totals"), [["3.33", "3.333", "10.00"]])
