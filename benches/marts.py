"""Loads into marts beside the databases' own clients and what Embulk, pandas and Polars do, on the same servers.

python3 benches/marts.py [--rows 5000000] [--runs 3] [--times 10] [--peers] [--only mysql mariadb postgres sqlite]

Servers are started for it on loopback, on a folder of their own, and stopped. The figures are seconds of wall clock, seconds of CPU
of the client and of the server, and the client's peak memory. `server` says more than `wall` on a machine that does other things;
subjects that are compared take turns, and every other run begins with the other one. After each load, what is in the table is
compared with what the database's own client loaded.
"""

import argparse
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

from measure import CACHE, Results, empty_folder, measured, program, say, venv

PACKAGES = ["pyarrow==26.0.1", "numpy"]
PEERS = ["pyarrow==26.0.1", "pandas", "polars", "sqlalchemy", "pymysql==1.2.4", "psycopg[binary]==3.3.9", "adbc-driver-postgresql", "adbc-driver-sqlite"]
COLUMNS = ("id:bigint;customer_id:int;quantity:smallint;is_member:boolean;amount:decimal(12,2);tax_rate:decimal(5,4);score:double;"
           "ordered_at:timestamp;updated_at:timestamp;ship_date:date;status:varchar(64);note:string")
NAMES = [column.split(":")[0] for column in COLUMNS.split(";")]
TYPES = {
    "mysql": "BIGINT {key}, INT, SMALLINT, TINYINT(1), DECIMAL(12,2), DECIMAL(5,4), DOUBLE, DATETIME(6), DATETIME(6), DATE, VARCHAR(64), LONGTEXT",
    "postgres": "BIGINT {key}, INTEGER, SMALLINT, BOOLEAN, NUMERIC(12,2), NUMERIC(5,4), DOUBLE PRECISION, TIMESTAMP, TIMESTAMP, DATE, TEXT, TEXT",
    "sqlite": "INTEGER {key}, INTEGER, INTEGER, INTEGER, NUMERIC, NUMERIC, REAL, TEXT, TEXT, TEXT, TEXT, TEXT",
}
TYPES["mariadb"] = TYPES["mysql"]
MYSQL = Path(os.environ.get("TARN_TEST_CACHE", CACHE / "tests")) / "mysql" / "root"
PANDAS_ROWS = 100_000
# Python's SQLite has no decimals.
PANDAS = ("import sys, pandas, sqlalchemy; frame = pandas.read_parquet(sys.argv[1]).head(int(sys.argv[3]));"
          "frame = frame.astype({'amount': float, 'tax_rate': float}) if sys.argv[2].startswith('sqlite') else frame;"
          "frame.to_sql('orders', sqlalchemy.create_engine(sys.argv[2]), method='multi', chunksize=1000, index=False)")
# ADBC knows PostgreSQL and SQLite; it has no decimals there.
POLARS = ("import sys, polars; frame = polars.read_parquet(sys.argv[1]).with_columns(polars.col(polars.Decimal).cast(polars.Float64));"
          "frame.write_database('orders', sys.argv[2], engine='adbc')")
SUMS = "count(*), sum(id), sum(customer_id), sum(quantity), sum(amount), count(score), count(note), sum(length(status))"


def ddl(kind, table, with_key=True):
    types = TYPES[kind].format(key="PRIMARY KEY" if with_key else "").replace("(12,2)", "(12;2)").replace("(5,4)", "(5;4)").split(",")
    columns = ", ".join(f"{name} {kind_of.strip()}" for name, kind_of in zip(NAMES, types, strict=True)).replace(";", ",")
    return f"CREATE TABLE {table} ({columns})"


def unpacked(name):
    libraries = MYSQL / "usr/lib/x86_64-linux-gnu"
    return [libraries / "ld-linux-x86-64.so.2", "--library-path", libraries, MYSQL / "usr" / name]


