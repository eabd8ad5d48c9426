from __future__ import annotations

import json

from treadle.report.evaluation.side_files import SideFiles
from treadle.report.parts import LONGEST, Part


def test_side_files_are_scripts_with_a_line_an_attempt(tmp_path):
    side = SideFiles(tmp_path / "abc", "report/abc")
    for index, text in enumerate(["first", "y" * (LONGEST + 1000)]):
        assert side.add("p", 7, [0, index], {"text": [(Part.TEXT, text)]}) == "report/abc/p00007.js"
    lines = (tmp_path / "abc/p00007.js").read_text().splitlines()
    assert side.files == 1
    assert side.bytes == sum(len(line) + 1 for line in lines)
    first, second = (json.loads(line.removeprefix("treadleText(").removesuffix(");")) for line in lines)
    assert first == ["p", 7, [0, 0], {"text": [["text", "first"]]}]
    assert [kind for kind, _ in second[3]["text"]] == ["text", "cut", "text"]
    assert second[3]["text"][1][1] == "[... 1,000 characters left out ...]"
