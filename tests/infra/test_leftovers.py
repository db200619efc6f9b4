"""That nothing of a lake stays unseen in an account."""
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1]))

import leftovers  # noqa: E402
from account.tests.world import client  # noqa: E402


class Leftovers(unittest.TestCase):
    def test_what_bears_the_name_of_the_lake_is_seen(self) -> None:
        for bucket in ("seen-lake", "of-others"):
            client("s3").create_bucket(Bucket=bucket)
        client("logs").create_log_group(logGroupName="/aws/lambda/tarn-seen-athena-ctas")
        client("sqs").create_queue(QueueName="tarn-seen-letters")
        client("glue").create_database(DatabaseInput={"Name": "tarn_seen"})
        client("glue").create_table(DatabaseName="tarn_seen", TableInput={"Name": "events"})
        client("sns").create_topic(Name="tarn-other-alarms")
        found = leftovers.of_lake("seen", ["seen-lake"], client)
        expected = ["bucket seen-lake", "database tarn_seen", "log group /aws/lambda/tarn-seen-athena-ctas", "queue ", "table tarn_seen.events"]
        self.assertEqual([each if not each.startswith("queue ") else "queue " for each in found], expected)
        self.assertTrue(any(each.endswith("/tarn-seen-letters") for each in found))


if __name__ == "__main__":
    unittest.main()
