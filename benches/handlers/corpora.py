"""The events that the handlers are measured on: made from a seed, kept in the cache, a file per event.

A corpus is a folder with `000.event`, `001.event`, … and `about.json`. Two kinds of documents, each in three forms and in
two envelopes:

- `click`: about 600 bytes, 25 leaves; a fifth of the documents escape every character that is not ASCII, as
  `json.dumps` does. `github`: real webhook payloads.
- as an application writes them (no white space); `_shuffled`: the keys of every object in random order and 15 % of them
  dropped; `_spaced`: as `json.dumps` writes without being told otherwise (white space, escapes).
- Firehose events with base64 data; `changes_…`: the documents as items of a DynamoDB table, in a file of change records as
  the stream delivers them, one a line.
"""

import base64
import hashlib
import json
import random
import shutil
from decimal import Decimal
from pathlib import Path

SEED = 20_260_601
EVENTS = 12
# Decoded bytes in an event; the last record may reach past it.
EVENT_BYTES = 1_000_000
DROPPED_KEYS = 0.15
ESCAPED_DOCUMENTS = 0.2
FORMS = ("", "_shuffled", "_spaced")
DOCUMENTS = ("click", "github")
FIREHOSE = [documents + form for documents in DOCUMENTS for form in FORMS]
CHANGES = ["changes_" + name for name in FIREHOSE]
NAMES = FIREHOSE + CHANGES

EPOCH = 1_780_000_000
PREFECTURES = ["東京都", "大阪府", "北海道", "福岡県", "愛知県", "沖縄県", "京都府"]
VISITORS = ["山田 太郎", "佐藤 花子", "鈴木 一郎", "Tanaka Ken", "高橋 美咲", "Seán O'Brien"]
TITLES = ["商品一覧 | 秋の新作", "カート", "検索結果: 本", "Top page", 'レビュー "最高" の声', "配送について"]
TAGS = ["sale", "新着", "本", "outdoor", "家電", "gift", "限定"]


def compact(value, escaped=False):
    return json.dumps(value, separators=(",", ":"), ensure_ascii=escaped).encode()


class Click:
    """Clicks in a shop, each of its own."""

    def __init__(self, chance):
        self.chance = chance

    def document(self):
        chance = self.chance
        seconds = EPOCH + chance.randrange(10**7)
        return {
            "event_id": f"{chance.getrandbits(128):032x}",
            "event_name": chance.choice(["page_view", "click", "add_to_cart"]),
            "sent_at": f"2026-06-{1 + seconds % 30:02d}T{seconds % 24:02d}:{seconds % 60:02d}:{seconds % 59:02d}.{seconds % 997:03d}Z",
            "visitor": {
                "id": chance.randint(1, 10**9),
                "name": chance.choice(VISITORS),
                "plan": chance.choice(["free", "pro", None]),
                "place": {
                    "country": "JP",
                    "prefecture": chance.choice(PREFECTURES),
                    "latitude": round(chance.uniform(24, 45), 4),
                    "longitude": round(chance.uniform(123, 146), 4),
                },
            },
            "page": {
                "url": f"https://shop.example.jp/items/{chance.randint(1, 99_999)}?utm_source=mail&utm_campaign=summer",
                "title": chance.choice(TITLES),
            },
            "device": {
                "system": chance.choice(["iOS", "Android", "Windows"]),
                "browser": chance.choice(["Safari/19", "Chrome/148", "Edge/148", "Firefox/151"]),
                "display": {
                    "width": chance.choice([390, 412, 1920]),
                    "height": chance.choice([844, 915, 1080]),
                    "ratio": chance.choice([1.0, 2.0, 2.625, 3.0]),
                },
            },
            "item": {
                "id": chance.randint(10**6, 10**7),
                "price": chance.randint(100, 99_999),
                "in_stock": chance.random() < 0.8,
                "tags": chance.sample(TAGS, chance.randint(1, 3)),
            },
            "visit": {
                "id": f"{chance.getrandbits(64):016x}",
                "number": chance.randint(1, 40),
                "first": chance.random() < 0.3,
                "seconds": round(chance.expovariate(1 / 30), 3),
            },
        }

    def changed(self, _document):
        """The same item at another time."""
        return self.document()

    def text(self, document):
        return compact(document, escaped=self.chance.random() < ESCAPED_DOCUMENTS)


class GitHub:
    """Payloads of GitHub's webhooks, drawn with repeats."""

    def __init__(self, chance, examples):
        self.chance = chance
        hooks = json.loads((examples / "api.github.com" / "index.json").read_text(encoding="utf-8"))
        self.payloads = [payload for hook in hooks for payload in hook["examples"]]

    def document(self):
        return self.chance.choice(self.payloads)

    def changed(self, document):
        return document

    def text(self, document):
        return compact(document)


