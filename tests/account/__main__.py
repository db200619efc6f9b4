"""`python -m account [--port PORT]`: starts the account, prints its port, and ends when its standard input or its parent does."""
import argparse
import os
import signal
import sys
import threading
import time


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m account", description="A stand-in AWS account on loopback.")
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1; 0, the default, takes a free one")
    parser.add_argument("--keep-running", action="store_true", help="do not end with standard input, e.g. under a service manager")
    parser.add_argument("--verbose", action="store_true", help="write a line per request to stderr")
    arguments = parser.parse_args()

    from account.server import Server

    signal.signal(signal.SIGTERM, lambda *_: _end())
    server = Server(arguments.port, arguments.verbose)
    server.start()
    print(server.port, flush=True)
    threading.Thread(target=_end_with_parent, args=(os.getppid(),), daemon=True).start()
    try:
        if arguments.keep_running:
            threading.Event().wait()
        sys.stdin.read()
    except KeyboardInterrupt:
        pass
    # Threads may still wait inside of the engine or of a function; nothing of an account outlives its process.
    _end()


def _end_with_parent(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.5)
    _end()


def _end() -> None:
    from account import leftovers

    leftovers.remove()
    sys.stderr.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
