"""The account's S3 as the parts of the account that lie behind the HTTP server see it."""
import hashlib
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from account import leftovers


class NoSuchBucket(Exception):
    """There is no bucket of this name."""


@dataclass(frozen=True)
class Place:
    """A bucket and a key or prefix in it."""

    bucket: str
    key: str

    @classmethod
    def of(cls, uri: str) -> "Place":
        """Reads `s3://bucket/key`; a ValueError for anything else."""
        scheme, separator, rest = uri.partition("://")
        bucket, _, key = rest.partition("/")
        if scheme not in ("s3", "s3a", "s3n") or not separator or not bucket:
            raise ValueError(f"not an S3 location: `{uri}`")
        return cls(bucket, key)

    def folder(self) -> "Place":
        """The same with a slash at the end, unless it is the whole bucket."""
        return Place(self.bucket, self.key.rstrip("/") + "/" if self.key.strip("/") else "")

    def __truediv__(self, name: str) -> "Place":
        return Place(self.bucket, self.folder().key + name)

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.key}"


class Buckets:
    """The buckets of one AWS account number."""

    _copies = leftovers.folder("objects")
    _copying = threading.Lock()

    def __init__(self, account_id: str):
        from moto.s3.models import s3_backends

        self._backend = s3_backends[account_id]["aws"]

    def exists(self, bucket: str) -> bool:
        """Whether there is such a bucket."""
        return bucket in self._backend.buckets

    def _bucket(self, name: str) -> Any:
        if not self.exists(name):
            raise NoSuchBucket(name)
        return self._backend.buckets[name]

    def objects(self, below: Place) -> list[Any]:
        """moto's keys that begin with this prefix, sorted; deleted ones and those of no bytes that stand for a folder are left out."""
        from moto.s3.models import FakeKey

        keys = self._bucket(below.bucket).keys
        found = [keys.get(name) for name in list(keys) if name.startswith(below.key)]
        objects = [key for key in found if isinstance(key, FakeKey) and not (key.name.endswith("/") and key.size == 0)]
        return sorted(objects, key=lambda key: key.name)

    def put(self, place: Place, body: bytes) -> None:
        """Writes an object; the bucket's notifications go out as for any other."""
        self._bucket(place.bucket)
        self._backend.put_object(place.bucket, place.key, body)

    def get(self, place: Place) -> bytes:
        """An object's bytes; a KeyError when there is none."""
        key = self._bucket(place.bucket).keys.get(place.key)
        if key is None:
            raise KeyError(str(place))
        return key.value

    def delete(self, place: Place) -> None:
        """Removes an object."""
        self._backend.delete_object(place.bucket, place.key)

    def local_copy(self, key: Any, convert: Any = None) -> Path:
        """A file with the object's bytes, kept until the account ends; `convert` maps its bytes to others."""
        said = f"{key.bucket_name}\n{key.name}\n{key.version_id}\n{key.etag}\n{key.last_modified.timestamp()}\n{convert}"
        path = self._copies / hashlib.sha256(said.encode()).hexdigest()
        with self._copying:
            if not path.exists():
                body = convert(key.value) if convert else key.value
                partial = path.with_suffix(".partial")
                partial.write_bytes(body)
                partial.rename(path)
        return path


def unescaped(name: str) -> str:
    """A partition's value from a folder's name, as Hive escapes it."""
    return unquote(name)


def escaped(value: str) -> str:
    """A partition's value as a folder's name: Hive's FileUtils.escapePathName."""
    return "".join(f"%{ord(c):02X}" if ord(c) < 32 or c == "\x7f" or c in '"#%\'*/:=?\\{}[]^' else c for c in value)
