#!/usr/bin/env python3
"""What a lake costs, from what is deployed: `infra/costs/costs.py PLAN.json`, where PLAN.json is from `terraform show -json`.

Without a file it takes `shop.json`, the settings of the sample lake. Prices are in `prices.json`, the work that is priced and what each part
of it takes in `work.json`; any of the latter can be set: `--set month.events=50000000 --set month.runs=720`.
"""
import argparse
import copy
import json
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import formulas  # noqa: E402
import settings as reading  # noqa: E402
from formulas import Bill  # noqa: E402
from others import Way, parts, ways  # noqa: E402
from settings import Settings  # noqa: E402

BEGIN, END = "<!-- costs.py writes from here -->", "<!-- costs.py wrote to here -->"


def main() -> None:
    """Prints the tables, or writes them between the marks of a page."""
    parser = argparse.ArgumentParser(prog="infra/costs/costs.py", description="What a lake costs, from what is deployed.")
    parser.add_argument("file", nargs="?", type=Path, default=HERE / "shop.json", help="`terraform show -json` of a plan or a state")
    parser.add_argument("--set", action="append", default=[], metavar="PART.NAME=NUMBER", help="a number of work.json")
    parser.add_argument("--write", type=Path, metavar="PAGE", help="writes the tables into a page, between its marks")
    parser.add_argument("--save-settings", type=Path, metavar="FILE", help="keeps what was read from the plan")
    arguments = parser.parse_args()
    settings = reading.load(arguments.file)
    work = changed(values(json.loads((HERE / "work.json").read_text())), arguments.set)
    prices = json.loads((HERE / "prices.json").read_text())
    if arguments.save_settings:
        arguments.save_settings.write_text(settings.dump())
    text = report(settings, work, prices)
    if arguments.write:
        arguments.write.write_text(placed(arguments.write.read_text(), text))
    else:
        print(text)


def values(work: dict[str, Any]) -> dict[str, Any]:
    """The numbers of work.json, without where they come from."""
    return {part: {name: entry["value"] for name, entry in names.items()} for part, names in work.items() if isinstance(names, dict)}


def changed(work: dict[str, Any], assignments: list[str]) -> dict[str, Any]:
    """The numbers with some of them set anew."""
    work = copy.deepcopy(work)
    for assignment in assignments:
        path, _, number = assignment.partition("=")
        part, _, name = path.partition(".")
        if name not in work.get(part, {}):
            sys.exit(f"work.json has no `{path}`")
        try:
            work[part][name] = float(number)
        except ValueError:
            sys.exit(f"`{number}` is no number")
    return work


def placed(page: str, text: str) -> str:
    """The page with the text between its marks."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        sys.exit(f"the page has no `{BEGIN}` and `{END}`")
    return f"{before}{BEGIN}\n\n{text}\n{END}{after}"


def report(settings: Settings, work: dict[str, Any], prices: dict[str, Any]) -> str:
    """All tables, as Markdown."""
    month, entries = work["month"], prices["prices"]
    standing, incoming, running = parts(settings, work, entries)
    others = ways(settings, work, entries)
    return "\n".join(
        [
            f"Prices of {prices['region']}, read on {prices['read_on']}, in {prices['currency']}.",
            "",
            "### Standing idle",
            "",
            bill_table(standing, "a month in which nothing arrives and nothing runs"),
            "",
            "### By what comes in and what is run",
            "",
            units(settings, work, entries, running),
            "",
            f"### A month with {number(month['events'])} events, {number(month['changes'])} changes and {number(month['runs'])} runs",
            "",
            bill_table(whole(standing, incoming, running), "the month"),
            "",
            "### The same month by other services",
            "",
            others_table(others, month["runs"]),
            "",
        ]
    )


def units(settings: Settings, work: dict[str, Any], prices: dict[str, Any], running: Bill) -> str:
    """What a million events, a gigabyte and a run cost more, each by itself."""
    month, event = work["month"], work["event"]
    step = 1_000_000.0

    def events_cost(packed: float) -> float:
        each = changed(work, [f"event.per_record={packed}"])
        base = formulas.events(settings, each, prices, month["events"]).total()
        return formulas.events(settings, each, prices, month["events"] + step).total() - base

    single, packed = events_cost(1), events_cost(float(formulas.RECORD_STEP // event["bytes"]))
    gigabyte = formulas.GB / (step * event["bytes"])
    month_runs = max(1.0, month["runs"])
    more_changes = (
        formulas.changes(settings, work, prices, month["changes"] + step).total()
        - formulas.changes(settings, work, prices, month["changes"]).total()
    )
    rows = [
        ("a million events, each sent as a record of its own", single),
        (f"a million events, {formulas.RECORD_STEP // event['bytes']:.0f} of them in each record", packed),
        ("a gigabyte of events, each a record of its own", single * gigabyte),
        ("a gigabyte of events, packed into records", packed * gigabyte),
        ("a million changes of a table", more_changes),
        ("a run of the sample's nightly models, with its loads", running.total() / month_runs),
    ]
    return table(["", "dollars"], [[what, money(amount)] for what, amount in rows])


def whole(*bills: Bill) -> Bill:
    """Several bills as one, with lines of the same name added up."""
    together = Bill(bills[0].prices)
    quantities: dict[tuple[str, str], float] = {}
    for line in (line for bill in bills for line in bill.lines):
        quantities[(line.what, line.price)] = quantities.get((line.what, line.price), 0) + line.quantity
    for (what, price), quantity in quantities.items():
        together.add(what, quantity, price)
    return together


def bill_table(bill: Bill, total: str) -> str:
    """The lines of a bill and their sum."""
    rows = [
        [line.what, number(line.quantity), bill.prices[line.price]["unit"], money(line.amount)] for line in bill.lines
    ]
    rows.append([f"**{total}**", "", "", f"**{money(bill.total())}**"])
    if bill.total_after_free() < bill.total():
        rows.append(["after free allowances, if nothing else in the account uses them", "", "", money(bill.total_after_free())])
    return table(["", "how much", "unit", "dollars"], rows)


def others_table(others: list[Way], month_runs: float) -> str:
    """Tarn beside the others."""
    rows = [
        [
            each.name, each.instead_of, money(each.idle.total()), money(each.events.total()),
            money(each.runs.total() / max(1.0, month_runs)), money(each.month()),
        ]
        for each in others
    ]  # fmt: skip
    return table(["", "in place of", "idle", "events of the month", "one run", "**month**"], rows)


def table(head: list[str], rows: list[list[str]]) -> str:
    """A table in Markdown, numbers to the right."""
    marks = ["---" if index == 0 or name in ("unit", "in place of") else "---:" for index, name in enumerate(head)]
    return "\n".join("| " + " | ".join(row) + " |" for row in [head, marks, *rows])


def money(amount: float) -> str:
    """Dollars with as many digits as say something."""
    if amount >= 0.1:
        return f"{amount:,.2f}"
    return f"{amount:.4f}" if amount >= 0.0001 or amount == 0 else f"{amount:.6f}"


def number(quantity: float) -> str:
    """A quantity for people."""
    if quantity >= 100 or quantity == int(quantity):
        return f"{quantity:,.0f}"
    return f"{quantity:.3g}"


if __name__ == "__main__":
    main()
