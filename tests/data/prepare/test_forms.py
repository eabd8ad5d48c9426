"""The form of shard.json and report.json: what `prepare` writes passes, and what it never writes is named."""

from __future__ import annotations

import copy
import json

import pytest
from pydantic import TypeAdapter

from treadle.data.prepare import PrepareSettings, prepare
from treadle.data.prepare.forms import MOST_SHARDS, Report, Shard
from treadle.data.prepare.shards import ShardOf, prepare_shard
from treadle.errors import DataError
from treadle.files.typed import checked

SOLUTION = "1. **Add** 1 + {n}\n2. **Double** it\n3. **Answer** \\boxed{{{n}}}"
KINDS = {"report.json": Report, "shard.json": Shard}


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """What one small input becomes, as a whole and as its first shard of two."""
    folder = tmp_path_factory.mktemp("forms")
    rows = [{"id": f"r{n}", "problem": f"What of {n}?", "solution": SOLUTION.format(n=n)} for n in range(8)]
    (folder / "in.jsonl").write_text("".join(json.dumps(row) + "\n" for row in [*rows, {"x": 1}]))
    settings = PrepareSettings(held_out=2)
    prepare(folder / "in.jsonl", folder / "whole", settings)
    prepare_shard(folder / "in.jsonl", folder / "shard", ShardOf(1, 2), settings)
    return {
        name: json.loads((folder / place / name).read_text())
        for name, place in zip(KINDS, ("whole", "shard"), strict=True)
    }


@pytest.mark.parametrize("name", KINDS)
def test_what_is_written_passes(written, name):
    checked(KINDS[name], written[name], name, "")
    checked(KINDS[name], {**written[name], "of a later version": 1}, name, "")


def required(kind):
    """Keys without which nothing that was written would be read again."""
    keys = TypeAdapter(kind).json_schema()["required"]
    assert len(keys) >= 14
    return keys


@pytest.mark.parametrize("name", KINDS)
def test_every_key_has_to_be_there(written, name):
    for key in required(KINDS[name]):
        less = {other: value for other, value in written[name].items() if other != key}
        with pytest.raises(DataError, match=rf"^{name}: {key}: field required; again$"):
            checked(KINDS[name], less, name, "again", DataError)


@pytest.mark.parametrize("name", KINDS)
def test_no_key_may_be_of_another_type(written, name):
    class Other:
        """Of no type that JSON has."""

    for key in required(KINDS[name]):
        with pytest.raises(DataError, match=rf"^{name}: {key}"):
            checked(KINDS[name], {**written[name], key: Other()}, name, "again", DataError)


@pytest.mark.parametrize(
    ("name", "keys", "value"),
    [
        ("shard.json", ("shard",), 0),
        ("shard.json", ("shard",), "1"),
        ("shard.json", ("shards",), MOST_SHARDS + 1),
        ("shard.json", ("read",), -1),
        ("shard.json", ("kept",), 1.5),
        ("shard.json", ("forms",), "gsm8k"),
        ("shard.json", ("files", "rows.jsonl"), 3),
        ("report.json", ("rows", "read"), "9"),
        ("report.json", ("rows", "dropped", "other"), -1),
        ("report.json", ("rows", "notes"), []),
        ("report.json", ("trajectories", "train"), None),
        ("report.json", ("instances", "heldout"), True),
        ("report.json", ("examples",), [{"prompt": 5}]),
        ("report.json", ("floors",), []),
        ("report.json", ("overlap_examples",), [["a", 5]]),
    ],
)
def test_what_is_never_written(written, name, keys, value):
    changed = copy.deepcopy(written[name])
    inner = changed
    for key in keys[:-1]:
        inner = inner[key]
    inner[keys[-1]] = value
    with pytest.raises(DataError) as caught:
        checked(KINDS[name], changed, name, "again", DataError)
    assert str(caught.value).startswith(f"{name}: {'.'.join(keys)}")