class Server:
    """A server of one kind, and its own bulk client."""

    def __init__(self, kind, folder):
        self.kind, self.folder = kind, folder
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.is_mysql = kind != "postgres"
        scheme, user = ("mysql", "root") if self.is_mysql else ("postgresql", "postgres")
        self.url = f"{scheme}://{user}@127.0.0.1:{self.port}/bench"
        os.environ["PGOPTIONS"] = "-c client_min_messages=warning"

    def client(self, *arguments):
        if self.kind == "postgres":
            return ["psql", "-X", "-q", "-h", "127.0.0.1", "-p", self.port, "-U", "postgres", "-v", "ON_ERROR_STOP=1", *arguments]
        client = unpacked("bin/mysql") if self.kind == "mysql" else ["mariadb"]
        return [*client, "--no-defaults", "-u", "root", f"--socket={self.folder}/socket", "--local-infile=1", "--default-character-set=utf8mb4", *arguments]

    def sql(self, text, database="bench", errors=None):
        where = ["-d", database, "-c", text] if self.kind == "postgres" else [database, "-e", text]
        subprocess.run([str(part) for part in self.client(*where)], check=True, stdout=subprocess.DEVNULL, stderr=errors)

    def ask(self, text):
        """The first row of an answer, its values with blanks between them."""
        plain = ["-A", "-t", "-F", " ", "-d", "bench", "-c", text] if self.kind == "postgres" else ["-N", "-B", "bench", "-e", text]
        return subprocess.run([str(part) for part in self.client(*plain)], check=True, capture_output=True, text=True).stdout

    def script(self, file):
        if self.kind == "postgres":
            return self.client("-d", "bench", "-f", file)
        return ["sh", "-c", 'file="$1"; shift; exec "$@" <"$file"', "sh", file, *self.client("bench")]

    @contextmanager
    def running(self):
        data = self.folder / "data"
        as_root = ["--user=root"] if os.geteuid() == 0 else []
        if self.kind == "postgres":
            if as_root:
                shutil.chown(self.folder, 65534, 65534)
            be = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] if as_root else []
            make = [*be, "initdb", "-A", "trust", "-U", "postgres", "-E", "UTF8", "--locale=C.UTF-8", "-D", data]
            serve = [*be, "postgres", "-D", data, "-k", self.folder, "-h", "127.0.0.1", "-p", self.port, "-c", "shared_buffers=1GB", "-c", "max_wal_size=8GB"]
        else:
            base = [f"--basedir={MYSQL}/usr"] if self.kind == "mysql" else []
            common = ["--no-defaults", *as_root, *base, f"--datadir={data}"]
            if self.kind == "mysql":
                make = [*unpacked("sbin/mysqld"), *common, "--initialize-insecure"]
            else:
                make = ["mariadb-install-db", *common, "--skip-test-db", "--auth-root-authentication-method=normal"]
            server = unpacked("sbin/mysqld") if self.kind == "mysql" else ["mariadbd"]
            serve = [*server, *common, f"--port={self.port}", f"--socket={self.folder}/socket", "--bind-address=127.0.0.1", "--skip-log-bin",
                     "--local-infile=1", "--secure-file-priv=", "--innodb-buffer-pool-size=2G", *(["--mysqlx=OFF"] if self.kind == "mysql" else [])]
        subprocess.run([str(part) for part in make], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        log = (self.folder / "log").open("w")
        self.process = subprocess.Popen([str(part) for part in serve], stdout=log, stderr=log)
        try:
            for _ in range(600):
                try:
                    utf8 = "" if self.kind == "postgres" else " CHARACTER SET utf8mb4"
                    self.sql(f"CREATE DATABASE bench{utf8}", "postgres" if self.kind == "postgres" else "mysql", subprocess.DEVNULL)
                    break
                except subprocess.CalledProcessError:
                    time.sleep(0.2)
            yield self
        finally:
            self.process.terminate()
            self.process.wait()

    def cpu(self):
        """Seconds of CPU of the server and of all that it started, also of what has ended."""
        total, ticks = 0, os.sysconf("SC_CLK_TCK")
        for stat in Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = stat.read_text().rpartition(")")[2].split()
            except OSError:
                continue
            own = int(stat.parent.name) == self.process.pid
            if own or int(fields[1]) == self.process.pid:
                total += int(fields[11]) + int(fields[12]) + (int(fields[13]) + int(fields[14]) if own else 0)
        return total / ticks


def bulk(kind, table, file, database=None):
    if kind == "postgres":
        return f"\\copy {table} from '{file}'\n"
    if kind == "sqlite":
        return f".mode tabs\n.import {file} {table}\n"
    return f"LOAD DATA LOCAL INFILE '{file}' INTO TABLE {table} CHARACTER SET utf8mb4;\n"


def upsert(kind, source):
    updates = NAMES[1:]
    if kind == "postgres":
        return f" ON CONFLICT (id) DO UPDATE SET {', '.join(f'{name} = EXCLUDED.{name}' for name in updates)};\n"
    value = "VALUES({0})" if source is None else source + ".{0}"
    return f" ON DUPLICATE KEY UPDATE {', '.join('orders.' + name + ' = ' + value.format(name) for name in updates)};\n"


def inserts(kind, data, table, tail, folder, name):
    """Statements of 1,000 rows, a transaction for every hundred of them."""
    script = folder / name
    with (data / "v1.inserts").open(encoding="utf-8") as values, script.open("w", encoding="utf-8") as out:
        out.write("SET autocommit = 0;\n" if kind != "postgres" else "BEGIN;\n")
        for number, line in enumerate(values, 1):
            out.write(f"INSERT INTO {table} VALUES {line.rstrip()}{tail or ';'}\n")
            if number % 100 == 0:
                out.write("COMMIT;\n" if kind != "postgres" else "COMMIT; BEGIN;\n")
        out.write("COMMIT;\n")
    return script


class Bench:
    """What is loaded, by what, and where the figures go."""

    def __init__(self, kind, arguments, data, results, loader):
        self.kind, self.arguments, self.data, self.results, self.loader = kind, arguments, data, results, loader
        # PostgreSQL does not run as root, and whoever it runs as then does not get into root's folders.
        is_elsewhere = kind == "postgres" and os.geteuid() == 0
        self.folder = Path(tempfile.mkdtemp(prefix="tarn-bench-")) if is_elsewhere else empty_folder(CACHE / "bench" / "scratch-marts" / kind)
        self.wanted = {}

    def written(self, name, text):
        path = self.folder / name
        path.write_text(text, encoding="utf-8")
        return path

    def load(self, url, mode, run, *files):
        return [self.loader, url, "orders", mode, run, COLUMNS, "", self.data, *files]

    def check(self, what, found):
        """All that end with the same rows must have the same sums; those of a number are compared as numbers."""
        found = [round(float(value), 2) for value in found.split()]
        if self.wanted.setdefault(what, found) != found:
            sys.exit(f"{self.kind}: {what} are {found}, and were {self.wanted[what]}")

    def turns(self, *subjects):
        """Does all of them, as often as wanted, the first one last in every other run."""
        for number in range(self.arguments.runs):
            for subject in subjects if number % 2 == 0 else reversed(subjects):
                subject()

    def peers(self, url, polars):
        python = venv(folder=CACHE / "bench-venv-mart-peers", packages=PEERS)
        names = {"mysql": "mysql+pymysql", "mariadb": "mysql+pymysql", "postgres": "postgresql+psycopg", "sqlite": "sqlite"}
        alchemy = f"{names[self.kind]}:{url.split(':', 1)[1]}"
        rows = min(PANDAS_ROWS, self.arguments.rows)
        yield f"pandas to_sql, {rows} rows", [python, "-c", PANDAS, self.data / "v0.parquet", alchemy, rows]
        if polars:
            yield "polars, without decimals", [python, "-c", POLARS, self.data / "v0.parquet", url]


def run_server(bench):
    kind, data, folder = bench.kind, bench.data, bench.folder
    with Server(kind, folder).running() as server:
        def timed(subject, command):
            before = server.cpu()
            done = measured(command)
            bench.results.add(f"{kind} {subject}", done | {"server_cpu": round(server.cpu() - before, 2)})

        def fresh(*statements):
            server.sql("DROP TABLE IF EXISTS orders; DROP TABLE IF EXISTS stage; DROP TABLE IF EXISTS tarn_loads;")
            for statement in statements:
                server.sql(statement)

        def full(*statements):
            """A table that holds the old rows, made by the database's own client, whatever is measured next."""
            fresh(ddl(kind, "orders"), *statements)
            subprocess.run([str(part) for part in server.script(fill)], check=True, stdout=subprocess.DEVNULL)

        def check(what):
            bench.check(what, server.ask(f"SELECT {SUMS} FROM orders"))

        def floor():
            fresh(ddl(kind, "orders"))
            timed("floor", server.script(fill))
            check("old rows")

        def replace():
            fresh()
            timed("tarn replace", bench.load(server.url, "replace:id", "r1", "v0.parquet"))
            check("old rows")

        def merge():
            full()
            timed("tarn merge", bench.load(server.url, "merge:id", "r2", "v1.parquet"))
            check("new rows")

        def embulk_merge_direct():
            full()
            timed("embulk merge_direct", server.script(direct))
            check("new rows")

        def embulk_merge():
            full(ddl(kind, "stage", with_key=False))
            timed("embulk merge", server.script(staged))
            check("new rows")

        fill = bench.written("fill.sql", bulk(kind, "orders", data / "v0.tsv"))
        bench.turns(floor, replace)
        direct = inserts(kind, data, "orders", upsert(kind, None).rstrip(), folder, "direct.sql")
        staged = inserts(kind, data, "stage", None, folder, "staged.sql")
        with staged.open("a", encoding="utf-8") as out:
            out.write("INSERT INTO orders SELECT * FROM stage" + upsert(kind, "stage") + "COMMIT;\n")
        bench.turns(merge, embulk_merge_direct, embulk_merge)
        if bench.arguments.times > 1:
            fresh()
            times = bench.arguments.times
            timed(f"tarn append, {times} times the rows", bench.load(server.url, "append", "r1", *["v0.parquet"] * times))
        if bench.arguments.peers:
            for subject, command in bench.peers(server.url, polars=kind == "postgres"):
                fresh()
                timed(subject, command)
    shutil.rmtree(folder)


def run_sqlite(bench):
    if not shutil.which("sqlite3"):
        sys.exit("`sqlite3` is not there, beside which SQLite is measured: install it (`apt-get install sqlite3`), or leave `sqlite` out with --only")

    def database(name):
        for file in bench.folder.glob(f"{name}.db*"):
            file.unlink()
        return bench.folder / f"{name}.db"

    def timed(subject, command):
        bench.results.add(f"sqlite {subject}", measured(command) | {"server_cpu": 0})

    def check(what, path):
        done = subprocess.run(["sqlite3", "-separator", " ", path, f"SELECT {SUMS} FROM orders"], capture_output=True, text=True, check=True)
        bench.check(what, done.stdout)

    def floor():
        path = database("floor")
        timed("floor", ["sh", "-c", f"sqlite3 {path} < {script}"])
        # `.import` knows no null.
        subprocess.run(["sqlite3", path, "UPDATE orders SET score = nullif(score, '\\N'), note = nullif(note, '\\N'), amount = nullif(amount, '\\N')"], check=True)
        check("old rows", path)

    def replace():
        path = database("tarn")
        timed("tarn replace", bench.load(f"sqlite:{path}", "replace:id", "r1", "v0.parquet"))
        check("old rows", path)

    def again():
        """Over the rows that are there, which readers see until the end."""
        path = bench.folder / "tarn.db"
        timed("tarn replace again", bench.load(f"sqlite:{path}", "replace:id", "r2", "v0.parquet"))
        check("old rows", path)

    def merge():
        path = bench.folder / "tarn.db"
        timed("tarn merge", bench.load(f"sqlite:{path}", "merge:id", "r3", "v1.parquet"))
        check("new rows", path)

    script = bench.written("import.sql", ddl("sqlite", "orders") + ";\nBEGIN;\n" + bulk("sqlite", "orders", bench.data / "v0.tsv") + "COMMIT;\n")
    bench.turns(floor, replace)
    again()
    merge()
    if bench.arguments.times > 1:
        times = bench.arguments.times
        timed(f"tarn append, {times} times the rows", bench.load(f"sqlite:{database('large')}", "append", "r1", *["v0.parquet"] * times))
        database("large")
    if bench.arguments.peers:
        for subject, command in bench.peers(f"sqlite:///{database('peers')}", polars=True):
            database("peers")
            timed(subject, command)
    empty_folder(bench.folder)


def count_of(subject, arguments):
    """The rows that a subject loads."""
    if "pandas" in subject:
        return min(PANDAS_ROWS, arguments.rows)
    return arguments.rows * (arguments.times if "times the rows" in subject else 1)


def report(kind, results, arguments):
    """All figures, and the ratios that are asked for."""
    def median(subject, figure):
        return results.median(f"{kind} {subject}", figure)

    rows = [["", "krows/s", "wall s", "client CPU s", "server CPU s", "client MB", "CPU s per Mrow"]]
    for subject in (name for name in results.runs if name.startswith(f"{kind} ")):
        wall, cpu, server, peak = (results.median(subject, figure) for figure in ("wall", "cpu", "server_cpu", "peak_mb"))
        count = count_of(subject, arguments)
        rows.append([subject, f"{count / wall / 1000:.0f}", f"{wall:.1f}", f"{cpu:.2f}", f"{server:.1f}", f"{peak:.0f}", f"{cpu / count * 1e6:.2f}"])
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    for row in rows:
        print("  ".join(cell.ljust(width) if place == 0 else cell.rjust(width) for place, (cell, width) in enumerate(zip(row, widths, strict=True))))

    def ratio(over, under, figure):
        """How many times as much `over` takes, run by run: the median of the pairs, and the least and the most of them."""
        pairs = zip(results.runs[f"{kind} {over}"], results.runs[f"{kind} {under}"], strict=True)
        ratios = sorted(sum(one[name] for name in figure) / sum(other[name] for name in figure) for one, other in pairs)
        return f"{statistics.median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})"

    comparisons = [("floor", "tarn replace", "replace, of the floor's speed", 0.95 if kind != "sqlite" else 0.9)]
    if kind != "sqlite":
        comparisons += [("embulk merge", "tarn merge", "merge, of the speed of Embulk's merge", 2.0),
                        ("embulk merge_direct", "tarn merge", "merge, of the speed of Embulk's merge_direct", 1.5)]
    for peer, own, what, wanted in comparisons:
        all_cpu = ratio(peer, own, ("cpu", "server_cpu"))
        print(f"{kind} {what}: {ratio(peer, own, ('wall',))} by wall clock, {all_cpu} by CPU of client and server; wanted {wanted}")
    if kind != "sqlite":
        per_million = median("tarn replace", "cpu") / arguments.rows * 1e6
        print(f"{kind} client CPU per million rows: {per_million:.2f} s; wanted 1")
    times = f"tarn append, {arguments.times} times the rows"
    larger = f", {median(times, 'peak_mb'):.0f} MB at {arguments.times} times as many" if f"{kind} {times}" in results.runs else ""
    print(f"{kind} memory: {median('tarn replace', 'peak_mb'):.0f} MB at {arguments.rows} rows{larger}; wanted 64")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--times", type=int, default=10, help="how many times the rows are loaded to compare the memory at two sizes; 1 for not at all")
    parser.add_argument("--only", nargs="+", default=["mysql", "mariadb", "postgres", "sqlite"])
    parser.add_argument("--peers", action="store_true", help="beside pandas and Polars too, which take minutes to install")
    arguments = parser.parse_args()
    data = CACHE / "bench" / f"marts-{arguments.rows}"
    if not (data / "finished").exists():
        say(f"generating {arguments.rows} rows")
        python = venv(folder=CACHE / "bench-venv-marts", packages=PACKAGES)
        subprocess.run([python, Path(__file__).with_name("marts_data.py"), str(arguments.rows), data], check=True)
    loader = program("examples/load", "TARN_LOAD")
    results = Results("marts", rows=arguments.rows, columns=12)
    for kind in arguments.only:
        bench = Bench(kind, arguments, data, results, loader)
        run_sqlite(bench) if kind == "sqlite" else run_server(bench)
        report(kind, results, arguments)


if __name__ == "__main__":
    sys.exit(main())
