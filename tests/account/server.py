"""The HTTP server: a side API for tests, the journal and faults of calls, and behind them moto."""
import json
import logging
import os
import threading
from typing import Any, Callable, Iterable

from werkzeug.serving import make_server
from werkzeug.wrappers import Request, Response

SIDE_API = "/tarn-account/"


class Server:
    """A running account on 127.0.0.1."""

    def __init__(self, port: int = 0, verbose: bool = False):
        # These have to be said before moto is imported.
        os.environ.setdefault("MOTO_IAM_LOAD_MANAGED_POLICIES", "true")
        os.environ.setdefault("MOTO_CALL_RESET_API", "false")
        os.environ.setdefault("AWS_ACCESS_KEY_ID", "test")
        os.environ.setdefault("AWS_SECRET_ACCESS_KEY", "test")
        os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")
        from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app

        class Handler(MotoRequestHandler):
            # Connections are kept, as AWS keeps them: a client that sends a second request never meets a closed one.
            protocol_version = "HTTP/1.1"
            # An answer goes out in two writes; without this the second waits for the client's acknowledgement of the first.
            disable_nagle_algorithm = True

            def log(self, type: str, message: str, *arguments: Any) -> None:
                if verbose:
                    super().log(type, message, *arguments)

        if not verbose:
            # Statements and machines that fail are a test's business; what it wants to know it asks.
            for name in ("moto", "sqlglot"):
                logging.getLogger(name).setLevel(logging.CRITICAL)
        application = Account(DomainDispatcherApplication(create_backend_app))
        self._server = make_server("127.0.0.1", port, application, threaded=True, request_handler=Handler)
        self.port: int = self._server.server_port
        # moto calls itself by this port, e.g. from state machines.
        os.environ["MOTO_PORT"] = str(self.port)
        from account import mends

        mends.apply()

    def start(self) -> None:
        """Serves from a thread."""
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        """Takes no further requests."""
        self._server.shutdown()


class Account:
    """The WSGI application: notes each call, makes it fail when a test asked for that, and hands the rest to moto."""

    def __init__(self, moto: Callable[..., Iterable[bytes]]):
        self._moto = moto

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        from account import calls, faults

        path = environ.get("PATH_INFO", "")
        if path.startswith(SIDE_API):
            return _side_api(Request(environ), path.removeprefix(SIDE_API))(environ, start_response)
        call = calls.Call.of(environ)
        calls.JOURNAL.note(call)
        fault = faults.FAULTS.of_call(call)
        if fault is None:
            return self._moto(environ, start_response)
        if fault.delay:
            threading.Event().wait(fault.delay)
        if fault.error is None and not fault.hold:
            return self._moto(environ, start_response)
        if fault.after:
            # The call does its work, and the caller never hears of it.
            answer = self._moto(environ, lambda *_: None)
            b"".join(answer)
        else:
            # What is not read would be taken for the next request of this connection.
            environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        if fault.hold:
            faults.FAULTS.hold()
        return fault.response(call)(environ, start_response)


def _side_api(request: Request, path: str) -> Response:
    """`faults`, `journal`, `functions`, `slack`, `clock`, `exports`: GET, most of them POST, and DELETE."""
    from account import calls, clock, exports, faults, functions, slack

    parts = path.strip("/").split("/")
    resources = {
        "faults": faults.FAULTS, "journal": calls.JOURNAL, "slack": slack.RECEIVER, "clock": clock.CLOCK,
        "functions": functions.POOL, "exports": exports.EXPORTS,
    }  # fmt: skip
    resource = resources.get(parts[0])
    if resource is None:
        return _json({"message": f"there is no `{path}`; there are {', '.join(resources)}"}, 404)
    try:
        if request.method == "DELETE":
            resource.clear()
            return _json({})
        if request.method == "POST":
            return _json(resource.post(parts[1:], request.get_json(force=True)))
        return _json(resource.get(parts[1:], request.args))
    except (KeyError, ValueError, TypeError) as error:
        return _json({"message": f"{type(error).__name__}: {error}"}, 400)


def _json(value: Any, status: int = 200) -> Response:
    if isinstance(value, Response):
        return value
    return Response(json.dumps(value), status, content_type="application/json")


