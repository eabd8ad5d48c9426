import subprocess
import sys
from dataclasses import replace

import pytest

from tests.examples.data_analysis.example import FOLDER, of_example, opened, rows, task

pytest.importorskip("duckdb")


def test_a_created_table_is_answered_by_its_number_of_rows():
    kept = [row for row in rows("orders") if row["status"] == "paid"]
    answered = opened().step("CREATE TEMP TABLE kept AS SELECT id, amount FROM orders WHERE status = 'paid'")
    assert answered == (f"kept: {len(kept)} rows", False)


def test_a_world_finds_its_neighbours_without_the_package(tmp_path):
    code = f"""
import sys
from pathlib import Path
from treadle.domains.domain import Task
from treadle.domains.places import imported_from
sys.modules["examples"] = None
world = imported_from("world.py:World", Path({str(FOLDER)!r}), "test")()
world.reset(Task("t", "", setup={{"tables": "stock", "seed": 1}}))
print(world.step("SELECT 1"))
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout == "('1 rows\\n1', True)\n"


def test_a_select_ends_the_episode_and_its_rows_are_the_result():
    world = opened("stock", 3)
    shown, done = world.step("SELECT depot, sum(cost) FROM moves GROUP BY depot ORDER BY depot;")
    expected = {}
    for row in rows("moves", "stock", 3):
        expected[row["depot"]] = expected.get(row["depot"], 0) + row["cost"]
    assert done
    assert world.result == sorted(expected.items())
    assert shown.splitlines()[0] == f"{len(expected)} rows"


def test_a_statement_that_fails_is_answered_and_the_episode_goes_on():
    world = opened()
    shown, done = world.step("SELECT nothing FROM orders")
    assert shown.startswith("Error: Binder Error")
    assert not done
    assert world.result is None
    assert world.step("SELECT count(*) FROM orders")[1]


def test_same_statements_same_observations():
    statements = ["CREATE TEMP TABLE g AS SELECT city, count(*) AS n FROM customers GROUP BY city", "SELECT * FROM g"]
    first, second = ([world.step(s) for s in statements] for world in (opened(), opened()))
    assert first == second


def test_copies_have_the_same_tables_and_do_not_see_each_others():
    world = opened()
    world.step("CREATE TEMP TABLE kept AS SELECT * FROM orders LIMIT 5")
    other = world.copy()
    other.step("CREATE TEMP TABLE more AS SELECT * FROM kept LIMIT 3")
    assert other.step("SELECT count(*) FROM more")[0] == "1 rows\n3"
    assert world.step("SELECT * FROM more") == ("Error: there is no table more, only orders, customers, kept", False)


def test_worlds_of_other_seeds_have_other_tables():
    found = {opened("orders", seed).step("SELECT sum(amount) FROM orders")[0] for seed in range(5)}
    assert len(found) == 5


@pytest.mark.parametrize(
    "setup", [None, {}, {"tables": "orders"}, {"tables": "nothing", "seed": 1}, {"tables": [], "seed": 1}]
)
def test_a_task_without_tables_is_refused(setup):
    with pytest.raises(ValueError, match=r"expected .*seed"):
        of_example("world.py:World")().reset(replace(task(), setup=setup))
