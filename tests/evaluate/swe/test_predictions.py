"""Predictions as the harness takes them, written and read."""

from __future__ import annotations

import json

import pytest

from treadle.errors import DataError
from treadle.evaluate.swe.predictions import read_predictions, to_row, write_predictions
from treadle.evaluate.swe.records import Prediction

ROWS = [
    {"instance_id": "a__b-1", "model_name_or_path": "m", "model_patch": "--- a/x\n"},
    {"instance_id": "a__b-2", "model_name_or_path": "m", "model_patch": ""},
]
EXPECTED = [Prediction("a__b-1", "m", "--- a/x\n"), Prediction("a__b-2", "m", "")]


def test_every_form_of_the_harness_gives_the_same(tmp_path):
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    (tmp_path / "b.json").write_text(json.dumps(ROWS))
    (tmp_path / "c.json").write_text(json.dumps({row["instance_id"]: row for row in ROWS}))
    bare = {row["instance_id"]: {k: v for k, v in row.items() if k != "instance_id"} for row in ROWS}
    (tmp_path / "d.json").write_text(json.dumps(bare))
    for name in "a.jsonl", "b.json", "c.json", "d.json":
        assert read_predictions(tmp_path / name) == EXPECTED, name
    (tmp_path / "e.json").write_text(json.dumps({"a__b-1": bare["a__b-1"]}))
    assert read_predictions(tmp_path / "e.json") == EXPECTED[:1]
    (tmp_path / "f.jsonl").write_text(json.dumps({**ROWS[1], "model_patch": None, "cost": 1}) + "\n")
    assert read_predictions(tmp_path / "f.jsonl") == EXPECTED[1:]


@pytest.mark.parametrize("more", [{}, {"a__b-1": ROWS[0]}])
def test_a_key_that_is_not_the_rows_own_id_is_refused(tmp_path, more):
    (tmp_path / "a.json").write_text(json.dumps({**more, "a__b-7": ROWS[1]}))
    with pytest.raises(DataError, match=r"key 'a__b-7': instance_id: found str 'a__b-2', expected its key; one pred"):
        read_predictions(tmp_path / "a.json")


def test_what_is_written_is_read_again_from_a_run(tmp_path):
    given = [*EXPECTED, Prediction("a__b-3", "m", "", "edit_fault", "block 1: ...")]
    write_predictions(tmp_path / "predictions.jsonl", given)
    assert read_predictions(tmp_path) == given
    first = json.loads((tmp_path / "predictions.jsonl").read_text().splitlines()[0])
    assert first == ROWS[0] == to_row(given[0])


BAD = [
    ({"instance_id": "x", "model_name_or_path": "m"}, "model_patch: found nothing, expected a text"),
    ({"instance_id": "x", "model_patch": ""}, "model_name_or_path: found nothing, expected a text; the row has "),
    ({"model_name_or_path": "m", "model_patch": ""}, "instance_id: found nothing"),
    ({**ROWS[0], "instance_id": 4}, "instance_id: found int '4'"),
    ({**ROWS[1], "model_patch": ["x"]}, "model_patch: found list"),
    (ROWS[0], "instance_id: 'a__b-1' has a prediction in "),
    ({**ROWS[1], "instance_id": "a__b-7"}, "instance_id: no task 'a__b-7' among the 2 of the set; did you mean a__b-"),
    ({**ROWS[1], "fault": "resolved"}, "fault: found str 'resolved', expected one of empty"),
    ({**ROWS[1], "reason": 4}, "reason: found int '4'"),
]


@pytest.mark.parametrize(("row", "said"), BAD)
def test_what_is_no_prediction_is_named_by_file_row_and_key(tmp_path, row, said):
    path = tmp_path / "p.jsonl"
    path.write_text("".join(json.dumps(entry) + "\n" for entry in (ROWS[0], row)))
    with pytest.raises(DataError) as error:
        read_predictions(path, known=["a__b-1", "a__b-2"])
    assert str(error.value).startswith(f"{path}, line 2: {said}")
    assert "\n" not in str(error.value)


def test_nothing_there(tmp_path):
    with pytest.raises(DataError, match=r"predictions\.jsonl: no such file"):
        read_predictions(tmp_path)
    with pytest.raises(DataError, match="none: no such file"):
        read_predictions(tmp_path / "none")
