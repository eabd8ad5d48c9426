"""Files of every kind, column mappings, counts, and what happens with bad input."""

from __future__ import annotations

import json
import time
import tracemalloc

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from treadle import DropReason, ReadReport, Step, Trajectory, read_trajectories
from treadle.data.sources import registry
from treadle.data.sources.columns import PRESETS, parse_columns
from treadle.data.sources.form import Form
from treadle.data.sources.native import to_row
from treadle.errors import DataError

GOOD = {"id": "a", "problem": "1+1?", "solution": "1. **Add** 2\n2. **Say** \\boxed{2}"}
PROSE = {"id": "b", "problem": "1+1?", "solution": "It is 2."}


def write_jsonl(path, rows):
    path.write_text("".join(json.dumps(r) + "\n" for r in rows))
    return path


def test_the_same_rows_from_every_kind_of_file(tmp_path):
    rows = [GOOD, {**GOOD, "id": "c"}]
    write_jsonl(tmp_path / "a.jsonl", rows)
    (tmp_path / "a.json").write_text(json.dumps(rows))
    write_jsonl(tmp_path / "lines.json", rows)
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "a.parquet")
    expected = None
    for name in ("a.jsonl", "a.json", "lines.json", "a.parquet"):
        read = [(t.id, t.problem, t.steps, t.answer) for t in read_trajectories(tmp_path / name)]
        expected = expected or read
        assert read == expected
    assert [id for id, *_ in expected] == ["a", "c"]
    assert len(list(read_trajectories(tmp_path))) == 8


def test_counts_add_up_and_examples_are_kept(tmp_path):
    report = ReadReport()
    rows = [GOOD, PROSE, PROSE, {**GOOD, "id": "d", "verified": False}, {**GOOD, "solution": ""}]
    kept = list(read_trajectories(write_jsonl(tmp_path / "a.jsonl", rows), report=report))
    assert [t.id for t in kept] == ["a"]
    assert (report.read, report.kept) == (5, 1)
    assert report.dropped == {
        DropReason.NO_NUMBERED_STEPS: 2,
        DropReason.MARKED_AS_FAILED: 1,
        DropReason.EMPTY_SOLUTION: 1,
    }
    assert report.read == report.kept + sum(report.dropped.values())
    assert report.examples[DropReason.NO_NUMBERED_STEPS][0][0] == f"{tmp_path / 'a.jsonl'}, line 2"


def test_failed_rows_are_kept_on_request_and_unmarked_rows_always(tmp_path):
    path = write_jsonl(tmp_path / "a.jsonl", [{**GOOD, "verified": flag} for flag in (True, False, None)])
    assert [t.verified for t in read_trajectories(path)] == [True, None]
    assert [t.verified for t in read_trajectories(path, keep_unverified=True)] == [True, False, None]


def test_s1k_columns_are_recognised(tmp_path):
    row = {
        "question": "q",
        "solution": "7",
        "deepseek_attempt": "1. **A** x\n2. **B** \\boxed{7}",
        "deepseek_thinking_trajectory": "hmm",
        "deepseek_grade": "Yes",
    }
    (trajectory,) = read_trajectories(write_jsonl(tmp_path / "s1k.jsonl", [row]))
    assert (trajectory.id, trajectory.problem, trajectory.answer) == ("s1k-1", "q", "7")
    assert (trajectory.steps[0].thought, trajectory.verified) == ("hmm", True)


def test_columns_by_name(tmp_path):
    columns = parse_columns("problem=q,solution=the text,answer=a")
    row = {"q": "1+1?", "the text": GOOD["solution"], "a": "two"}
    (trajectory,) = read_trajectories(write_jsonl(tmp_path / "a.jsonl", [row]), columns=columns)
    assert trajectory.answer == "two"
    assert parse_columns("s1k-1.1") is PRESETS["s1k-1.1"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("problem=a", "solution missing"),
        ("problem=a,solutoin=b", "did you mean 'solution'"),
        ("s1k", "did you mean 's1k-1.1'"),
        ("problem=,solution=b", "not understood"),
    ],
)
def test_wrong_mappings_are_explained(text, message):
    with pytest.raises(DataError, match=message):
        parse_columns(text)


@pytest.mark.parametrize(
    ("line", "reason", "detail"),
    [
        ('{"problem": ', DropReason.UNREADABLE_JSON, "Expecting value"),
        ("[" * 100_000, DropReason.UNREADABLE_JSON, "nested too deeply"),
        ("[1]", DropReason.NOT_AN_OBJECT, "found a JSON list"),
        ("7", DropReason.NOT_AN_OBJECT, "found a JSON int"),
        ('{"question": "p"}', DropReason.UNKNOWN_FORM, "columns question"),
        ('{"problem": "p", "text": "t"}', DropReason.UNKNOWN_FORM, "columns problem, text"),
        (b'{"problem": "\xff", "solution": "1. **A** b"}', DropReason.UNREADABLE_JSON, "broken UTF-8: byte 0xff"),
    ],
)
def test_a_bad_line_costs_itself_and_nothing_else(tmp_path, line, reason, detail):
    good = json.dumps(GOOD).encode()
    path = tmp_path / "a.jsonl"
    line = line if isinstance(line, bytes) else line.encode()
    path.write_bytes(good + b"\n" + line + b"\n" + good.replace(b'"a"', b'"c"') + b"\n")
    report = ReadReport()
    assert [t.id for t in read_trajectories(path, report=report)] == ["a", "c"]
    assert (report.read, report.kept, report.dropped) == (3, 2, {reason: 1})
    ((where, found),) = report.examples[reason]
    assert where == f"{path}, line 2"
    assert detail in found


