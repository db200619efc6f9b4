"""Runs a Python handler as the driver asks on standard input; the commands are those of `subject/src/lib.rs`."""

import sys
from pathlib import Path

from handlers import handler


def main():
    handle = handler(sys.argv[1])
    events = {}
    for line in sys.stdin:
        command, argument = line.rstrip("\n").split(" ", 1)
        if command == "load":
            events = {path.name: path.read_bytes() for path in sorted(Path(argument).glob("*.event"))}
            answer = f"loaded {len(events)}"
        elif command == "run":
            size = 0
            for _ in range(int(argument)):
                for event in events.values():
                    size += len(handle(event))
            answer = f"ran {size}"
        elif command == "write":
            for name, event in events.items():
                Path(argument, name).write_bytes(handle(event))
            answer = "written"
        else:
            raise ValueError(f"`{command}` is no command")
        print(answer, flush=True)


if __name__ == "__main__":
    main()
