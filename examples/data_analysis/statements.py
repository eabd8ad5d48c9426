"""Which statements the world carries out: one `SELECT`, or one `CREATE TEMP TABLE name AS SELECT`, of known pieces.

DuckDB parses a statement without running it and gives its tree; a statement is taken if all that stands in the tree is
on the lists below. So what is not listed, such as functions that read files or clocks, table functions, recursion,
`DELETE` within `WITH`, or what a later DuckDB brings, is refused without being named here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator
from typing import Any

import duckdb

LONGEST = 2000  # characters
_CREATE = re.compile(r"\s*CREATE\s+TEMP(?:ORARY)?\s+TABLE\s+([A-Za-z_]\w{0,39})\s+AS\s+(.*)", re.IGNORECASE | re.DOTALL)
_NODES = {"SELECT_NODE", "SET_OPERATION_NODE", "CTE_NODE"}
_TABLES = {"EMPTY", "BASE_TABLE", "JOIN", "SUBQUERY"}
_EXPRESSIONS = {
    *("BETWEEN", "CASE", "CAST", "COLUMN_REF", "COMPARISON", "CONJUNCTION", "CONSTANT", "FUNCTION", "OPERATOR"),
    *("POSITIONAL_REFERENCE", "STAR", "SUBQUERY", "WINDOW"),
}
_FUNCTIONS = {
    *("+", "-", "*", "/", "//", "%", "||", "~~", "!~~", "~~*", "!~~*"),
    *("sum", "avg", "min", "max", "count", "count_star", "median", "mode", "stddev", "variance", "quantile_cont"),
    *("abs", "round", "floor", "ceil", "sqrt", "greatest", "least", "coalesce", "nullif", "if", "mod"),
    *("lower", "upper", "length", "trim", "concat", "substring", "replace", "contains", "starts_with"),
    *("row_number", "rank", "dense_rank", "lag", "lead", "first_value", "last_value", "ntile"),
}
_NOT_COLUMNS = re.compile(r"current_\w+|local\w+|user|session_user|\w*user", re.IGNORECASE)  # SQL reads a clock in them


class Refused(Exception):
    """A statement that is not carried out; the text says why."""


def read_statement(connection: duckdb.DuckDBPyConnection, text: str, tables: Collection[str]) -> tuple[str | None, str]:
    """The name of the table that a statement creates, `None` for a `SELECT`, and the query.

    Args:
        connection: Its parser is used; nothing is run.
        tables: That there are.

    Raises:
        Refused: It is something else, is several, or has a piece that is not on the lists.
    """
    if len(text) > LONGEST:
        raise Refused(f"a statement has at most {LONGEST} characters")
    try:
        found = connection.extract_statements(text)
    except duckdb.Error as error:
        raise Refused(str(error).split("\n\n")[0]) from None
    except TypeError:  # half of a character, which no database takes
        raise Refused("a statement is text") from None
    if len(found) != 1:
        raise Refused(f"found {len(found)} statements, expected one")
    created = _CREATE.fullmatch(text)
    query = (created[2] if created else text).strip().removesuffix(";")
    parsed = connection.execute("SELECT CAST(json_serialize_sql(?) AS VARCHAR)", [query]).fetchone()[0]
    try:
        tree = json.loads(parsed)
    except RecursionError:
        raise Refused("the statement is nested too deeply") from None
    if tree.get("error") or len(tree["statements"]) != 1:
        raise Refused("expected one SELECT, or CREATE TEMP TABLE name AS SELECT")
    pieces = list(_pieces(tree["statements"]))
    named = {entry["key"].lower() for piece in pieces if "cte_map" in piece for entry in piece["cte_map"]["map"]}
    for piece in pieces:
        _check(piece)
        if piece.get("type") == "BASE_TABLE" and piece["table_name"].lower() not in {*map(str.lower, tables), *named}:
            raise Refused(f"there is no table {piece['table_name']}, only {', '.join(tables)}")
    return created[1] if created else None, query


def _pieces(tree: Any) -> Iterator[dict[str, Any]]:
    left = [tree]
    while left:
        piece = left.pop()
        if isinstance(piece, dict):
            yield piece
            left += piece.values()
        elif isinstance(piece, list):
            left += piece


def _check(piece: dict[str, Any]) -> None:
    kind, expression = str(piece.get("type", "")), piece.get("class")
    if expression is not None and expression not in _EXPRESSIONS:
        raise Refused(f"{expression.lower()} expressions are not available here")
    if kind.endswith("_NODE") and kind not in _NODES:
        raise Refused(f"{kind.removesuffix('_NODE').lower().replace('_', ' ')} is not available here")
    if expression is None and "alias" in piece and kind and kind not in _TABLES:
        raise Refused(f"{kind.lower().replace('_', ' ')} is not available here")
    if (name := piece.get("function_name")) is not None and name.lower() not in _FUNCTIONS:
        raise Refused(f"there is no function {name} here")
    if piece.get("sample") is not None:
        raise Refused("samples are not available here")
    if piece.get("schema_name") or piece.get("catalog_name"):
        raise Refused("tables are named without a schema")
    if expression == "COLUMN_REF" and _NOT_COLUMNS.fullmatch(piece["column_names"][-1]):
        raise Refused(f"there is no column {piece['column_names'][-1]} here")
