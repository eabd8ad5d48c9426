"""Data that is prepared for a domain of one's own."""

from __future__ import annotations

import json

import pytest

from tests.domains.folders import walks, write_domain, write_rows
from treadle.data.prepare import PrepareSettings, prepare
from treadle.data.prepare.merge import merge
from treadle.data.prepare.report import as_markdown, from_json
from treadle.data.prepare.reuse import fingerprint
from treadle.data.prepare.shards import ShardOf, prepare_shard
from treadle.data.prepared import Prepared
from treadle.data.sources import read_trajectories
from treadle.data.sources.report import DropReason, ReadReport
from treadle.domains.digest import digest
from treadle.domains.registry import VARIABLE, find, use
from treadle.errors import DomainError

pytestmark = pytest.mark.usefixtures("no_domains")
FIELD = PrepareSettings(domain="field", held_out=1)


@pytest.fixture
def field(tmp_path):
    return use(str(write_domain(tmp_path / "a field")))


@pytest.fixture
def rows(tmp_path):
    return write_rows(tmp_path / "walks.jsonl", walks(6))


def test_rows_that_people_write_are_read_with_it(field, rows, tmp_path):
    report = prepare(rows, tmp_path / "data", FIELD)
    prepared = Prepared(tmp_path / "data")
    found = sorted((t for split in ("train", "heldout") for t in prepared.trajectories(split)), key=lambda t: t.id)
    assert [(t.domain, t.meta["setup"], t.answer) for t in found] == [("field", {"seed": i}, str(i)) for i in range(6)]
    assert found[2].steps[1].action == "go 1 of 2"
    assert next(prepared.instances()).prompt[0]["content"].startswith("Task: Walk to ")
    recorded = {"field": {"digest": digest(field), "about": "Moves on a line.", "trajectories": 6}}
    assert report.domains == recorded == json.loads((tmp_path / "data" / "report.json").read_text())["domains"]
    assert prepared.domains == {"field": digest(field)}
    assert "domain=field" in as_markdown(report)
    assert from_json(json.loads((tmp_path / "data" / "report.json").read_text())).domains == recorded


def test_without_a_domain_such_rows_are_none(rows):
    report = ReadReport()
    assert list(read_trajectories(rows, report=report)) == []
    assert dict(report.dropped) == {DropReason.NO_TRAJECTORY: 6}


def test_whatever_the_form_says_it_is_given_and_counted(field, tmp_path):
    gsm8k = {"question": "1+1?", "answer": "It is 1+1=<<1+1=2>>2.\nSo 2.\n#### 2"}
    own = {**walks(1)[0], "domain": "math"}
    chat = [{"role": "user", "content": "Look."}, {"role": "assistant", "content": "I look.\n```bash\nls\n```"}]
    agents = {"messages": [{"role": "system", "content": "Use bash."}, *chat, {"role": "user", "content": "a.py"}]}
    source = write_rows(tmp_path / "mixed.jsonl", [gsm8k, own, *walks(2)[1:], agents])
    before = [t.domain for t in read_trajectories(source)]
    report = ReadReport()
    found = list(read_trajectories(source, report=report, domain="field"))
    assert before[:2] == ["math", "math"]
    assert {t.domain for t in found} == {"field"}
    notes = report.notes["domain"]
    assert notes["rows given the domain field (--domain), which their form has as math"] == 2
    assert sum(notes.values()) == len(found) - 1, "the row without a domain has no other"


def test_a_setup_as_text_is_read(field, tmp_path):
    texts = ['{"seed": 7}', "[1]", "plain words"]
    rows = [{**row, "setup": text} for row, text in zip(walks(3), texts, strict=True)]
    found = read_trajectories(write_rows(tmp_path / "rows.jsonl", rows), domain="field")
    assert [t.meta["setup"] for t in found] == [{"seed": 7}, [1], "plain words"]


def test_answers_alone_keep_their_setup(field, tmp_path):
    rows = [{name: row[name] for name in ("id", "problem", "answer", "setup")} for row in walks(2)]
    found = read_trajectories(write_rows(tmp_path / "rows.jsonl", rows), domain="field", answers_only=True)
    assert [(t.domain, t.answer, t.meta["setup"]) for t in found] == [
        ("field", "0", {"seed": 0}),
        ("field", "1", {"seed": 1}),
    ]


def test_worker_processes_and_shards_know_it(field, rows, tmp_path):
    whole = prepare(rows, tmp_path / "one", FIELD, workers=1)
    prepare(rows, tmp_path / "two", FIELD, workers=2)
    shards = [tmp_path / "s1", tmp_path / "s2"]
    for number, out in enumerate(shards, 1):
        prepare_shard(rows, out, ShardOf(number, 2), FIELD)
    merged = merge(shards, tmp_path / "merged")
    assert merged.domains == whole.domains
    ids = [[t.id for t in Prepared(tmp_path / name).trajectories()] for name in ("one", "two", "merged")]
    assert ids[0] == ids[1] == ids[2]


def test_other_templates_are_other_data(field, rows):
    first = fingerprint(rows, FIELD, None)
    assert first != fingerprint(rows, PrepareSettings(held_out=1), None)
    assert first == fingerprint(rows, FIELD, None)
    (field.folder / "step.j2").write_text("Other words: {{ problem }}")
    assert first != fingerprint(rows, FIELD, None)


@pytest.mark.parametrize("settings", [PrepareSettings(domain="feild"), PrepareSettings()])
def test_an_unknown_domain_ends_it_with_a_line(settings, tmp_path):
    source = write_rows(tmp_path / "rows.jsonl", [{**row, "domain": "elsewhere"} for row in walks(2)])
    with pytest.raises(DomainError, match=r"no domain '(feild|elsewhere)': .* --domain FOLDER") as error:
        prepare(source, tmp_path / "data", settings)
    assert "\n" not in str(error.value)
    assert not (tmp_path / "data").exists()


def test_what_was_prepared_elsewhere_can_be_read_but_not_asked(field, rows, tmp_path, monkeypatch):
    prepare(rows, tmp_path / "data", FIELD)
    monkeypatch.setenv(VARIABLE, "")
    prepared = Prepared(tmp_path / "data")
    assert [t.domain for t in prepared.trajectories("heldout")] == ["field"]
    with pytest.raises(DomainError, match="no domain 'field'"):
        next(prepared.instances())


def test_domains_of_folders_without_a_record_are_those_of_their_rows(prepared_world):
    report = json.loads((prepared_world / "report.json").read_text())
    assert report["domains"]["miniature"]["digest"] == digest(find("miniature"))
    del report["domains"]
    (prepared_world / "report.json").write_text(json.dumps(report))
    assert Prepared(prepared_world).domains == {"miniature": None}
