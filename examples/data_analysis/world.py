"""The environment: DuckDB in memory with a task's tables, which a statement can read and not change.

A statement that creates a temporary table is answered by the table's number of rows. A `SELECT` is the final answer:
its rows stay in `World.result` for the verdict, and the episode is over. What cannot be carried out is answered by what
is wrong, and the episode goes on.

Nothing of what a statement says reaches a file, the network or Python: DuckDB's access to them is off and its settings
are locked (`_SETTINGS`), and what is not on the lists of `statements` is not run at all. A statement has `SECONDS` of
processor time, so that the answer does not depend on what else the machine does, and `MEMORY`; the process around it
has limits of its own (`domain.yaml`).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import duckdb

from treadle.domains.domain import Task

try:
    from examples.data_analysis.seeded_tables import FIELDS, rows_of
    from examples.data_analysis.statements import Refused, read_statement
except ImportError:  # in a worker's process, where neighbours have their bare names (`treadle.domains.places`)
    from seeded_tables import FIELDS, rows_of
    from statements import Refused, read_statement

SECONDS = 1.0
MEMORY = "512MB"
FIRST_ROWS = 2
WIDEST = 40  # characters of a value that are shown
MOST_ROWS = 10_000  # of a table that a statement creates
MOST_TABLES = 12
LARGEST_ANSWER = 200  # rows

_SETTINGS = {
    "enable_external_access": "false",
    "python_enable_replacements": "false",
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "allow_community_extensions": "false",
    "temp_directory": "",
    "max_temp_directory_size": "0B",
    "memory_limit": MEMORY,
    "threads": "1",  # rows without an order come in the same order each time
    "lock_configuration": "true",
}


@cache
def _database() -> duckdb.DuckDBPyConnection:
    """One a process: each takes 120 MB of address space and several threads, and worlds need only a cursor of it."""
    return duckdb.connect(":memory:", config=_SETTINGS)


@cache
def _made(tables: str, seed: int) -> dict[str, str]:
    """The given tables by their names in the database, which no statement can name."""
    field = FIELDS[tables]
    names = {f"given_{name}_{'' if seed >= 0 else 'minus_'}{abs(seed)}": name for name in field.columns}
    for (given, name), rows in zip(names.items(), rows_of(field, seed).values(), strict=True):
        values = ", ".join("(" + ", ".join(map(repr, row)) + ")" for row in rows)
        columns = ", ".join(field.columns[name])
        _database().execute(f"CREATE TABLE {given} AS SELECT * FROM (VALUES {values}) AS t({columns})")
    return names


class World:
    """One episode; see `treadle.domains.environment`.

    Attributes:
        result: The rows of the final `SELECT`; `None` before it.
    """

    def __init__(self) -> None:
        self.result: list[tuple] | None = None
        self._given: tuple[str, int] | None = None
        self._created: dict[str, str] = {}  # queries by the tables' names, in order
        self._connection: duckdb.DuckDBPyConnection | None = None

    def reset(self, task: Task) -> None:
        """Make the tables of `task.setup`, `{"tables": ..., "seed": ...}`.

        Raises:
            ValueError: It has no such setup.
        """
        setup = task.setup if isinstance(task.setup, dict) else {}
        tables, seed = setup.get("tables"), setup.get("seed")
        if tables not in list(FIELDS) or type(seed) is not int:
            raise ValueError(
                f'setup: found {task.setup!r:.80}; expected {{"tables": {" or ".join(FIELDS)}, "seed": 7}}'
            )
        self._open((tables, seed))

    def _open(self, given: tuple[str, int]) -> None:
        self.close()
        self.result, self._given, self._created = None, given, {}
        self._connection = _database().cursor()  # temporary views and tables are its own
        for name, shown in _made(*given).items():
            self._connection.execute(f"CREATE TEMP VIEW {shown} AS SELECT * FROM main.{name}")

    @property
    def _columns(self) -> dict[str, tuple[str, ...]]:
        return FIELDS[self._given[0]].columns

    def step(self, action: str) -> tuple[str, bool]:
        """Carry out a statement: what it gave, and whether it was the final `SELECT`."""
        try:
            name, query = read_statement(self._connection, action, [*self._columns, *self._created])
            return (self._select(query), True) if name is None else (self._create(name, query), False)
        except Refused as refused:
            return f"Error: {refused}", False
        except duckdb.InterruptException:
            return f"Error: the statement takes more than {SECONDS:g} s", False
        except duckdb.OutOfMemoryException:
            return f"Error: the statement takes more than {MEMORY}", False
        except duckdb.Error as error:
            return f"Error: {str(error).strip().splitlines()[0]:.200}", False

    def _select(self, query: str) -> str:
        with _limited(self._connection):
            rows = self._connection.execute(query).fetchmany(LARGEST_ANSWER + 1)
        if len(rows) > LARGEST_ANSWER:
            raise Refused(f"an answer has at most {LARGEST_ANSWER} rows")
        self.result = rows
        return "\n".join([f"{len(rows)} rows", *map(_shown, rows[:FIRST_ROWS])])

    def _create(self, name: str, query: str) -> str:
        if name.lower() in self._columns:
            raise Refused(f"{name} is a given table; choose another name")
        if len(self._created) == MOST_TABLES:
            raise Refused(f"there are {MOST_TABLES} tables; no more can be created")
        with _limited(self._connection):
            # One row more than may be is enough to know, and keeps a large join from being written.
            self._connection.execute(f"CREATE TEMP TABLE {name} AS FROM (\n{query}\n) LIMIT {MOST_ROWS + 1}")
        count = self._connection.execute(f"SELECT count(*) FROM {name}").fetchone()[0]
        if count > MOST_ROWS:
            self._connection.execute(f"DROP TABLE {name}")
            raise Refused(f"a table has at most {MOST_ROWS} rows")
        self._created[name] = query
        return f"{name}: {count} rows"

    def copy(self) -> World:
        """Another world in the same state, made by the statements that made this one's tables."""
        other = World()
        other._open(self._given)
        for name, query in self._created.items():
            other._create(name, query)
        other.result = self.result
        return other

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


@contextmanager
def _limited(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Interrupt what the connection does after `SECONDS` of this process's processor time."""
    over, until = threading.Event(), time.process_time() + SECONDS

    def watch() -> None:
        while not over.wait(0.05):
            if time.process_time() > until:
                connection.interrupt()

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()


def _shown(row: tuple) -> str:
    return ", ".join(f"{value:.6g}" if isinstance(value, float) else f"{value!s:.{WIDEST}}" for value in row)