def shuffled(value, chance):
    """The value with the keys of its objects in random order, some of them dropped; arrays stay as they are."""
    if not isinstance(value, dict):
        return value
    keys = [key for key in value if chance.random() >= DROPPED_KEYS]
    chance.shuffle(keys)
    return {key: shuffled(value[key], chance) for key in keys}


def attribute(value):
    """A value as DynamoDB JSON."""
    match value:
        case None:
            return {"NULL": True}
        case bool():
            return {"BOOL": value}
        case int():
            return {"N": str(value)}
        case float():
            return {"N": format(Decimal(repr(value)), "f")}
        case str():
            return {"S": value}
        case list():
            return {"L": [attribute(element) for element in value]}
        case dict():
            return {"M": {key: attribute(element) for key, element in value.items()}}
    raise TypeError(f"no attribute value for {type(value)}")


class Changes:
    """Change records of a table whose items are documents: 60 % inserted, 35 % modified, 5 % removed."""

    def __init__(self, source, chance):
        self.source, self.chance, self.sequence = source, chance, 10**20

    def record(self, form):
        chance = self.chance
        name = chance.choices(["INSERT", "MODIFY", "REMOVE"], [60, 35, 5])[0]
        key = {"key": f"id#{chance.randrange(10**8)}"}
        document = self.source.document()
        images = {"NewImage": document, "OldImage": self.source.changed(document)}
        if name == "INSERT":
            del images["OldImage"]
        if name == "REMOVE":
            del images["NewImage"]
        if form == "_shuffled":
            images = {image: shuffled(item, chance) for image, item in images.items()}
        images = {image: attribute(key | item)["M"] for image, item in images.items()}
        self.sequence += chance.randrange(1, 10_000)
        change = {
            "ApproximateCreationDateTime": EPOCH + chance.randrange(10**7),
            "Keys": attribute(key)["M"],
            **images,
            "SequenceNumber": str(self.sequence),
            "SizeBytes": len(compact(images)),
            "StreamViewType": "NEW_AND_OLD_IMAGES",
        }
        record = {
            "eventID": f"{chance.getrandbits(128):032x}",
            "eventName": name,
            "eventVersion": "1.1",
            "eventSource": "aws:dynamodb",
            "awsRegion": "ap-northeast-1",
            "dynamodb": change,
            "eventSourceARN": "arn:aws:dynamodb:ap-northeast-1:111122223333:table/shop/stream/2026-06-01T00:00:00.000",
        }
        if form == "_shuffled":
            members = [*record.items()]
            chance.shuffle(members)
            record = dict(members)
        return json.dumps(record).encode() if form == "_spaced" else self.source.text(record)


def firehose_record(source, form, chance):
    document = source.document()
    if form == "_shuffled":
        document = shuffled(document, chance)
    return json.dumps(document).encode() if form == "_spaced" else source.text(document)


def firehose_event(records, chance):
    return compact(
        {
            "invocationId": f"{chance.getrandbits(128):032x}",
            "deliveryStreamArn": "arn:aws:firehose:ap-northeast-1:111122223333:deliverystream/clicks",
            "region": "ap-northeast-1",
            "records": [
                {
                    "recordId": f"4966{chance.randrange(10**48):048d}000000",
                    "approximateArrivalTimestamp": EPOCH * 1000 + chance.randrange(10**6),
                    "data": base64.b64encode(record).decode(),
                }
                for record in records
            ],
        }
    )


def write(name, folder, examples):
    """Writes the events of one corpus; gives what there is to know about it."""
    chance = random.Random(f"{SEED} {name}")
    changes = name.startswith("changes_")
    documents = name.removeprefix("changes_").split("_")[0]
    form = name.removeprefix("changes_").removeprefix(documents)
    source = Click(chance) if documents == "click" else GitHub(chance, examples)
    changed = Changes(source, chance)
    record_count = decoded_bytes = 0
    for position in range(EVENTS):
        records, size = [], 0
        while size < EVENT_BYTES:
            records.append(changed.record(form) if changes else firehose_record(source, form, chance))
            size += len(records[-1])
        event = b"\n".join([*records, b""]) if changes else firehose_event(records, chance)
        (folder / f"{position:03d}.event").write_bytes(event)
        record_count += len(records)
        decoded_bytes += size
    return {"events": EVENTS, "records": record_count, "decoded_bytes": decoded_bytes}


def corpus(name, cache, examples):
    """The folder of a corpus and what there is to know about it; generates what is not there."""
    generator = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()
    folder = Path(cache) / name
    about = folder / "about.json"
    if about.exists():
        known = json.loads(about.read_text(encoding="utf-8"))
        if known["generator"] == generator:
            return folder, known
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    known = write(name, folder, Path(examples)) | {"generator": generator}
    about.write_text(json.dumps(known), encoding="utf-8")
    return folder, known
