"""One account for all tests of a process, and short ways to ask it."""
import json
import time
import unittest
import urllib.request
import uuid
from typing import Any

from account.server import Server

_RUNNING: list[Server] = []


def server() -> Server:
    """The running account."""
    if not _RUNNING:
        started = Server()
        started.start()
        _RUNNING.append(started)
    return _RUNNING[0]


def client(service: str) -> Any:
    """A client of the AWS SDK."""
    import boto3
    import botocore.config

    return boto3.client(
        service, endpoint_url=f"http://127.0.0.1:{server().port}", region_name="us-east-1", aws_access_key_id="test",
        aws_secret_access_key="test", config=botocore.config.Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}),
    )  # fmt: skip


def side(method: str, path: str, body: Any = None) -> Any:
    """A call of the side API."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"http://127.0.0.1:{server().port}/tarn-account/{path}", data, method=method)
    with urllib.request.urlopen(request) as answer:
        text = answer.read()
    try:
        return json.loads(text)
    except ValueError:
        return text.decode()


class Lake(unittest.TestCase):
    """A test with a bucket and a database of its own."""

    def setUp(self) -> None:
        name = uuid.uuid4().hex[:12]
        self.bucket, self.database = f"lake-{name}", f"db_{name}"
        self.s3, self.glue, self.athena = client("s3"), client("glue"), client("athena")
        self.s3.create_bucket(Bucket=self.bucket)
        self.glue.create_database(DatabaseInput={"Name": self.database})
        self.addCleanup(side, "DELETE", "faults")

    def start(self, sql: str, **more: Any) -> str:
        """Starts a statement; its execution's id."""
        asked = {
            "QueryString": sql, "QueryExecutionContext": {"Database": self.database},
            "ResultConfiguration": {"OutputLocation": f"s3://{self.bucket}/results/"}, **more,
        }  # fmt: skip
        return self.athena.start_query_execution(**asked)["QueryExecutionId"]

    def ended(self, query_id: str) -> dict[str, Any]:
        """The execution, when it has ended."""
        for _ in range(2000):
            execution = self.athena.get_query_execution(QueryExecutionId=query_id)["QueryExecution"]
            if execution["Status"]["State"] not in ("QUEUED", "RUNNING"):
                return execution
            time.sleep(0.005)
        raise AssertionError("the query does not end")

    def query(self, sql: str, **more: Any) -> dict[str, Any]:
        """Runs a statement that has to succeed."""
        execution = self.ended(self.start(sql, **more))
        self.assertEqual(execution["Status"]["State"], "SUCCEEDED", f"{execution['Status'].get('StateChangeReason')}\n{sql}")
        return execution

    def fails(self, sql: str, reason: str, **more: Any) -> dict[str, Any]:
        """Runs a statement that has to fail for this reason."""
        execution = self.ended(self.start(sql, **more))
        self.assertEqual(execution["Status"]["State"], "FAILED", sql)
        self.assertIn(reason, execution["Status"]["StateChangeReason"])
        return execution

    def rows(self, sql: str, **more: Any) -> list[list[str | None]]:
        """The rows of a query, without the header."""
        query_id = self.query(sql, **more)["QueryExecutionId"]
        pages = self.athena.get_paginator("get_query_results").paginate(QueryExecutionId=query_id)
        rows = [[cell.get("VarCharValue") for cell in row["Data"]] for page in pages for row in page["ResultSet"]["Rows"]]
        return rows[1:]

    def keys(self, prefix: str = "") -> list[str]:
        """The keys below a prefix."""
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix)
        return [each["Key"] for page in pages for each in page.get("Contents", [])]
