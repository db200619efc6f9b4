"""What has to be removed when the account ends: folders and processes that it made."""
import atexit
import shutil
import subprocess
import tempfile
from pathlib import Path

_folders: list[Path] = []
_processes: list[subprocess.Popen] = []


def folder(purpose: str) -> Path:
    """A new folder that is removed at the end."""
    path = Path(tempfile.mkdtemp(prefix=f"account-{purpose}-"))
    _folders.append(path)
    return path


def process(started: subprocess.Popen) -> subprocess.Popen:
    """Notes a process that is killed at the end."""
    _processes.append(started)
    return started


def remove() -> None:
    """Kills and removes what was noted."""
    for started in _processes:
        if started.poll() is None:
            started.kill()
    for path in _folders:
        shutil.rmtree(path, ignore_errors=True)


atexit.register(remove)
