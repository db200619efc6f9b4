"""Tests of the scripts here: `python3 -m unittest discover infra`."""
import datetime
import http.server
import json
import os
import sys
import threading
import unittest
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from unittest import mock

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
sys.dont_write_bytecode = True

import contents  # noqa: E402

KEYS = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret"}


def script(name: str):  # noqa: ANN201
    """A script of this folder as a module."""
    loader = SourceFileLoader(name, str(HERE / name))
    module = module_from_spec(spec_from_loader(name, loader))
    loader.exec_module(module)
    return module


def page(objects: int, following: str = "") -> bytes:
    """A page of `ListObjectVersions` as S3 answers it."""
    versions = "".join(f"<Version><Key>k{number}</Key><Size>1000</Size></Version>" for number in range(objects))
    more = f"<IsTruncated>true</IsTruncated><NextKeyMarker>{following}</NextKeyMarker>" if following else "<IsTruncated>false</IsTruncated>"
    return f'<ListVersionsResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">{more}{versions}</ListVersionsResult>'.encode()


class S3(http.server.BaseHTTPRequestHandler):
    """A server that knows one bucket of two pages, and one that it may not show."""

    def do_GET(self) -> None:  # noqa: N802
        path, _, query = self.path.partition("?")
        answers = {"/full": page(2, "k1") if "key-marker" not in query else page(3), "/empty": page(0)}
        status = 200 if path in answers else 403 if path == "/locked" else 404
        self.send_response(status)
        self.end_headers()
        self.wfile.write(answers.get(path, b""))

    def log_message(self, *_: object) -> None:
        """Nothing is told."""


class Contents(unittest.TestCase):
    def setUp(self) -> None:
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), S3)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        endpoint = f"http://127.0.0.1:{server.server_address[1]}"
        self.enterContext(mock.patch.dict(os.environ, {**KEYS, "AWS_ENDPOINT_URL": endpoint}))

    def test_the_signature_is_that_of_the_example_in_the_documentation(self) -> None:
        # https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html, "GET Bucket Lifecycle"
        keys = contents.Credentials("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", None)
        now = datetime.datetime(2013, 5, 24, tzinfo=datetime.timezone.utc)
        request = contents.signed("https://examplebucket.s3.amazonaws.com", "/", {"lifecycle": ""}, "us-east-1", keys, now)
        signature = "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"
        self.assertTrue(request.headers["Authorization"].endswith(f"Signature={signature}"))

    def test_all_pages_are_counted(self) -> None:
        found = contents.contents("full", "us-east-1")
        self.assertEqual((found.objects, found.size, found.is_all), (5, 5000, True))

    def test_counting_ends_and_says_so(self) -> None:
        with mock.patch.object(contents, "MOST_PAGES", 1):
            found = contents.contents("full", "us-east-1")
        self.assertEqual(str(found), "more than 2 objects, more than 0.0 MB")

    def test_empty_absent_and_forbidden_are_three_things(self) -> None:
        self.assertEqual(contents.contents("empty", "us-east-1"), contents.Contents())
        self.assertIsNone(contents.contents("absent", "us-east-1"))
        with self.assertRaisesRegex(contents.Unknown, "403"):
            contents.contents("locked", "us-east-1")

    def test_without_keys_nothing_is_known(self) -> None:
        nothing = {"AWS_SHARED_CREDENTIALS_FILE": "/nonexistent", "PATH": "", "HOME": "/nonexistent"}
        with mock.patch.dict(os.environ, nothing, clear=True), self.assertRaises(contents.Unknown):
            contents.contents("full", "us-east-1")


class Deploy(unittest.TestCase):
    def test_buckets_are_found_in_all_modules(self) -> None:
        def bucket(name: str, mode: str = "managed") -> dict:
            return {"type": "aws_s3_bucket", "mode": mode, "values": {"bucket": name, "region": "eu-west-1"}}

        module = {"resources": [bucket("b"), bucket("read", "data")], "child_modules": [{"resources": [bucket("a")]}]}
        deploy = script("deploy")
        self.assertEqual(deploy.state_buckets({"values": {"root_module": module}}), [("a", "eu-west-1"), ("b", "eu-west-1")])
        self.assertEqual(deploy.state_buckets(json.loads("{}")), [])

    def test_a_lake_tells_its_name(self) -> None:
        self.assertEqual(script("deploy").lake_name(HERE.parent / "examples/shop"), "shop")
        with self.assertRaises(SystemExit):
            script("deploy").lake_name(HERE)


class Build(unittest.TestCase):
    def test_the_same_program_is_the_same_zip(self) -> None:
        folder = Path(self.enterContext(__import__("tempfile").TemporaryDirectory()))
        build = script("build")
        sizes = [build.pack(folder / f"{name}.zip", {"bootstrap": b"program" * 1000, "rds.pem": b"pem"}) for name in "ab"]
        self.assertEqual(sizes[0], sizes[1])
        self.assertEqual((folder / "a.zip").read_bytes(), (folder / "b.zip").read_bytes())
        with __import__("zipfile").ZipFile(folder / "a.zip") as archive:
            modes = {entry.filename: entry.external_attr >> 16 for entry in archive.infolist()}
        self.assertEqual(modes, {"bootstrap": 0o755, "rds.pem": 0o644})


if __name__ == "__main__":
    unittest.main()
