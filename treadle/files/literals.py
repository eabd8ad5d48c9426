"""Lists and objects as Python prints them, which is what tables hold after a trip through CSV or `str()`.

Read are strings in either quotes, numbers, `True`, `False`, `None`, `nan`, and numpy's printing: `array([...],
dtype=object)`, and entries with white space alone between them (`['a' 'b']`, which Python itself would read as one
string). Nothing is evaluated: each token is turned into JSON, in time linear in the text, and JSON decides what the
whole is.
"""

from __future__ import annotations

import ast
import json
import re
from typing import Any

_TOKEN = re.compile(
    r"""\s+
    | (?P<string>'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*")
    | (?P<number>-?\d+(?:\.\d*)?(?:[eE][+-]?\d+)?)
    | (?P<name>True|False|None|true|false|null|nan)\b
    | (?P<open>[\[{])
    | (?P<close>[\]}])
    | (?P<array>array\()
    | (?P<after_array>(?:,\s*dtype=\w+)?\s*\))
    | (?P<mark>[,:])""",
    re.VERBOSE | re.DOTALL,
)
_NAMES = {"True": "true", "False": "false"}
_BEGINS, _ENDS = ("open", "string", "number", "name"), ("close", "string", "number", "name")
_FLAT = re.compile(r"\[\s*(?:(?:True|False|None|nan|-?\d+(?:\.\d*)?(?:[eE][+-]?\d+)?)(?:\s+|(?=\])))+\]")
_LOOKS_LIKE = re.compile(r"\s*(?:array\(\s*)?(?:\[\s*)*(?:\{\s*['\"]|\]|['\"])")


def parsed_list(text: str) -> list[Any] | None:
    """A list as JSON text or as Python prints it; `None` for anything else."""
    try:
        value = json.loads(text)
    except ValueError:
        value = literal(text)
    except RecursionError:
        return None
    return value if isinstance(value, list) else None


def literal(text: str) -> Any:
    """The value of a text that Python or numpy printed; `None` if it is none."""
    return _value(text) if _LOOKS_LIKE.match(text) else None


def flat_array(text: str) -> Any:
    """The list of numbers or truth values that numpy printed (`[False  True]`, `[0. 1.]`); `None` for anything else."""
    return _value(text) if _FLAT.fullmatch(text) else None


def _value(text: str) -> Any:
    pieces: list[str] = []
    position, last = 0, ""
    while position < len(text):
        token = _TOKEN.match(text, position)
        if token is None:
            return None
        position, kind = token.end(), token.lastgroup
        if kind in (None, "array", "after_array"):
            continue
        if kind in _BEGINS and last in _ENDS:
            pieces.append(",")  # numpy prints none
        if (piece := _as_json(token[0], kind)) is None:
            return None
        pieces.append(piece)
        last = kind
    try:
        return json.loads("".join(pieces))
    except (ValueError, RecursionError):
        return None


def _as_json(token: str, kind: str) -> str | None:
    if kind == "string":
        try:
            return json.dumps(ast.literal_eval(token))
        except (ValueError, SyntaxError):
            return None
    if kind == "name":
        return _NAMES.get(token, "null" if token in ("None", "nan", "null") else token)
    if kind == "number":
        return token.replace(".e", "e").replace(".E", "E").removesuffix(".")
    return token
