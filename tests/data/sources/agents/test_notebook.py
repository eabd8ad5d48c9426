"""Jupyter notebooks: cells as steps, outputs as observations; put together again."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.data.sources.agent_samples import parts_of, read, reason, row
from treadle.data.sources import registry
from treadle.data.sources.agents.notebook import FORM
from treadle.data.sources.report import DropReason


def markdown(*lines):
    return {"cell_type": "markdown", "metadata": {}, "source": list(lines)}


def code(source, *outputs):
    return {"cell_type": "code", "execution_count": 1, "metadata": {}, "source": source, "outputs": list(outputs)}


def printed(*lines):
    return {"output_type": "stream", "name": "stdout", "text": list(lines)}


def notebook(*cells, **more):
    return {"cells": list(cells), "metadata": {}, "nbformat": 4, "nbformat_minor": 5, **more}


def test_a_notebook_by_hand():
    result = {"output_type": "execute_result", "data": {"text/plain": ["3"], "text/html": ["<b>3</b>"]}}
    error = {"output_type": "error", "ename": "E", "evalue": "v", "traceback": ["line 1", "E: v"]}
    data = notebook(
        markdown("# Sums\n", "Compute."),
        code(["x = 1\n", "print(x)"], printed("1\n", "2\n")),
        markdown("Now more."),
        code("x + 2", result),
        code("  \n"),
        code("y", error),
        markdown("The end."),
    )
    trajectory = read(FORM, data)
    assert [(step.thought, step.action, step.observation) for step in trajectory.steps] == [
        (None, "x = 1\nprint(x)", "1\n2\n"),
        ("Now more.", "x + 2", "3"),
        (None, "y", "line 1\nE: v"),
    ]
    assert (trajectory.problem, trajectory.meta["epilogue"]) == ("# Sums\nCompute.", "The end.")
    assert trajectory.meta["passed"] == {"text/html": 1, "empty code cells": 1}
    assert registry.detect(row(data)).name == "notebook"


def test_images_are_counted_and_left_out():
    shown = {"output_type": "display_data", "data": {"image/png": "iVBO", "text/plain": ["<Figure>"]}}
    trajectory = read(FORM, notebook(markdown("Plot."), code("plot()", shown)))
    assert (trajectory.steps[0].observation, trajectory.meta["passed"]) == ("<Figure>", {"image/png": 1})


def test_the_third_version_of_the_format():
    cells = [
        markdown("Compute."),
        {"cell_type": "code", "input": "1+1", "outputs": [{"output_type": "pyout", "text": ["2"]}], "prompt_number": 1},
    ]
    (step,) = read(FORM, {"nbformat": 3, "worksheets": [{"cells": cells}]}).steps
    assert (step.action, step.observation) == ("1+1", "2")


def test_a_column_with_a_notebook_as_json_text():
    text = json.dumps(notebook(code("1+1")))
    trajectory = read(FORM, {"question": "Compute.", "content": text})
    assert (trajectory.problem, trajectory.steps[0].action) == ("Compute.", "1+1")


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (notebook(markdown("Only prose.")), DropReason.NO_ACTIONS),
        (notebook(code("1+1")), DropReason.EMPTY_PROBLEM),
        (notebook("cell"), DropReason.MALFORMED),
        (notebook(markdown("x"), code(3)), DropReason.MALFORMED),
    ],
)
def test_what_cannot_be_used_is_dropped(data, expected):
    assert reason(FORM, data) == expected


CODE = st.text(st.characters(exclude_categories=["Cs"])).filter(str.strip)
PROSE = st.text(st.characters(exclude_characters="<>[]", exclude_categories=["Cs"]), min_size=1).filter(
    lambda text: text == text.strip()
)


@given(st.lists(st.tuples(st.lists(PROSE, max_size=2), CODE, st.lists(CODE, max_size=2)), min_size=1, max_size=4))
def test_cells_put_together_are_the_notebook(turns):
    cells = [markdown("Task.")]
    turns = [([], *turns[0][1:]), *turns[1:]]
    for prose, source, outputs in turns:
        cells += [*map(markdown, prose), code(source, *map(printed, outputs))]
    trajectory = read(FORM, notebook(*cells))
    for k, (step, (prose, source, outputs)) in enumerate(zip(trajectory.steps, turns, strict=True)):
        assert step.text == "".join(part + "\n\n" for part in ["\n\n".join(prose)] if prose) + source
        assert trajectory.meta.get("thought_parts", {}).get(str(k), [len(p) for p in prose]) == [len(p) for p in prose]
        assert parts_of(trajectory, k) == outputs
