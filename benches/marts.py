"""Loads into marts beside the databases' own clients and what Embulk and pandas do, on the same servers.

python3 benches/marts.py [--rows 5000000] [--runs 1] [--only mysql mariadb postgres sqlite]

Servers are started for it on loopback, on a folder of their own, and stopped. The figures are seconds of wall clock, seconds of CPU
of the client and of the server, and the client's peak memory. `server` says more than `wall` on a machine that does other things.
"""

import argparse
import os
import shutil
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

from measure import CACHE, Results, empty_folder, measured, program, say, venv

PACKAGES = ["pyarrow==26.0.1", "numpy", "pandas", "sqlalchemy", "pymysql==1.2.4", "psycopg[binary]==3.3.9"]
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

    def client(self, *arguments):
        if self.kind == "postgres":
            return ["psql", "-X", "-q", "-h", "127.0.0.1", "-p", self.port, "-U", "postgres", "-v", "ON_ERROR_STOP=1", *arguments]
        client = unpacked("bin/mysql") if self.kind == "mysql" else ["mariadb"]
        return [*client, "--no-defaults", "-u", "root", f"--socket={self.folder}/socket", "--local-infile=1", "--default-character-set=utf8mb4", *arguments]

    def sql(self, text, database="bench"):
        where = ["-d", database, "-c", text] if self.kind == "postgres" else [database, "-e", text]
        subprocess.run([str(part) for part in self.client(*where)], check=True, stdout=subprocess.DEVNULL)

    def script(self, file):
        return self.client("-d", "bench", "-f", file) if self.kind == "postgres" else self.client("bench", "-e", f"source {file}")

    @contextmanager
    def running(self):
        data = self.folder / "data"
        as_root = ["--user=root"] if os.geteuid() == 0 else []
        if self.kind == "postgres":
            shutil.chown(self.folder, "nobody", "nogroup") if as_root else None
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
                    self.sql("CREATE DATABASE bench", "postgres" if self.kind == "postgres" else "mysql")
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


def inserts(kind, data, table, tail, folder):
    """Statements of 1,000 rows, a transaction for every hundred of them."""
    script = folder / "inserts.sql"
    with (data / "v1.inserts").open(encoding="utf-8") as values, script.open("w", encoding="utf-8") as out:
        out.write("SET autocommit = 0;\n" if kind != "postgres" else "BEGIN;\n")
        for number, line in enumerate(values, 1):
            out.write(f"INSERT INTO {table} VALUES {line.rstrip()}{tail or ';'}\n")
            if number % 100 == 0:
                out.write("COMMIT;\n" if kind != "postgres" else "COMMIT; BEGIN;\n")
        out.write("COMMIT;\n")
    return script


def run_server(kind, arguments, data, results, loader):
    folder = empty_folder(CACHE / "bench" / "scratch-marts" / kind)
    with Server(kind, folder).running() as server:
        def timed(subject, command):
            before = server.cpu()
            done = measured(command)
            results.add(f"{kind} {subject}", done | {"server_cpu": round(server.cpu() - before, 2)})

        def fresh(*statements):
            server.sql("DROP TABLE IF EXISTS orders; DROP TABLE IF EXISTS stage; DROP TABLE IF EXISTS tarn_loads;")
            for statement in statements:
                server.sql(statement)

        def written(name, text):
            path = folder / name
            path.write_text(text, encoding="utf-8")
            return path

        def load(subject, mode, run, file):
            timed(subject, [loader, server.url, "orders", mode, run, COLUMNS, "", data, file])

        fill = written("fill.sql", bulk(kind, "orders", data / "v0.tsv"))
        for _ in range(arguments.runs):
            fresh(ddl(kind, "orders"))
            timed("floor", server.script(fill))
            fresh()
            load("tarn replace", "replace:id", "r1", "v0.parquet")
            load("tarn merge", "merge:id", "r2", "v1.parquet")
            fresh(ddl(kind, "orders"))
            subprocess.run([str(part) for part in server.script(fill)], check=True, stdout=subprocess.DEVNULL)
            direct = inserts(kind, data, "orders", upsert(kind, None).rstrip(), folder)
            timed("embulk merge_direct", server.script(direct))
            fresh(ddl(kind, "orders"), ddl(kind, "stage", with_key=False))
            subprocess.run([str(part) for part in server.script(fill)], check=True, stdout=subprocess.DEVNULL)
            staged = inserts(kind, data, "stage", None, folder)
            with staged.open("a", encoding="utf-8") as out:
                out.write("INSERT INTO orders SELECT * FROM stage" + upsert(kind, "stage") + "COMMIT;\n")
            timed("embulk merge", server.script(staged))
            if arguments.pandas:
                fresh()
                python = venv(folder=CACHE / "bench-venv-marts", packages=PACKAGES)
                code = ("import sys, pandas, sqlalchemy; frame = pandas.read_parquet(sys.argv[1]).head(int(sys.argv[3]));"
                        "frame.to_sql('orders', sqlalchemy.create_engine(sys.argv[2]), method='multi', chunksize=1000, index=False)")
                url = server.url.replace("mysql://", "mysql+pymysql://").replace("postgresql://", "postgresql+psycopg://")
                timed(f"pandas to_sql, {PANDAS_ROWS} rows", [python, "-c", code, data / "v0.parquet", url, PANDAS_ROWS])
    empty_folder(folder)


