"""Iceberg tables: made, added to, merged, changed, dropped."""
from account.tests.world import Lake, side


class Iceberg(Lake):
    def make(self, name: str, select: str, more: str = "") -> None:
        """CREATE TABLE … AS SELECT."""
        location = f"s3://{self.bucket}/{name}/"
        self.query(
            f"create table {name} with (\n  table_type = 'ICEBERG',\n  is_external = false,\n  format = 'PARQUET',\n  write_compression = 'ZSTD',\n"
            f"  location = '{location}'{more}\n) as\n{select}"
        )

    def test_rows_are_merged_in_place_by_one_commit(self) -> None:
        self.make("visits", "select * from (values (1, 10, 'a'), (2, 20, 'b')) as v(visitor, seen, \"order\")", ",\n  partitioning = array['order']")
        table = self.glue.get_table(DatabaseName=self.database, Name="visits")["Table"]
        self.assertEqual((table["Parameters"]["table_type"], table["PartitionKeys"]), ("ICEBERG", []))
        self.query("insert into visits select 3, 30, 'c'")
        self.query("create table delta as select * from (values (2, 21, 'b2'), (3, 29, 'late'), (4, 40, null)) as v(visitor, seen, \"order\")")
        done = self.query(
            "merge into visits as published\nusing (\n  select * from (select *, row_number() over (partition by visitor order by seen desc) as \"_rank\" from delta)\n"
            "  where \"_rank\" = 1\n) as delta\non published.visitor = delta.visitor\n"
            "when matched and (delta.seen >= published.seen or published.seen is null) then update set\n  \"order\" = delta.\"order\",\n  seen = delta.seen\n"
            "when not matched then insert (\n  visitor,\n  \"order\",\n  seen\n) values (\n  delta.visitor,\n  delta.\"order\",\n  delta.seen\n)\n-- tarn: {}"
        )
        self.assertEqual((done["StatementType"], done["SubstatementType"]), ("DML", "MERGE"))
        self.assertGreater(done["Statistics"]["DataScannedInBytes"], 0)
        expected = [["1", "10", "a"], ["2", "21", "b2"], ["3", "30", "c"], ["4", "40", None]]
        self.assertEqual(self.rows('select visitor, seen, "order" from visits order by visitor'), expected)
        self.query("update visits set seen = seen + 1 where visitor = 1")
        self.query("delete from visits where visitor > 2")
        self.assertEqual(self.rows("select visitor, seen from visits order by 1"), [["1", "11"], ["2", "21"]])
        self.query("drop table visits")
        self.assertEqual(self.keys("visits/"), [])

    def test_what_iceberg_refuses(self) -> None:
        properties = f"table_type = 'ICEBERG', is_external = false, location = 's3://{self.bucket}/t/'"
        self.fails(f"create table t with ({properties}) as select timestamp '2026-01-01 00:00:00' as at", "Timestamp precision (3) not supported for Iceberg")
        self.fails(f"create table t with ({properties}) as select smallint '1' as n", "Type not supported for Iceberg")
        self.fails(f"create table t with ({properties}, partitioned_by = array['n']) as select 1 as n", "not supported for Iceberg")
        self.make("t", "select cast(timestamp '2026-01-01 00:00:00' as timestamp(6)) as at, 1 as n")
        self.query("create table twice as select 1 as n, timestamp '2026-01-01 00:00:00' as at union all select 1, null")
        self.fails("merge into t using twice as d on t.n = d.n when matched then update set at = d.at", "MERGE_TARGET_ROW_MULTIPLE_MATCHES")
        self.fails("merge into twice using t as d on twice.n = d.n when matched then delete", "Modifying Hive table rows")
        many = "select x as n, cast(null as timestamp(6)) as at from unnest(sequence(1, 101)) as u(x)"
        self.fails(f"create table m with ({properties.replace('/t/', '/m/')}, partitioning = array['n']) as {many}", "ICEBERG_TOO_MANY_OPEN_PARTITIONS")

    def test_of_two_changes_at_once_one_fails(self) -> None:
        self.make("t", "select 1 as n")
        side("POST", "faults", {"statement": "insert into t", "delay": 0.01})
        ids = [self.start(f"merge into t using (select {n} as n) as d on t.n = d.n when not matched then insert (n) values (d.n)") for n in range(2, 6)]
        states = [self.ended(query_id)["Status"] for query_id in ids]
        failed = [status["StateChangeReason"] for status in states if status["State"] == "FAILED"]
        self.assertTrue(all("ICEBERG_COMMIT_ERROR" in reason for reason in failed))
        self.assertEqual(self.rows("select count(*) from t"), [[str(1 + 4 - len(failed))]])
