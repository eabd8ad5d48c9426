"""The notebooks run as plain scripts, and print what is committed in them."""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
NOTEBOOKS = sorted((DOCS / "notebooks").glob("*.ipynb"))
_spec = importlib.util.spec_from_file_location("notebooks", DOCS / "notebooks.py")
notebooks = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(notebooks)
_NUMBER = re.compile(r"[-+]?\d+(?:\.\d+)?")


def read(path):
    return json.loads(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_prints_what_is_committed(path):
    notebook = read(path)
    committed, printed = notebooks.outputs(notebook), notebooks.run(notebook)
    assert len(printed) == len(committed) > 4
    for shown, found in zip(committed, printed, strict=True):
        assert _NUMBER.sub("#", found) == _NUMBER.sub("#", shown)
        numbers = [[float(n) for n in _NUMBER.findall(text)] for text in (found, shown)]
        assert numbers[0] == pytest.approx(numbers[1], rel=1e-3, abs=1.1e-3), "run `make notebooks` where this is meant"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_of_the_format_and_of_no_machine(path):
    notebook = read(path)
    assert (notebook["nbformat"], notebook["nbformat_minor"]) == (4, 5)
    assert len({cell["id"] for cell in notebook["cells"]}) == len(notebook["cells"])
    cells = notebooks.code_cells(notebook)
    assert [cell["execution_count"] for cell in cells] == [*range(1, len(cells) + 1)]
    assert not re.search(r"/(?:tmp|home|root|work|Users)/|[A-Z]:\\\\", "".join(notebooks.outputs(notebook)))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_links_of_a_notebook_lead_somewhere(path):
    texts = ["".join(cell["source"]) for cell in read(path)["cells"] if cell["cell_type"] == "markdown"]
    links = re.findall(r"\]\(([^)#]+)", "\n".join(texts))
    assert links
    assert all((path.parent / link).exists() for link in links)


def test_the_last_value_of_a_cell_is_printed_and_an_error_ends_the_run():
    def of(*sources):
        cells = [{"cell_type": "code", "source": source.splitlines(keepends=True)} for source in sources]
        return {"cells": [{"cell_type": "markdown", "source": ["# x"]}, *cells]}

    assert notebooks.run(of("a = 2\nprint('one')\na + 1", "a", "None")) == ["one\n3\n", "2\n", ""]
    with pytest.raises(ZeroDivisionError):
        notebooks.run(of("1 / 0"))
    written = notebooks.with_outputs(of("1"), ["1\n"])
    assert notebooks.outputs(written) == ["1\n"]
