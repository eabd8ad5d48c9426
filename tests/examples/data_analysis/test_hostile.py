"""What a statement may not do: each attempt is answered, changes no table and leaves nothing on the disk."""

import pytest

from tests.examples.data_analysis.example import FOLDER, of_example, opened, rows, task

duckdb = pytest.importorskip("duckdb")

FILES = [
    "COPY orders TO 'out.csv'",
    "COPY (SELECT 1) TO 'out.parquet'",
    "COPY orders FROM 'in.csv'",
    "EXPORT DATABASE 'out'",
    "IMPORT DATABASE 'in'",
    "ATTACH 'other.db'",
    "SELECT * FROM read_csv('in.csv')",
    "SELECT content FROM read_text('in.csv')",
    "SELECT * FROM glob('*')",
    "SELECT * FROM 'in.csv'",
    'SELECT * FROM "in.csv"',
    "SELECT * FROM 'https://example.org/in.csv'",
    "CREATE TEMP TABLE t AS SELECT * FROM read_csv('in.csv')",
    "INSTALL httpfs",
    "LOAD httpfs",
]
SETTINGS = [
    "PRAGMA database_list",
    "SET memory_limit = '64GB'",
    "RESET threads",
    "SET VARIABLE x = 1",
    "SELECT current_setting('memory_limit')",
    "SELECT getenv('HOME')",
    "SELECT * FROM duckdb_settings()",
    "SELECT * FROM sqlite_master",
    "SELECT * FROM information_schema.tables",
    "SELECT current_date",
    "SELECT random()",
    "SELECT now()",
    "SELECT user",
]
TABLES = [
    "DROP TABLE orders",
    "DROP VIEW orders",
    "UPDATE orders SET units = 0",
    "DELETE FROM orders",
    "INSERT INTO orders SELECT * FROM orders",
    "WITH gone AS (DELETE FROM orders RETURNING *) SELECT * FROM gone",
    "CREATE TEMP TABLE orders AS SELECT 1",
    "CREATE TEMP TABLE Customers AS SELECT 1",
    "CREATE OR REPLACE TEMP TABLE orders AS SELECT 1",
    "CREATE TABLE t AS SELECT 1",
    "CREATE TEMP VIEW t AS SELECT 1",
    "CREATE MACRO one() AS 1",
    "SELECT * FROM main.given_orders_7",
    "SELECT * FROM given_orders_7",
    "SELECT 1; DROP TABLE orders",
    "CREATE TEMP TABLE t AS SELECT 1; SELECT 2",
    "CREATE TEMP TABLE t AS SELECT 1) ; DROP VIEW orders; --",
    "BEGIN",
    "PREPARE p AS SELECT 1",
    "CALL pragma_version()",
    "EXPLAIN ANALYZE SELECT 1",
]
ENDLESS = [
    "WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r) SELECT count(*) FROM r",
    "SELECT count(*) FROM generate_series(1, 1000000000) a, generate_series(1, 1000000000) b",
    "SELECT sum(x) FROM (SELECT unnest(range(1000000000)) AS x)",
    "CREATE TEMP TABLE big AS SELECT a.* FROM orders a, orders b, orders c, orders d, orders e, orders f",
    "SELECT a.* FROM orders a, orders b, orders c, orders d, orders e, orders f",
    "SELECT repeat('x', 1000000000)",
    "SELECT " + "1 + " * 499 + "1",
    "SELECT " + "(" * 2000 + "1" + ")" * 2000,
]
NO_STATEMENT = ["", ";", "--", "/*", "\0", "SELECT '\ud800'", "boxed", "SELECT"]


@pytest.fixture
def empty(tmp_path, monkeypatch):
    """A folder to be in, with nothing but a table that nobody may read."""
    (tmp_path / "in.csv").write_text("a,b\n1,2\n")
    monkeypatch.chdir(tmp_path)
    yield
    assert [path.name for path in tmp_path.iterdir()] == ["in.csv"]


@pytest.mark.parametrize("statement", [*FILES, *SETTINGS, *TABLES, *ENDLESS, *NO_STATEMENT])
def test_is_answered_and_changes_nothing(statement, empty):
    world = opened()
    shown, done = world.step(statement)
    assert shown.startswith("Error: ")
    assert len(shown) < 400
    assert not done
    assert world.result is None
    assert world.step("SELECT count(*), sum(units), (SELECT count(*) FROM customers) FROM orders")[1]
    assert world.result == [(90, sum(row["units"] for row in rows("orders")), 14)]


def test_a_statement_without_an_end_is_interrupted(monkeypatch):
    step = of_example("world.py:World").step
    monkeypatch.setitem(step.__globals__, "SECONDS", 0.1)
    world = opened()
    assert world.step("SELECT count(*) FROM orders a, orders b, orders c, orders d, orders e, orders f") == (
        "Error: the statement takes more than 0.1 s",
        False,
    )
    assert world.step("SELECT count(*) FROM orders")[0] == "1 rows\n90"


def test_a_statement_that_needs_much_memory_is_given_up(empty):
    doubled = "SELECT 'x' AS s"
    for _ in range(40):
        doubled = f"SELECT s || s AS s FROM ({doubled})"
    assert opened().step(doubled) == ("Error: the statement takes more than 512MB", False)


def test_variables_of_python_are_no_tables():
    pyarrow = pytest.importorskip("pyarrow")
    secret = pyarrow.table({"a": [1]})
    assert opened().step("SELECT * FROM secret") == ("Error: there is no table secret, only orders, customers", False)
    assert secret.num_rows == 1


@pytest.mark.parametrize(
    "statement",
    [
        "COPY main.given_orders_7 TO 'out.csv'",
        "SELECT * FROM read_csv('in.csv')",
        "SELECT * FROM 'in.csv'",
        "ATTACH 'other.db'",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SET enable_external_access = true",
        "SET threads = 4",
        "SELECT * FROM secret",
    ],
)
def test_the_database_itself_refuses_what_reaches_out(statement, empty):
    secret = pytest.importorskip("pyarrow").table({"a": [1]})
    opened()
    database = of_example("world.py:_database")()
    with pytest.raises(duckdb.Error):
        database.execute(statement)
    assert secret.num_rows == 1


def test_in_a_process_that_can_be_killed(empty):
    hosting = pytest.importorskip("treadle.domains.hosting")
    from treadle.domains.folder import read_folder

    host = hosting.Host(read_folder(FOLDER), workers=1)
    attempts = ["COPY orders TO 'out.csv'", ENDLESS[0], "SELECT count(*) FROM orders"]
    found = host.replay(task(), attempts)
    host.close()
    assert [(one.done, one.fault) for one in found] == [(False, ""), (False, ""), (True, "")]
    assert found[-1].observation == "1 rows\n90"
