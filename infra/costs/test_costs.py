"""Tests of the formulas: `python3 -m unittest discover infra/costs`. Expected amounts are worked out by hand."""
import json
import sys
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import costs  # noqa: E402
import formulas  # noqa: E402
import others  # noqa: E402
import settings as reading  # noqa: E402

PRICES = json.loads((HERE / "prices.json").read_text())["prices"]
WORK = costs.values(json.loads((HERE / "work.json").read_text()))


def plan() -> dict:
    """A plan as Terraform shows it, with a bit of everything that is billed."""

    def resource(kind: str, **values: object) -> dict:
        return {"address": f"{kind}.this", "mode": "managed", "type": kind, "values": values}

    stream = resource(
        "aws_kinesis_firehose_delivery_stream",
        name="tarn-shop-clicks",
        extended_s3_configuration=[
            {
                "buffering_size": 64,
                "buffering_interval": 300,
                "data_format_conversion_configuration": [{"enabled": True}],
                "dynamic_partitioning_configuration": [{"enabled": True}],
                "s3_backup_mode": "Enabled",
                "s3_backup_configuration": [{"buffering_size": 128, "buffering_interval": 900}],
                "processing_configuration": [
                    {
                        "enabled": True,
                        "processors": [
                            {
                                "type": "Lambda",
                                "parameters": [{"parameter_name": "BufferSizeInMBs", "parameter_value": "3"}],
                            }
                        ],
                    }
                ],
            }
        ],
    )
    function = {"memory_size": 512, "architectures": ["arm64"]}
    return {
        "format_version": "1.2",
        "planned_values": {
            "root_module": {
                "resources": [
                    resource("aws_cloudwatch_metric_alarm", metric_query=[]),
                    resource("aws_kms_key"),
                    {"mode": "data", "type": "aws_kms_key", "address": "data.aws_kms_key.this", "values": {}},
                ],
                "child_modules": [
                    {
                        "resources": [
                            stream,
                            resource("aws_cloudwatch_metric_alarm", metric_query=[{"metric": [{}]}, {"metric": [{}]}, {"expression": "a/b"}]),
                            resource("aws_cloudwatch_dashboard"),
                            resource("aws_secretsmanager_secret"),
                            resource("aws_vpc_endpoint", vpc_endpoint_type="Interface", subnet_ids=["a", "b"]),
                            resource("aws_vpc_endpoint", vpc_endpoint_type="Gateway"),
                        ],
                        "child_modules": [
                            {
                                "resources": [
                                    resource("aws_lambda_function", function_name="tarn-shop-firehose-transform-clicks", **function),
                                    resource("aws_lambda_function", function_name="tarn-shop-athena-ctas", **function),
                                    resource("aws_lambda_function", function_name="tarn-shop-mart-load-reporting", **function),
                                    resource("aws_lambda_function", function_name="tarn-shop-dynamodb-capture", **function),
                                    resource("aws_lambda_function", function_name="tarn-shop-dynamodb-flatten", **function),
                                ]
                            }
                        ],
                    }
                ],
            }
        },
    }


class Reading(unittest.TestCase):
    def test_everything_billed_is_found_in_all_modules(self) -> None:
        settings = reading.of_terraform(plan())
        self.assertEqual((settings.alarm_metrics, settings.dashboards, settings.keys, settings.secrets), (3, 1, 1, 1))
        self.assertEqual(settings.interface_endpoints, 2)
        self.assertEqual([each.kind for each in settings.kinds("mart-load")], ["mart-load"])
        stream = settings.streams[0]
        self.assertEqual((stream.buffer_mb, stream.backup_seconds, stream.batch_mb, stream.batch_seconds), (64, 900, 3.0, 60))
        self.assertTrue(stream.converts and stream.partitions and stream.transforms)

    def test_settings_that_were_kept_are_read_again(self) -> None:
        settings = reading.of_terraform(plan())
        kept = Path(self.enterContext(__import__("tempfile").TemporaryDirectory())) / "kept.json"
        kept.write_text(settings.dump())
        self.assertEqual(reading.load(kept), settings)


