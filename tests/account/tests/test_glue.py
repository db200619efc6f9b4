"""Glue's promises that Tarn builds on."""
import threading

import botocore.exceptions

from account.tests.world import Lake, side


class Glue(Lake):
    def setUp(self) -> None:
        super().setUp()
        self.make("t")

    def make(self, name: str) -> None:
        self.glue.create_table(DatabaseName=self.database, TableInput=self.table(name))

    @staticmethod
    def table(name: str, **parameters: str) -> dict:
        return {"Name": name, "PartitionKeys": [{"Name": "day", "Type": "string"}], "StorageDescriptor": {"Columns": []}, "Parameters": parameters}

    def version(self) -> str:
        return self.glue.get_table(DatabaseName=self.database, Name="T")["Table"]["VersionId"]

    def test_of_two_updates_from_one_version_one_fails(self) -> None:
        seen, answers = self.version(), []

        def update(number: int) -> None:
            try:
                self.glue.update_table(DatabaseName=self.database, TableInput=self.table("t", n=str(number)), VersionId=seen, SkipArchive=True)
                answers.append("done")
            except botocore.exceptions.ClientError as error:
                answers.append(error.response["Error"]["Code"])

        threads = [threading.Thread(target=update, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(sorted(answers), ["ConcurrentModificationException"] * 3 + ["done"])
        self.assertEqual(len(self.glue.get_table_versions(DatabaseName=self.database, TableName="t")["TableVersions"]), 1)

    def test_versions_are_kept_and_deleted(self) -> None:
        for number in range(3):
            self.glue.update_table(DatabaseName=self.database, TableInput=self.table("t", n=str(number)))
        versions = [each["VersionId"] for each in self.glue.get_table_versions(DatabaseName=self.database, TableName="t")["TableVersions"]]
        self.assertEqual(versions[0], self.version())
        errors = self.glue.batch_delete_table_version(DatabaseName=self.database, TableName="t", VersionIds=versions)["Errors"]
        self.assertEqual([each["VersionId"] for each in errors], versions[:1])

    def test_lists_come_in_pages(self) -> None:
        for number in range(105):
            self.make(f"many_{number:03}")
        first = self.glue.get_tables(DatabaseName=self.database)
        self.assertEqual((len(first["TableList"]), "NextToken" in first), (100, True))
        rest = self.glue.get_tables(DatabaseName=self.database, NextToken=first["NextToken"])
        self.assertEqual((len(rest["TableList"]), "NextToken" in rest), (6, False))

    def test_partitions_are_limited_segmented_and_selected(self) -> None:
        entries = [{"Values": [f"2026-{number:03}"], "StorageDescriptor": {"Columns": [], "Location": f"s3://b/{number}"}} for number in range(101)]
        asked = {"DatabaseName": self.database, "TableName": "t"}
        with self.assertRaisesRegex(botocore.exceptions.ClientError, "ValidationException"):
            self.glue.batch_create_partition(**asked, PartitionInputList=entries)
        self.assertEqual(self.glue.batch_create_partition(**asked, PartitionInputList=entries[:100]).get("Errors", []), [])
        again = self.glue.batch_create_partition(**asked, PartitionInputList=entries[99:])["Errors"]
        self.assertEqual([each["ErrorDetail"]["ErrorCode"] for each in again], ["AlreadyExistsException"])
        halves = [
            {tuple(each["Values"]) for page in self.glue.get_paginator("get_partitions").paginate(**asked, Segment={"SegmentNumber": half, "TotalSegments": 2}) for each in page["Partitions"]}
            for half in (0, 1)
        ]
        self.assertEqual((len(halves[0] | halves[1]), len(halves[0] & halves[1])), (101, 0))
        self.assertEqual(len(self.glue.get_partitions(**asked, Expression="day >= '2026-099'")["Partitions"]), 2)
        with self.assertRaisesRegex(botocore.exceptions.ClientError, "ValidationException"):
            self.glue.batch_delete_partition(**asked, PartitionsToDelete=[{"Values": each["Values"]} for each in entries[:26]])
        side("POST", "faults", {"unprocessed": 2})
        answer = self.glue.batch_get_partition(**asked, PartitionsToGet=[{"Values": each["Values"]} for each in entries[:5]])
        self.assertEqual((len(answer["Partitions"]), len(answer["UnprocessedKeys"])), (3, 2))
