"""Form `notebook`: a Jupyter notebook (`nbformat` 3 or 4), each code cell a step.

The markdown cells before the first code cell are the problem, as in a chat what the user says before the first turn;
without them the title in the metadata, or a column with a usual name. Later markdown cells are the thought of the code
cell after them, those after the last code cell the epilogue. The code is the action, its outputs the observation: what
was printed, the plain text of results and displays, the traceback of an error. Several cells or outputs are joined, and
`meta` has their lengths: `problem_parts`, `thought_parts` and `observation_parts`, the last two by the step's index.

Images and other outputs without text, empty code cells and raw cells are left out and counted in `meta["passed"]`.
Cells stand in the notebook's order, whatever the order in which they were run.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from treadle.data.sources.agents.turns import Turn, assemble
from treadle.data.sources.cells import first_text
from treadle.data.sources.columns import PROBLEM_NAMES
from treadle.data.sources.form import Form, ReadOptions, expect
from treadle.data.sources.messages import JOIN, as_dict, as_list
from treadle.data.sources.report import DropReason
from treadle.files.rows import Rejected, Row
from treadle.trajectory import Step, Trajectory


def _notebook(data: dict[str, Any]) -> dict[str, Any]:
    """The notebook of a row: the row itself, or a column that holds one, also as JSON text."""
    if "nbformat" in data:
        return data
    for name in ("notebook", "content", "ipynb", "text"):
        value = data.get(name)
        if isinstance(value, dict) or (isinstance(value, str) and '"nbformat"' in value):
            held = as_dict(value)
            if "nbformat" in held:
                return held
    return {}


def _cells(notebook: dict[str, Any]) -> list[Any] | None:
    sheets = as_list(notebook.get("worksheets"))  # nbformat 3
    cells = as_list(notebook.get("cells"))
    return cells if cells is not None else as_list(as_dict(sheets[0]).get("cells")) if sheets else None


def matches(row: Row) -> bool:
    notebook = _notebook(row.data)
    return bool(notebook) and _cells(notebook) is not None


def _lines(value: Any, what: str) -> str:
    """Text as notebooks keep it: a string, or a list of its lines."""
    if isinstance(value, list):
        return "".join(expect(line, str, f"a line of {what}") for line in value)
    return expect(value if value is not None else "", str, what)


def _outputs(cell: dict[str, Any], where: str, passed: Counter[str]) -> list[str]:
    texts = []
    for output in as_list(cell.get("outputs")) or ():
        kind = expect(output, dict, f"an output of {where}").get("output_type")
        if kind == "stream":
            texts.append(_lines(output.get("text"), f"output of {where}"))
        elif kind in ("error", "pyerr"):
            trace = as_list(output.get("traceback"))
            texts.append("\n".join(map(str, trace)) if trace else f"{output.get('ename')}: {output.get('evalue')}")
        else:
            shown = as_dict(output.get("data")) or output
            plain = next((shown[key] for key in ("text/plain", "text") if shown.get(key) is not None), None)
            for mime in shown:
                passed[mime] += mime.startswith(("image/", "application/", "text/html")) or mime in (
                    "png",
                    "svg",
                    "jpeg",
                )
            if plain is not None:
                texts.append(_lines(plain, f"output of {where}"))
    return [text for text in texts if text]


def read(row: Row, options: ReadOptions) -> Trajectory:
    notebook = _notebook(row.data)
    passed: Counter[str] = Counter()
    prose: list[str] = []
    opening: list[str] | None = None
    turns: list[Turn] = []
    lengths: dict[str, list[int]] = {}
    for index, cell in enumerate(_cells(notebook) or []):
        where = f"cell {index + 1}"
        kind = expect(cell, dict, where).get("cell_type")
        text = _lines(cell.get("source", cell.get("input")), f"source of {where}")
        if kind in ("markdown", "heading"):
            prose += [text] if text.strip() else []
            continue
        if kind != "code" or not text.strip():
            passed["empty code cells" if kind == "code" else f"{kind} cells"] += 1
            continue
        if opening is None:
            opening, prose = prose, []
        if len(prose) > 1:
            lengths[str(len(turns))] = [len(part) for part in prose]
        turns.append(Turn(text, [_step(text, JOIN.join(prose))], [_outputs(cell, where, passed)]))
        prose = []
    problem = _problem(row.data, notebook, opening or [])
    meta = {
        "problem_parts": [len(part) for part in opening] if opening and len(opening) > 1 else None,
        "thought_parts": lengths or None,
        "epilogue": JOIN.join(prose) if turns and prose else None,
        "passed": {kind: count for kind, count in passed.items() if count} or None,
    }
    if turns and not problem:
        raise Rejected(DropReason.EMPTY_PROBLEM, "a notebook without a markdown cell before its first code cell")
    return assemble(row, problem, turns, meta=meta)


def _step(code: str, prose: str) -> Step:
    action = code.strip()
    start = code.index(action)
    before = (JOIN if prose else "") + code[:start]
    return Step(action, thought=prose or None, before=before, after=code[start + len(action) :])


def _problem(data: dict[str, Any], notebook: dict[str, Any], opening: list[str]) -> str:
    if opening:
        return JOIN.join(opening)
    title = as_dict(notebook.get("metadata")).get("title")
    if isinstance(title, str) and title.strip():
        return title.strip()
    column = first_text(data, PROBLEM_NAMES)
    return data[column].strip() if column else ""


FORM = Form(
    name="notebook",
    description="a Jupyter notebook, each code cell a step and its outputs the observation",
    matches=matches,
    read=read,
)