def test_a_row_that_takes_too_long_is_dropped_and_the_next_is_read(tmp_path, monkeypatch):
    def slow(row, options):
        while row.data["problem"] == "slow":
            time.sleep(0.01)
        return Trajectory(row.data["problem"], "p", (Step("a"),))

    form = Form("sleeper", "takes its time", lambda row: True, slow)
    monkeypatch.setattr(registry, "forms", lambda: {"sleeper": form})
    path = write_jsonl(tmp_path / "a.jsonl", [{"problem": "slow"}, {"problem": "quick"}])
    report = ReadReport()
    began = time.monotonic()
    assert [t.id for t in read_trajectories(path, report=report, row_seconds=0.2)] == ["quick"]
    assert time.monotonic() - began < 5
    assert report.dropped == {DropReason.TIMED_OUT: 1}
    assert report.examples[DropReason.TIMED_OUT][0][1] == "more than 0.2 s"


def test_a_form_that_fails_is_counted_as_its_own_defect(tmp_path, monkeypatch):
    form = Form("broken", "raises", lambda row: True, lambda row, options: row.data["nothing"])
    monkeypatch.setattr(registry, "forms", lambda: {"broken": form})
    report = ReadReport()
    assert list(read_trajectories(write_jsonl(tmp_path / "a.jsonl", [GOOD]), report=report)) == []
    assert report.dropped == {DropReason.FORM_FAILED: 1}
    assert report.examples[DropReason.FORM_FAILED][0][1] == "KeyError: 'nothing'"


def test_mixed_forms_in_one_file_are_each_recognised(tmp_path):
    gsm8k = {"question": "2+3?", "answer": "2+3=<<2+3=5>>5\n#### 5"}
    own = to_row(Trajectory("x", "p", (Step("a"),)))
    report = ReadReport()
    kept = list(read_trajectories(write_jsonl(tmp_path / "a.jsonl", [GOOD, gsm8k, own]), report=report))
    assert [t.steps[0].action for t in kept] == ["1. **Add** 2", "2+3=<<2+3=5>>5", "a"]
    assert report.forms == {"numbered": 1, "gsm8k": 1, "treadle": 1}


def test_a_form_can_be_given(tmp_path):
    path = write_jsonl(tmp_path / "a.jsonl", [GOOD])
    report = ReadReport()
    assert list(read_trajectories(path, format="gsm8k", report=report)) == []
    assert report.kept == 0
    assert report.forms == {"gsm8k": 1}
    with pytest.raises(DataError, match=r"format 'xml': expected auto or one of .*numbered"):
        list(read_trajectories(path, format="xml"))


def test_an_answer_unlike_the_reference_is_a_reason_of_its_own(tmp_path):
    report = ReadReport()
    path = write_jsonl(tmp_path / "a.jsonl", [{**GOOD, "answer": "3"}, {**GOOD, "answer": "2"}])
    assert [t.answer for t in read_trajectories(path, report=report)] == ["2"]
    assert report.dropped == {DropReason.ANSWER_DIFFERS: 1}
    assert report.examples[DropReason.ANSWER_DIFFERS][0][1] == "2 instead of 3"
    assert len(list(read_trajectories(path, keep_unverified=True))) == 2


def test_a_named_column_that_is_missing_drops_the_row_with_its_name(tmp_path):
    path = write_jsonl(tmp_path / "a.jsonl", [GOOD])
    columns = parse_columns("problem=problem,solution=solution,verified=okk")
    report = ReadReport()
    assert list(read_trajectories(path, columns=columns, report=report)) == []
    assert report.dropped == {DropReason.MISSING_COLUMN: 1}
    assert "no column 'okk'; found id, problem, solution" in report.examples[DropReason.MISSING_COLUMN][0][1]


def test_ids_made_from_files_of_the_same_name_differ(tmp_path):
    for shard in ("x", "y"):
        (tmp_path / shard).mkdir()
        write_jsonl(tmp_path / shard / "part.jsonl", [{k: v for k, v in GOOD.items() if k != "id"}])
    assert [t.id for t in read_trajectories(tmp_path)] == ["x/part-1", "y/part-1"]


def test_reading_is_lazy(tmp_path):
    path = write_jsonl(tmp_path / "a.jsonl", [{**GOOD, "problem": "x" * 1000}] * 3000)
    report = ReadReport()
    rows = read_trajectories(path, report=report)
    assert next(rows).id == "a"
    assert report.read == 1


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["lines", "array", "parquet"])
def test_memory_does_not_grow_with_the_file(tmp_path, kind):
    """Of a file four times as large no more is held at once."""
    peaks = []
    for count in (1000, 4000):
        rows = [{**GOOD, "id": f"r{i}", "problem": f"{i} " + "x" * 5000} for i in range(count)]
        path = tmp_path / f"{count}.{kind}"
        if kind == "parquet":
            pq.write_table(pa.Table.from_pylist(rows), path, row_group_size=200)
        else:
            path.write_text(json.dumps(rows) if kind == "array" else "".join(json.dumps(r) + "\n" for r in rows))
        del rows
        tracemalloc.start()
        assert sum(1 for _ in read_trajectories(path, max_row_mb=1)) == count
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.5 * peaks[0]
    assert peaks[1] < 8_000_000  # the file has 20
