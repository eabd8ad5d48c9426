"""Options of back ends that are more than a word."""

from __future__ import annotations

import pytest

from treadle.cli.backends import json_object
from treadle.errors import TreadleError


def test_json_on_the_command_line():
    assert json_object("--x", '{"enable_thinking": false}') == {"enable_thinking": False}
    assert json_object("--x", None) is None
    for text in ("enable_thinking=false", "[1]", "{", "3"):
        with pytest.raises(TreadleError, match=r"--x .*: expected a JSON object such as"):
            json_object("--x", text)
