"""How much lies in a bucket, asked of S3 by hand, since nothing but Python is there before `tarn` is built and no AWS program may be."""
import datetime
import hashlib
import hmac
import json
import os
import shutil
import subprocess
import urllib.error
import urllib.parse
import urllib.request
import xml.etree.ElementTree as ElementTree
from configparser import ConfigParser
from dataclasses import dataclass
from pathlib import Path

# Objects beyond this many are not counted: that there are more is said.
MOST_PAGES = 50


class Unknown(Exception):
    """What lies in a bucket could not be found out."""


@dataclass
class Credentials:
    """Keys of AWS."""

    key: str
    secret: str
    token: str | None


@dataclass
class Contents:
    """Objects of a bucket, old versions among them."""

    objects: int = 0
    size: int = 0
    is_all: bool = True

    def __str__(self) -> str:
        more = "" if self.is_all else "more than "
        return f"{more}{self.objects:,} object{'' if self.objects == 1 else 's'}, {more}{self.size / 1e6:,.1f} MB"


def credentials() -> Credentials:
    """Of the environment, of the profile's file, or of whatever the AWS program knows (SSO, roles, instances)."""
    if os.environ.get("AWS_ACCESS_KEY_ID"):
        return Credentials(os.environ["AWS_ACCESS_KEY_ID"], os.environ.get("AWS_SECRET_ACCESS_KEY", ""), os.environ.get("AWS_SESSION_TOKEN"))
    profiles = ConfigParser()
    profiles.read(os.environ.get("AWS_SHARED_CREDENTIALS_FILE", Path.home() / ".aws/credentials"))
    profile = os.environ.get("AWS_PROFILE", "default")
    if profiles.has_option(profile, "aws_access_key_id"):
        section = profiles[profile]
        return Credentials(section["aws_access_key_id"], section["aws_secret_access_key"], section.get("aws_session_token"))
    if shutil.which("aws"):
        asked = subprocess.run(["aws", "configure", "export-credentials", "--format", "process"], capture_output=True, text=True, check=False)
        if asked.returncode == 0:
            keys = json.loads(asked.stdout)
            return Credentials(keys["AccessKeyId"], keys["SecretAccessKey"], keys.get("SessionToken"))
    raise Unknown("there are no AWS credentials in the environment or in a profile, and no `aws` program that knows some")


def contents(bucket: str, region: str) -> Contents | None:
    """What lies in a bucket; nothing when there is no such bucket.

    # Errors
    `Unknown` when S3 does not tell.
    """
    keys, found = credentials(), Contents()
    marks: dict[str, str] = {}
    for page in range(MOST_PAGES + 1):
        if page == MOST_PAGES:
            found.is_all = False
            break
        answer = listed(bucket, region, keys, {"versions": "", **marks})
        if answer is None:
            return None
        space = answer.tag.partition("}")[0] + "}" if answer.tag.startswith("{") else ""
        for version in answer.findall(f"{space}Version"):
            found.objects += 1
            found.size += int(version.findtext(f"{space}Size") or 0)
        if answer.findtext(f"{space}IsTruncated") != "true":
            break
        marks = {
            "key-marker": answer.findtext(f"{space}NextKeyMarker") or "",
            "version-id-marker": answer.findtext(f"{space}NextVersionIdMarker") or "",
        }
    return found


def listed(bucket: str, region: str, keys: Credentials, query: dict[str, str]) -> ElementTree.Element | None:
    """One page of a bucket's objects and their versions."""
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL") or f"https://s3.{region}.amazonaws.com"
    request = signed(endpoint.rstrip("/"), f"/{bucket}", query, region, keys, datetime.datetime.now(datetime.timezone.utc))
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return ElementTree.fromstring(answer.read())
    except urllib.error.HTTPError as error:
        if error.code == 404:
            return None
        raise Unknown(f"S3 does not list the bucket `{bucket}`: {error.code} {error.reason}") from error
    except urllib.error.URLError as error:
        raise Unknown(f"S3 cannot be reached: {error.reason}") from error


def signed(endpoint: str, path: str, query: dict[str, str], region: str, keys: Credentials, now: datetime.datetime) -> urllib.request.Request:
    """A GET with the signature that AWS asks for (version 4)."""
    time, day = now.strftime("%Y%m%dT%H%M%SZ"), now.strftime("%Y%m%d")
    asked = "&".join(f"{quoted(name)}={quoted(value)}" for name, value in sorted(query.items()))
    nothing = hashlib.sha256(b"").hexdigest()
    headers = {"host": urllib.parse.urlsplit(endpoint).netloc, "x-amz-content-sha256": nothing, "x-amz-date": time}
    if keys.token:
        headers["x-amz-security-token"] = keys.token
    names = ";".join(sorted(headers))
    lines = "".join(f"{name}:{headers[name]}\n" for name in sorted(headers))
    canonical = "\n".join(["GET", path, asked, lines, names, nothing])
    scope = f"{day}/{region}/s3/aws4_request"
    to_sign = "\n".join(["AWS4-HMAC-SHA256", time, scope, hashlib.sha256(canonical.encode()).hexdigest()])
    key = f"AWS4{keys.secret}".encode()
    for part in (day, region, "s3", "aws4_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    signature = hmac.new(key, to_sign.encode(), hashlib.sha256).hexdigest()
    headers["authorization"] = f"AWS4-HMAC-SHA256 Credential={keys.key}/{scope}, SignedHeaders={names}, Signature={signature}"
    return urllib.request.Request(f"{endpoint}{path}?{asked}", headers=headers)


def quoted(text: str) -> str:
    """As signatures want it: everything but letters, digits and `-_.~`."""
    return urllib.parse.quote(text, safe="-_.~")
