"""When one process has a fault, none of the others waits for ever."""

from __future__ import annotations

import json

import pytest

from tests.distributed.forked import run_cases

pytestmark = pytest.mark.slow  # it waits for what hangs


@pytest.fixture(scope="module")
def ended(tmp_path_factory, tiny_tokenizer):
    folder = run_cases("faults", tmp_path_factory.mktemp("faults"), len(tiny_tokenizer))
    return folder, (folder / "said").read_text()


@pytest.mark.parametrize(("case", "codes"), [("raises", [1, 1]), ("killed", [1, -9]), ("hangs", [1, None])])
def test_the_process_that_waits_ends_by_itself(ended, case, codes):
    """The one that hangs does not: that is left to the launcher."""
    folder, said = ended
    assert "a fault of one process" in said
    assert "Timed out waiting" in said
    assert (folder / f"{case}.time").is_file()
    assert json.loads((folder / f"{case}.json").read_text())["exit_codes"] == codes, said[-3000:]