def run_sqlite(arguments, data, results, loader):
    folder = empty_folder(CACHE / "bench" / "scratch-marts" / "sqlite")
    for _ in range(arguments.runs):
        empty_folder(folder)
        script = folder / "import.sql"
        script.write_text(ddl("sqlite", "orders") + ";\nBEGIN;\n" + bulk("sqlite", "orders", data / "v0.tsv") + "COMMIT;\n")
        if shutil.which("sqlite3"):
            results.add("sqlite floor", measured(["sh", "-c", f"sqlite3 {folder}/floor.db < {script}"]) | {"server_cpu": 0})
        url = f"sqlite:{folder}/tarn.db"
        results.add("sqlite tarn replace", measured([loader, url, "orders", "replace:id", "r1", COLUMNS, "", data, "v0.parquet"]) | {"server_cpu": 0})
        results.add("sqlite tarn merge", measured([loader, url, "orders", "merge:id", "r2", COLUMNS, "", data, "v1.parquet"]) | {"server_cpu": 0})


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--only", nargs="+", default=["mysql", "mariadb", "postgres", "sqlite"])
    parser.add_argument("--pandas", action="store_true", help="beside pandas too, which takes minutes to install")
    arguments = parser.parse_args()
    data = CACHE / "bench" / f"marts-{arguments.rows}"
    if not (data / "finished").exists():
        say(f"generating {arguments.rows} rows")
        python = venv(folder=CACHE / "bench-venv-marts", packages=PACKAGES)
        subprocess.run([python, Path(__file__).with_name("marts_data.py"), str(arguments.rows), data], check=True)
    loader = program("examples/load", "TARN_LOAD")
    results = Results("marts", rows=arguments.rows, columns=12)
    for kind in arguments.only:
        if kind == "sqlite":
            run_sqlite(arguments, data, results, loader)
        else:
            run_server(kind, arguments, data, results, loader)
    for kind in arguments.only:
        rows = [["", "krows/s", "wall s", "client CPU s", "server CPU s", "client MB", "wall of floor"]]
        for subject in (name for name in results.runs if name.startswith(kind)):
            figures = [results.median(subject, figure) for figure in ("wall", "cpu", "server_cpu", "peak_mb")]
            count = PANDAS_ROWS if "pandas" in subject else arguments.rows
            floor = f"{kind} floor"
            ratio = f"{results.median(floor, 'wall') / figures[0]:.2f}" if floor in results.runs and "pandas" not in subject else ""
            rows.append([subject, f"{count / figures[0] / 1000:.0f}", *(f"{figure:.1f}" for figure in figures), ratio])
        widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
        for row in rows:
            print("  ".join(cell.ljust(width) if place == 0 else cell.rjust(width) for place, (cell, width) in enumerate(zip(row, widths, strict=True))))


if __name__ == "__main__":
    sys.exit(main())
