"""Athena's API: tokens, pages, work groups, statistics, stopping."""
import botocore.exceptions

from account.tests.world import Lake, side


class Api(Lake):
    def test_a_token_starts_one_execution(self) -> None:
        token = "t" * 32
        first = self.start("select 1", ClientRequestToken=token)
        self.assertEqual(self.start("select 1", ClientRequestToken=token), first)
        with self.assertRaisesRegex(botocore.exceptions.ClientError, "InvalidRequestException.*Idempotent"):
            self.start("select 2", ClientRequestToken=token)

    def test_results_come_in_pages(self) -> None:
        rows = self.rows("select x from unnest(sequence(1, 2500)) as t(x) order by x")
        self.assertEqual(len(rows), 2500)
        self.assertEqual(rows[-1], ["2500"])

    def test_columns_have_prestos_types(self) -> None:
        query_id = self.query("select 1 as a, 'x' as b, cast(1.5 as decimal(10, 2)) as c, 5, timestamp '2026-01-01 00:00:00' as d")["QueryExecutionId"]
        info = self.athena.get_query_results(QueryExecutionId=query_id)["ResultSet"]["ResultSetMetadata"]["ColumnInfo"]
        self.assertEqual([each["Type"] for each in info], ["integer", "varchar", "decimal", "integer", "timestamp"])
        self.assertEqual((info[2]["Precision"], info[2]["Scale"]), (10, 2))
        self.assertEqual(info[3]["Name"], "_col3")

    def test_what_is_refused_at_once(self) -> None:
        for sql, reason in (
            ("/* a header */ select 1", "Queries of this type are not supported"),
            ("select 1 -- " + "x" * 262144, "queryString"),
            ("selct 1", "mismatched input"),
            ("select 1; select 2", "Only one sql statement"),
        ):
            with self.assertRaisesRegex(botocore.exceptions.ClientError, reason):
                self.start(sql)
        self.assertEqual(self.rows("-- a comment\nselect 1"), [["1"]])

    def test_bytes_are_those_of_the_columns_and_partitions_that_are_read(self) -> None:
        numbers = "select x as id, cast(random() as double) as noise, x % 4 as part from unnest(sequence(1, 10000)) as t(x)"
        self.query(f"create table noisy with (external_location = 's3://{self.bucket}/noisy/', partitioned_by = array['part']) as {numbers}")

        def scanned(sql: str) -> int:
            return self.query(sql)["Statistics"]["DataScannedInBytes"]

        whole, column = scanned("select * from noisy"), scanned("select sum(noise) from noisy")
        part = scanned("select sum(noise) from noisy where part = 2")
        self.assertEqual(scanned("select count(*) from noisy"), 0)
        self.assertTrue(0 < column < whole)
        self.assertAlmostEqual(part, column / 4, delta=column / 20)
        statistics = self.athena.get_query_runtime_statistics(QueryExecutionId=self.query("select * from noisy")["QueryExecutionId"])
        self.assertEqual(statistics["QueryRuntimeStatistics"]["Rows"]["OutputRows"], 10000)
        self.athena.create_work_group(
            Name=self.database, Configuration={"BytesScannedCutoffPerQuery": 10_000_000, "ResultConfiguration": {"OutputLocation": f"s3://{self.bucket}/enforced/"}}
        )
        side("POST", "faults", {"statement": "sum.noise", "scanned": 20_000_000})
        execution = self.ended(self.start("select sum(noise) from noisy", WorkGroup=self.database))
        self.assertEqual(execution["Status"]["State"], "CANCELLED")
        self.assertIn("Bytes scanned limit was exceeded", execution["Status"]["StateChangeReason"])
        self.assertTrue(execution["ResultConfiguration"]["OutputLocation"].startswith(f"s3://{self.bucket}/enforced/"))

    def test_a_group_that_insists_on_its_place_refuses_tables_at_others(self) -> None:
        results = {"ResultConfiguration": {"OutputLocation": f"s3://{self.bucket}/enforced/"}, "EnforceWorkGroupConfiguration": True}
        self.athena.create_work_group(Name=self.database, Configuration=results)
        with self.assertRaisesRegex(botocore.exceptions.ClientError, "enforces a centralized output location"):
            self.start(f"create table t with (external_location = 's3://{self.bucket}/t/') as select 1 as a", WorkGroup=self.database)
        self.assertEqual(self.ended(self.start("create table t as select 1 as a", WorkGroup=self.database))["Status"]["State"], "SUCCEEDED")
        location = self.glue.get_table(DatabaseName=self.database, Name="t")["Table"]["StorageDescriptor"]["Location"]
        self.assertTrue(location.startswith(f"s3://{self.bucket}/enforced/"), location)

    def test_a_query_can_be_stopped(self) -> None:
        query_id = self.start("select count(*) from unnest(sequence(1, 100000)) as a(x), unnest(sequence(1, 100000)) as b(y) where x * y = 7")
        self.athena.stop_query_execution(QueryExecutionId=query_id)
        self.assertEqual(self.ended(query_id)["Status"]["State"], "CANCELLED")

    def test_calls_are_counted_and_throttled_on_demand(self) -> None:
        side("DELETE", "journal")
        side("POST", "faults", {"service": "athena", "operation": "StartQueryExecution", "error": "TooManyRequestsException", "times": 2})
        for _ in range(2):
            with self.assertRaisesRegex(botocore.exceptions.ClientError, "TooManyRequestsException"):
                self.start("select 1")
        self.query("select 1")
        self.assertEqual(side("GET", "journal")["athena"]["StartQueryExecution"], 3)
