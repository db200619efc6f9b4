"""Functions and operators mean what Trino's documentation says: `dialect.txt` has a statement and its value on each line."""
from pathlib import Path


from account.athena import results, translate, types
from account.athena.errors import QueryError
from account.athena.session import _connection
from account.tests.world import Lake


class Dialect(Lake):
    def setUp(self) -> None:
        """No account is needed."""

    def test_each_line_gives_its_value(self) -> None:
        def bind(table: object) -> str:
            raise QueryError("TABLE_NOT_FOUND", str(table))

        connection = _connection()
        for line in Path(__file__).with_name("dialect.txt").read_text().splitlines():
            if line.startswith("#"):
                continue
            sql, wanted = line.split(" => ")
            with self.subTest(sql):
                answer = connection.execute(translate.for_duckdb(translate.parse(sql), bind))
                kind = types.of_duckdb(answer.description[0][1])
                value = results.text(answer.fetchone()[0], kind)
                self.assertEqual("NULL" if value is None else value, wanted)


