"""Where rows come from: locations, partitions of their own places, partition projection, files with other columns."""
from account.tests.world import Lake


class Tables(Lake):
    def table(self, name: str, location: str, partition_keys: list[dict] = (), parameters: dict = {}, columns: list[dict] | None = None) -> None:
        """Registers a table of Parquet files."""
        self.glue.create_table(DatabaseName=self.database, TableInput={
            "Name": name, "TableType": "EXTERNAL_TABLE", "Parameters": dict(parameters), "PartitionKeys": list(partition_keys),
            "StorageDescriptor": {
                "Location": location, "Columns": columns or [{"Name": "id", "Type": "bigint"}, {"Name": "note", "Type": "string"}],
                "SerdeInfo": {"SerializationLibrary": "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"},
            },
        })  # fmt: skip

    def files(self, location: str, select: str) -> None:
        """Writes rows below a prefix."""
        self.query(f"unload ({select}) to 's3://{self.bucket}/{location}' with (format = 'PARQUET')")

    def test_a_location_is_read_at_any_depth_without_hidden_files(self) -> None:
        self.files("t/a/", "select 1 as id")
        self.files("t/b/c/", "select 2 as id, 'x' as note")
        self.files("t/_hidden/", "select 3 as id")
        self.s3.put_object(Bucket=self.bucket, Key="t/.marker", Body=b"not Parquet")
        self.table("t", f"s3://{self.bucket}/t/")
        self.assertEqual(self.rows("select id, note from t order by id"), [["1", None], ["2", "x"]])

    def test_registered_partitions_have_their_own_places(self) -> None:
        self.files("v1/", "select 1 as id")
        self.files("elsewhere/v2/", "select 2 as id")
        self.table("t", f"s3://{self.bucket}/nothing/", [{"Name": "day", "Type": "date"}])
        for day, place in (("2026-10-30", "v1"), ("2026-10-31", "elsewhere/v2")):
            self.query(f"alter table t add partition (day = '{day}') location 's3://{self.bucket}/{place}/'")
        self.assertEqual(self.rows("select day, id from t where day >= date '2026-10-31'"), [["2026-10-31", "2"]])
        self.assertEqual(self.rows("select count(*) from t"), [["2"]])

    def test_projection_finds_files_by_the_template(self) -> None:
        for version, day in (("v1", "2026-10-30"), ("v2", "2026-10-31"), ("v1", "2026-10-31")):
            self.files(f"p/{version}/x/{day}/", f"select cast(substr('{version}', 2) as integer) as id")
        parameters = {
            "projection.enabled": "true", "projection.day.type": "date", "projection.day.range": "2026-10-01,2026-12-31",
            "projection.day.format": "yyyy-MM-dd", "storage.location.template": f"s3://{self.bucket}/p/v1/x/${{day}}",
        }  # fmt: skip
        self.table("t", f"s3://{self.bucket}/p/", [{"Name": "day", "Type": "date"}], parameters)
        self.assertEqual(self.rows("select day, id from t order by day"), [["2026-10-30", "1"], ["2026-10-31", "1"]])
        parameters = {"projection.enabled": "true", "projection.day.type": "enum", "projection.day.values": "2026-10-31"}
        self.table("e", f"s3://{self.bucket}/q/", [{"Name": "day", "Type": "string"}], parameters)
        self.files("q/day=2026-10-31/", "select 7 as id")
        self.files("q/day=2026-11-01/", "select 8 as id")
        self.assertEqual(self.rows("select day, id from e"), [["2026-10-31", "7"]])

    def test_a_file_of_another_type_is_refused(self) -> None:
        self.files("t/", "select 'text' as id")
        self.table("t", f"s3://{self.bucket}/t/")
        self.fails("select id from t", "HIVE_BAD_DATA: Field id's type")

    def test_an_injected_column_has_to_be_named(self) -> None:
        self.files("v/one/", "select 1 as id")
        parameters = {
            "projection.enabled": "true", "projection.version.type": "injected", "storage.location.template": f"s3://{self.bucket}/v/${{version}}/",
        }  # fmt: skip
        self.table("t", f"s3://{self.bucket}/v/", [{"Name": "version", "Type": "string"}], parameters)
        self.assertEqual(self.rows("select id from t where version = 'one'"), [["1"]])
        self.fails("select id from t", "CONSTRAINT_VIOLATION")
        self.query("insert into t select 2, 'note', 'two'")
        self.assertEqual(len(self.keys("v/two/")), 1)
        self.assertEqual(self.rows("select id, note from t where version in ('one', 'two') order by id"), [["1", None], ["2", "note"]])

    def test_text_is_read_by_its_serde(self) -> None:
        self.s3.put_object(Bucket=self.bucket, Key="json/a", Body=b'{"id": 1, "note": "a \\"b\\""}\n{"id": 2}\n')
        self.s3.put_object(Bucket=self.bucket, Key="csv/a", Body=b'id,note\n"1","x, y"\n2,z\n')
        for name, library, more in (
            ("json", "org.openx.data.jsonserde.JsonSerDe", {}), ("csv", "org.apache.hadoop.hive.serde2.OpenCSVSerde", {"skip.header.line.count": "1"}),
        ):  # fmt: skip
            columns = [{"Name": "id", "Type": "bigint"}, {"Name": "note", "Type": "string"}]
            storage = {"Location": f"s3://{self.bucket}/{name}/", "Columns": columns, "SerdeInfo": {"SerializationLibrary": library}}
            self.glue.create_table(DatabaseName=self.database, TableInput={"Name": f"{name}_rows", "Parameters": more, "StorageDescriptor": storage})
        self.assertEqual(self.rows("select id, note from json_rows order by id"), [["1", 'a "b"'], ["2", None]])
        self.assertEqual(self.rows("select id, note from csv_rows order by id"), [["1", "x, y"], ["2", "z"]])

    def test_partitions_are_written_under_printable_values_only_and_read_under_any(self) -> None:
        place = f"s3://{self.bucket}/"
        rows = "(values (1, 'a~b '), (2, '東京'), (3, cast(null as varchar))) as t (n, place)"
        head = "format = 'PARQUET', external_location"
        refused = "HIVE_INVALID_PARTITION_VALUE: Hive partition keys can only contain printable ASCII characters (0x20 - 0x7E). Invalid value: E6 9D B1"
        self.fails(f"create table no with ({head} = '{place}no/', partitioned_by = array['place']) as select n, place from {rows}", refused)
        self.query(f"create table yes with ({head} = '{place}yes/', partitioned_by = array['place']) as select n, place from {rows} where n <> 2")
        self.assertEqual(self.rows("select n from yes where place = 'a~b '"), [["1"]])
        self.fails("insert into yes select 4, chr(9)", "Invalid value: 09")
        self.query(
            f"create table hexed with ({head} = '{place}hexed/', partitioned_by = array['_key']) as "
            f'select n, place, to_hex(to_utf8(cast(place as varchar))) as "_key" from {rows}'
        )
        table = self.glue.get_table(DatabaseName=self.database, Name="hexed")["Table"]
        table = {each: table[each] for each in ("TableType", "Parameters", "StorageDescriptor")}
        table["StorageDescriptor"]["Columns"] = table["StorageDescriptor"]["Columns"][:1]
        keys = [{"Name": "place", "Type": "string"}]
        self.glue.create_table(DatabaseName=self.database, TableInput={**table, "Name": "own", "PartitionKeys": keys})
        for value, folder in (("a~b ", "617E6220"), ("東京", "E69DB1E4BAAC")):
            storage = {**table["StorageDescriptor"], "Location": f"{place}hexed/_key={folder}/"}
            self.glue.create_partition(DatabaseName=self.database, TableName="own", PartitionInput={"Values": [value], "StorageDescriptor": storage})
        self.assertEqual(self.rows("select n, place from own order by n"), [["1", "a~b "], ["2", "東京"]])
        self.assertEqual(self.rows("select n from own where place = '東京'"), [["2"]])

    def test_what_is_written_is_read_back(self) -> None:
        values = {
            "a": "tinyint '1'", "b": "cast(2.5 as real)", "c": "decimal '12345678901234567890.12'", "d": "timestamp '2026-10-31 12:34:56.789'",
            "e": "date '0001-01-01'", "f": "array[1, null]", "g": "map(array['k'], array[1.5])", "h": "cast(row(1, 'x') as row(n bigint, s varchar))",
            "i": "x'00ff'", "j": "true", "k": "cast(null as varchar)", "l": "'漢字 😀'", "m": "timestamp '1969-12-31 23:59:59.999'",
        }  # fmt: skip
        select = "select " + ", ".join(f"{value} as {name}" for name, value in values.items())
        for form in ("PARQUET", "ORC"):
            location = f"s3://{self.bucket}/back/{form}/"
            self.query(f"create table t_{form} with (format = '{form}', write_compression = 'ZSTD', external_location = '{location}') as {select}")
            self.assertEqual(self.rows(f"select * from t_{form}"), self.rows(select), form)