class Formulas(unittest.TestCase):
    def setUp(self) -> None:
        self.settings = reading.of_terraform(plan())

    def amounts(self, bill: formulas.Bill) -> dict[str, float]:
        return {line.what: line.amount for line in bill.lines}

    def test_idle_is_what_stands_there(self) -> None:
        bill = formulas.idle(self.settings, PRICES, 730)
        # 3 alarms, a dashboard, a key, a secret, an endpoint in two zones.
        self.assertAlmostEqual(bill.total(), 0.30 + 3.00 + 1.00 + 0.40 + 14.60)
        self.assertAlmostEqual(bill.total_after_free(), 1.00 + 0.40 + 14.60)
        self.assertEqual(formulas.idle(reading.Settings(), PRICES, 730).total(), 0)
        self.assertAlmostEqual(formulas.idle(reading.Settings(), PRICES, 730, own_secrets=2).total(), 0.80)

    def test_metrics_are_paid_by_the_hours_in_which_they_are_sent(self) -> None:
        def metrics(count: float) -> float:
            lines = formulas.runs(self.settings, WORK, PRICES, count, 0).lines
            return next(line.amount for line in lines if line.price == "metric_month")

        self.assertAlmostEqual(metrics(73), 30 * 0.30 / 10)
        self.assertAlmostEqual(metrics(5000), 30 * 0.30)

    def test_firehose_rounds_each_record_up(self) -> None:
        work = costs.changed(WORK, ["event.bytes=720", "event.per_record=1"])
        alone = self.amounts(formulas.events(self.settings, work, PRICES, 1_000_000))
        self.assertAlmostEqual(alone["Firehose: taken in, by 5 KB a record"], 1_000_000 * 5120 / 2**30 * 0.029)
        packed = self.amounts(formulas.events(self.settings, costs.changed(work, ["event.per_record=7"]), PRICES, 1_000_000))
        self.assertAlmostEqual(packed["Firehose: taken in, by 5 KB a record"], 1_000_000 / 7 * 5120 / 2**30 * 0.029)
        eight = self.amounts(formulas.events(self.settings, costs.changed(work, ["event.per_record=8"]), PRICES, 1_000_000))
        self.assertAlmostEqual(eight["Firehose: taken in, by 5 KB a record"], 1_000_000 / 8 * 10240 / 2**30 * 0.029)

    def test_objects_come_by_time_or_by_size(self) -> None:
        self.assertEqual(formulas.gathered(0, 3600, 64, 300), 12)
        self.assertEqual(formulas.gathered(64 * 2**20 * 100, 3600, 64, 300), 100)

    def test_a_function_with_half_a_core_takes_twice_as_long_at_half_the_memory(self) -> None:
        seconds = {}
        for memory in (1769, 884.5):
            bill = formulas.Bill(PRICES)
            formulas.flattening(bill, WORK, reading.Function("f", "f", memory, "arm64"), 0, 200 * 2**20)
            seconds[memory] = bill.lines[0].quantity
        self.assertAlmostEqual(seconds[1769], 1769 / 1024)
        self.assertAlmostEqual(seconds[884.5], seconds[1769])

    def test_a_statement_pays_for_ten_megabytes_at_least(self) -> None:
        work = costs.changed(WORK, ["run.statements=2", "run.scanned_bytes_per_event=100"])
        small, large = formulas.Bill(PRICES), formulas.Bill(PRICES)
        formulas.queries(small, work, 3, 1000)
        formulas.queries(large, work, 3, 10_000_000)
        self.assertAlmostEqual(small.total(), 3 * 2 * 10_000_000 / 1e12 * 5)
        self.assertAlmostEqual(large.total(), 3 * 1_000_000_000 / 1e12 * 5)

    def test_nothing_arriving_and_nothing_running_costs_nothing_more(self) -> None:
        self.assertEqual(formulas.events(self.settings, WORK, PRICES, 0).total(), 0)
        self.assertEqual(formulas.changes(self.settings, WORK, PRICES, 0).total(), 0)
        self.assertEqual(formulas.runs(self.settings, WORK, PRICES, 0, 1_000_000).total(), 0)

    def test_free_allowances_are_taken_off_once(self) -> None:
        bill = formulas.Bill(PRICES)
        bill.add("a", 3000, "step_functions_transition")
        bill.add("b", 3000, "step_functions_transition")
        self.assertAlmostEqual(bill.total_after_free(), 2000 * 0.000025)


class Others(unittest.TestCase):
    def setUp(self) -> None:
        self.ways = {each.name: each for each in others.ways(reading.of_terraform(plan()), WORK, PRICES)}

    def test_airflow_is_paid_for_every_hour(self) -> None:
        more = self.ways["MWAA"].idle.total() - self.ways["Tarn"].idle.total()
        self.assertAlmostEqual(more, 730 * 0.49 + 5 * 0.10 + 2 * 730 * 0.045)

    def test_glue_pays_for_its_workers(self) -> None:
        self.assertAlmostEqual(self.ways["Glue ETL"].runs.total(), 30 * 6 / 60 * 2 * 0.44)
        self.assertFalse([line for line in self.ways["Glue ETL"].events.lines if line.what.startswith("Lambda")])

    def test_a_container_in_place_of_a_function_leaves_the_rest_as_it_is(self) -> None:
        tarn, embulk = self.ways["Tarn"], self.ways["ECS + Embulk"]
        self.assertAlmostEqual(tarn.events.total(), embulk.events.total())
        loads = 30 * 6 * 2 / 60
        tasks = loads * (0.03238 + 4 * 0.00356 + 0.005)
        functions = sum(line.amount for line in tarn.runs.lines if "of loads" in line.what and line.what.startswith("Lambda"))
        self.assertAlmostEqual(embulk.runs.total() - tarn.runs.total(), tasks - functions)


class Page(unittest.TestCase):
    def test_tables_go_between_the_marks(self) -> None:
        page = f"before\n{costs.BEGIN}\nold\n{costs.END}\nafter\n"
        self.assertEqual(costs.placed(page, "new"), f"before\n{costs.BEGIN}\n\nnew\n{costs.END}\nafter\n")

    def test_every_price_says_where_it_was_seen(self) -> None:
        for name, entry in PRICES.items():
            self.assertIn(entry["seen"], ("page", "list", "report", "unverified"), name)
            self.assertTrue(entry["page"].startswith("https://aws.amazon.com/"), name)

    def test_every_assumption_says_where_it_comes_from(self) -> None:
        work = json.loads((HERE / "work.json").read_text())
        for part, names in work.items():
            for name, entry in names.items() if isinstance(names, dict) else ():
                self.assertRegex(entry["how"], "^(measured|assumed|counted|AWS)", f"{part}.{name}")


if __name__ == "__main__":
    unittest.main()
