"""Lambda's Runtime API on loopback, for one function: it gets events and is watched while it answers them.

https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
"""

import os
import queue
import subprocess
import tempfile
import threading
import time
import uuid
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from subjects import cpu_clock

PREFIX = "/2018-06-01/runtime"
FUNCTION_NAME = "measured"
FUNCTION_ARN = f"arn:aws:lambda:ap-northeast-1:111122223333:function:{FUNCTION_NAME}"
DEADLINE_SECONDS = 120


class FunctionFailed(Exception):
    """The function ended, answered an error or did not answer in time."""


@dataclass(frozen=True)
class Invocation:
    """An answer and what it cost."""

    response: bytes
    # From the hand-over of the event to the arrival of the answer.
    wall: float
    # Of all threads of the function's process, until it asks for the next event.
    cpu: float


class RunningFunction:
    """A function's process and the Runtime API that it talks to."""

    def __init__(self, command, environment=None, folder=None):
        self.events, self.polls, self.answers = queue.Queue(), queue.Queue(), queue.Queue()
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self.request_handler())
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.log = tempfile.TemporaryFile()
        started = time.perf_counter()
        self.process = subprocess.Popen(
            [str(part) for part in command],
            env=self.environment() | (environment or {}),
            cwd=folder,
            stdout=self.log,
            stderr=subprocess.STDOUT,
        )
        try:
            self.started_wall = self.poll() - started
        except FunctionFailed:
            self.close()
            raise
        self.started_cpu = cpu_clock(self.process.pid)

    def environment(self):
        kept = {name: os.environ[name] for name in ("HOME", "LANG", "PATH") if name in os.environ}
        return kept | {
            "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{self.server.server_port}",
            "AWS_LAMBDA_FUNCTION_NAME": FUNCTION_NAME,
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1769",
            "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{FUNCTION_NAME}",
            "AWS_LAMBDA_LOG_STREAM_NAME": "local",
            "AWS_REGION": "ap-northeast-1",
            "AWS_DEFAULT_REGION": "ap-northeast-1",
            "AWS_ACCESS_KEY_ID": "local",
            "AWS_SECRET_ACCESS_KEY": "local",
        }

    def request_handler(function):
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            # Headers and body in two small packets would otherwise wait for an acknowledgement.
            disable_nagle_algorithm = True
            wbufsize = -1

            def do_GET(self):
                if self.path != f"{PREFIX}/invocation/next":
                    return self.answer(404, b"{}")
                function.polls.put(time.perf_counter())
                identifier, event = function.events.get()
                deadline = int((time.time() + DEADLINE_SECONDS) * 1000)
                self.answer(
                    200,
                    event,
                    {
                        "Lambda-Runtime-Aws-Request-Id": identifier,
                        "Lambda-Runtime-Deadline-Ms": str(deadline),
                        "Lambda-Runtime-Invoked-Function-Arn": FUNCTION_ARN,
                        "Lambda-Runtime-Trace-Id": "Root=1-68000000-000000000000000000000000;Parent=0000000000000000;Sampled=0",
                    },
                )

            def do_POST(self):
                body = self.chunks() if "chunked" in self.headers.get("Transfer-Encoding", "") else self.body()
                arrived = time.perf_counter()
                function.answers.put((self.path, body, arrived))
                self.answer(202, b'{"status":"OK"}')

            def body(self):
                return self.rfile.read(int(self.headers.get("Content-Length", 0)))

            def chunks(self):
                parts = []
                while size := int(self.rfile.readline().split(b";")[0], 16):
                    parts.append(self.rfile.read(size))
                    self.rfile.readline()
                # Trailers, if any, up to the empty line.
                while self.rfile.readline().strip():
                    pass
                return b"".join(parts)

            def answer(self, status, body, headers=None):
                self.send_response(status)
                for name, value in {"Content-Type": "application/json", **(headers or {})}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)
                self.wfile.flush()

            def log_message(self, *_):
                pass

        return Handler

    def poll(self):
        """Waits until the function asks for an event; gives the time at which it did."""
        return self.wait(self.polls)

    def wait(self, source):
        end = time.monotonic() + DEADLINE_SECONDS
        while time.monotonic() < end:
            try:
                return source.get(timeout=0.05)
            except queue.Empty:
                if self.process.poll() is not None:
                    raise FunctionFailed(f"the function ended with {self.process.returncode}: {self.output()}") from None
        raise FunctionFailed(f"the function did not answer in {DEADLINE_SECONDS} seconds: {self.output()}")

    def invoke(self, event):
        """Hands an event over and waits for the answer and for the next poll; the function must be waiting for an event."""
        identifier = str(uuid.uuid4())
        before, started = cpu_clock(self.process.pid), time.perf_counter()
        self.events.put((identifier, event))
        path, response, arrived = self.wait(self.answers)
        if path != f"{PREFIX}/invocation/{identifier}/response":
            raise FunctionFailed(f"{path}: {response.decode(errors='replace')}")
        self.poll()
        return Invocation(response, arrived - started, cpu_clock(self.process.pid) - before)

    def peak_megabytes(self):
        """The largest resident set that the process has had."""
        status = Path(f"/proc/{self.process.pid}/status").read_text(encoding="utf-8")
        kibibytes = next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:"))
        return int(kibibytes) * 1024 / 1e6

    def output(self):
        self.log.seek(0)
        return self.log.read().decode(errors="replace")[-2000:]

    def close(self):
        self.process.terminate()
        try:
            self.process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.server.shutdown()
        self.server.server_close()
        self.log.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
