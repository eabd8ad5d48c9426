"""Run the notebooks of docs/notebooks and write what their cells print into them: `make notebooks`.

A notebook is run as a plain script is: its cells in order, in one process and one namespace, in an empty folder of its
own. What a cell prints, and the value of its last line, are its outputs; so neither Jupyter nor a kernel is needed,
and a test can compare the outputs with the committed ones.
"""

from __future__ import annotations

import ast
import contextlib
import io
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

NOTEBOOKS = Path(__file__).parent / "notebooks"


def code_cells(notebook: dict[str, Any]) -> list[dict[str, Any]]:
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def run(notebook: dict[str, Any]) -> list[str]:
    """What each code cell prints, the value of its last line included.

    Raises:
        Exception: Whatever a cell raises.
    """
    names: dict[str, Any] = {"__name__": "__main__"}
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        return [_printed("".join(cell["source"]), names) for cell in code_cells(notebook)]


def _printed(source: str, names: dict[str, Any]) -> str:
    tree = ast.parse(source)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(tree, "<cell>", "exec"), names)
        value = eval(compile(ast.Expression(last.value), "<cell>", "eval"), names) if last else None
        if value is not None:
            print(repr(value))
    return printed.getvalue()


def with_outputs(notebook: dict[str, Any], printed: list[str]) -> dict[str, Any]:
    """`notebook` with `printed` as the outputs of its code cells."""
    for number, (cell, text) in enumerate(zip(code_cells(notebook), printed, strict=True), start=1):
        stream = {"name": "stdout", "output_type": "stream", "text": text.splitlines(keepends=True)}
        cell |= {"execution_count": number, "outputs": [stream] if text else []}
    return notebook


def outputs(notebook: dict[str, Any]) -> list[str]:
    """The outputs that a notebook holds, by code cell."""
    return ["".join(part for output in cell["outputs"] for part in output["text"]) for cell in code_cells(notebook)]


def main() -> None:
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    for path in sorted(NOTEBOOKS.glob("*.ipynb")):
        notebook = json.loads(path.read_text(encoding="utf-8"))
        whole = with_outputs(notebook, run(notebook))
        path.write_text(json.dumps(whole, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        print(path.name, file=sys.stderr)


if __name__ == "__main__":
    main()
