"""Whatever lies in a folder: each row has its reason, the counts add up, and the good rows come through."""

from __future__ import annotations

import gzip
import json
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from treadle import DropReason, ReadReport, read_trajectories
from treadle.data.prepare import PrepareSettings, prepare
from treadle.data.prepared import Prepared


def turn(text, answer="out"):
    return [{"role": "assistant", "content": text}, {"role": "user", "content": answer}]


def xml(command):
    return f"thinking\n\n<function=bash>\n<parameter=command>{command}</parameter>\n</function>"


def agent(id, *turns, **columns):
    task = [{"role": "system", "content": "rules"}, {"role": "user", "content": f"issue {id}"}]
    return {"messages": [*task, *(m for t in turns for m in t)], "traj_id": id, **columns}


def call(name="bash", arguments='{"command": "ls"}'):
    function = {"name": name} if arguments is None else {"name": name, "arguments": arguments}
    return {"id": "c1", "type": "function", "function": function}


def calling(calls):
    answer = {"role": "tool", "tool_call_id": "c1", "content": "out"}
    return [{"role": "assistant", "content": "t", "tool_calls": calls}, answer]


GOOD = agent("good", turn(xml("ls")), turn(xml("cat a")), turn(xml("rm a")))
MATH = {"id": "math", "problem": "1+1?", "solution": "1. **Add** 2\n2. **Say** \\boxed{2}"}
ROWS = [  # a row, and the reason that it is dropped for, or its id
    (GOOD, "good"),
    (MATH, "math"),
    ({"question": "2+3?", "answer": "2+3=<<2+3=5>>5\nSo 5\n#### 5", "id": "gsm"}, "gsm"),
    (agent("mega", turn(xml("cat big"), "x" * 3_000_000), turn(xml("ls"))), "mega"),
    (agent("nul", turn(xml("ls \0"), "a\0b\ud800"), turn(xml("ls"))), "nul"),
    (agent("a1", calling([call(arguments=None)])), "a1"),  # a call without arguments
    (agent("a2", calling([call(arguments='{"command": ')])), DropReason.BROKEN_CALL),
    (agent("a3", turn(xml("ls")), turn("just talk"), turn(xml("ls"))), DropReason.TURN_WITHOUT_ACTION),
    (agent("a4", turn(xml("ls") + "\n" + xml("pwd")), turn(xml("ls"))), DropReason.SEVERAL_ACTIONS),
    (agent("a5", calling([call(), call()])), DropReason.SEVERAL_ACTIONS),
    (agent("a6", turn(xml("ls")), turn(xml("ls")), resolved=False), DropReason.MARKED_AS_FAILED),
    (agent("a7", calling([call()]), [*turn(xml("ls")), {"role": "nobody", "content": 3}]), DropReason.MALFORMED),
    ({**MATH, "id": "m2", "answer": "3"}, DropReason.ANSWER_DIFFERS),
    ({**MATH, "id": "m3", "solution": ""}, DropReason.EMPTY_SOLUTION),
    ({"instance_id": "a__b-1", "model_patch": "diff"}, DropReason.NO_TRAJECTORY),
    ({"nothing": "known"}, DropReason.UNKNOWN_FORM),
    (["no", "object"], DropReason.NOT_AN_OBJECT),
    (GOOD, DropReason.DUPLICATE_ID),
]
RAW = [
    (b'{"id": "cut", "problem": ', DropReason.UNREADABLE_JSON),
    (b'{"problem": "\xff\xfe"}', DropReason.UNREADABLE_JSON),
    (b"\x00\x00\x00", DropReason.UNREADABLE_JSON),
    (b'{"id": "huge", "problem": "' + b"x" * 50_000_000 + b'"}', DropReason.ROW_TOO_LARGE),
]


@pytest.fixture
def folder(tmp_path):
    """Good and bad rows in one file, a cut archive, an empty file, files of other kinds, and links in a circle."""
    inner = tmp_path / "in" / "inner"
    inner.mkdir(parents=True)
    lines = [json.dumps(row).encode() for row, _ in ROWS] + [raw for raw, _ in RAW]
    (inner / "mixed.jsonl").write_bytes(b"\n".join(lines) + b"\n")
    noise = random.Random(0).randbytes(60_000).hex()
    rows = [{**MATH, "id": f"gz{i}", "problem": f"{i} {noise}"} for i in range(20)]
    packed = gzip.compress("".join(json.dumps(r) + "\n" for r in rows).encode())
    (inner / "cut.jsonl.gz").write_bytes(packed[: len(packed) // 2])
    (inner / "empty.json").write_text("")
    (inner / "readme.txt").write_text("hello")
    (inner / "circle").symlink_to(tmp_path / "in", target_is_directory=True)
    return tmp_path / "in"


def test_every_row_of_a_bad_folder_has_its_reason(folder, tmp_path):
    report = prepare(folder, tmp_path / "out", PrepareSettings(held_out=0, targets="all", max_row_mb=10))
    outcomes = [json.loads(line) for line in (tmp_path / "out" / "rows.jsonl").read_text().splitlines()]
    mixed = [o for o in outcomes if "mixed.jsonl" in o["where"]]
    found = [o.get("dropped") or o["id"] for o in mixed]
    assert found == [expected for _, expected in [*ROWS, *RAW]]
    assert all(o["detail"] for o in mixed if "dropped" in o)
    assert report.rows.read == report.rows.kept + sum(report.rows.dropped.values()) == len(outcomes)
    assert report.rows.dropped["unreadable_file"] == 2
    assert report.rows.skipped_files == {
        "folder reached twice through links": 1,
        "kind of file not read: .txt": 1,
    }
    kept = {t.id: t for t in Prepared(tmp_path / "out").trajectories()}
    assert sum(id.startswith("gz") for id in kept) == report.rows.kept - 6 > 0
    assert len(kept["mega"].steps[0].observation) == 3_000_000
    assert kept["nul"].steps[0].observation == "a\0b\ufffd"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=10,
)


@settings(max_examples=150)
@given(content=st.binary(max_size=400) | st.lists(JSON, max_size=4).map(lambda v: json.dumps(v).encode()))
def test_no_content_of_a_file_raises(tmp_path_factory, content):
    check(tmp_path_factory.mktemp("fuzz") / "a.jsonl", content)


@settings(max_examples=150)
@given(st.data())
def test_no_damage_to_real_shapes_raises(tmp_path_factory, data):
    """Lines cut, bytes changed, and pieces of one row put into another."""
    lines = [json.dumps(row).encode() for row, _ in ROWS if len(json.dumps(row)) < 10_000]
    content = bytearray(b"\n".join(data.draw(st.lists(st.sampled_from(lines), min_size=1, max_size=3))))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(content) - 1))
        piece = data.draw(st.binary(max_size=3) | st.sampled_from([b'"', b"{", b"[", b"null", b"\\n", b"<function=x>"]))
        content[at : at + data.draw(st.integers(0, 30))] = piece
        content = content or bytearray(b" ")
    check(tmp_path_factory.mktemp("fuzz") / "a.jsonl", bytes(content))


def check(path, content):
    path.write_bytes(content)
    report = ReadReport()
    kept = list(read_trajectories(path, report=report, row_seconds=5))
    assert report.read == report.kept + sum(report.dropped.values())
    assert report.kept == len(kept)
    assert DropReason.FORM_FAILED not in report.dropped, report.examples
    assert DropReason.TIMED_OUT not in report.dropped
