"""The stand-in account of the tests, for benchmarks of what runs on AWS."""

import contextlib
import json
import subprocess
import urllib.request

from measure import CACHE, ROOT

PYTHON = CACHE / "tests" / "venv" / "bin" / "python"


class Account:
    """A running stand-in account."""

    def __init__(self):
        self.process = subprocess.Popen(
            [PYTHON, "-m", "account", "--port", "0"], cwd=ROOT / "tests", stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        self.port = int(self.process.stdout.readline())
        self.endpoint = f"http://127.0.0.1:{self.port}"
        self.environment = {
            "AWS_ENDPOINT_URL": self.endpoint, "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_REGION": "us-east-1", "TARN_TARGET": "aws",
        }  # fmt: skip

    def side(self, method, path, body=None):
        """A call to the account itself."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.endpoint}/tarn-account/{path}", data, method=method)
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)

    def client(self, service):
        """A client of the AWS SDK."""
        import boto3

        return boto3.client(
            service, endpoint_url=self.endpoint, region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test"
        )

    def clear(self):
        """Counts anew."""
        self.side("DELETE", "journal")
        self.side("DELETE", "functions")


@contextlib.contextmanager
def account():
    running = Account()
    try:
        yield running
    finally:
        running.process.stdin.close()
        running.process.wait()
