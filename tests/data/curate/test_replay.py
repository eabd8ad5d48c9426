"""Trajectories of the stack machine: each recorded observation is computed by hand."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from tests.domains.stack import FIELD
from treadle.data.curate.replay import replay_sentence, replayed
from treadle.data.prepare import PrepareSettings, as_markdown, prepare
from treadle.data.prepared import Prepared
from treadle.data.sources.native import to_row
from treadle.data.sources.reading import Outcome
from treadle.data.sources.report import DropReason
from treadle.domains.registry import use
from treadle.errors import DataError
from treadle.report.prepared import write_prepare_page
from treadle.trajectory import Step, Trajectory

SEVEN = (("push 3", "[3]"), ("push 4", "[3, 4]"), ("add", "[7]"), ("submit", "submitted 7"))


@pytest.fixture(autouse=True)
def stack(monkeypatch):
    monkeypatch.delenv("TREADLE_DOMAINS", raising=False)
    use(str(FIELD))


def expert(pairs=SEVEN, target=7, **changes):
    steps = tuple(Step(action, observation=seen) for action, seen in pairs)
    meta = {"setup": {"target": target}}
    return Trajectory(**{"id": "t", "problem": "reach 7", "steps": steps, "domain": "stack", "meta": meta, **changes})


def became(trajectory, keep_unverified=False):
    return replayed(Outcome("row 1", "treadle", trajectory), keep_unverified)


def test_what_is_recorded_as_the_environment_has_it_stays_and_is_right():
    outcome = became(expert())
    assert outcome.trajectory == expert(verified=True)
    assert outcome.reason is None
    assert outcome.notes == (
        ("environment", "replayed: every recorded observation is the environment's"),
        ("judged by the domain", "right"),
    )


def test_what_is_not_recorded_is_filled_in():
    blanks = [(action, None if action in ("push 4", "submit") else seen) for action, seen in SEVEN]
    outcome = became(expert(blanks))
    assert outcome.trajectory == expert(verified=True)
    assert "filled in" in outcome.notes[0][1]


@pytest.mark.parametrize(
    ("pairs", "reason", "detail"),
    [
        (
            [SEVEN[0], ("push 4", "[4, 3]")],
            "replay_differs",
            "step 2: recorded '[4, 3]', the environment says '[3, 4]'",
        ),
        ([*SEVEN, ("push 1", "[7, 1]")], "replay_differs", "step 4 of 5 ends the episode ('submitted 7')"),
        ([SEVEN[0], ("hang", None)], "replay_failed", "step 2, 'hang': The environment gave up after 0.3 s"),
        ([SEVEN[0], ("raise", None)], "replay_failed", "step 2, 'raise': The environment failed: RuntimeError: broken"),
    ],
)
def test_what_is_not_as_recorded_is_dropped(pairs, reason, detail):
    outcome = became(expert(pairs))
    assert outcome.trajectory is None
    assert outcome.reason == reason
    assert outcome.detail.startswith(detail)
    assert outcome.notes == (("environment", "not as recorded"),)


def test_a_task_that_cannot_be_set_up():
    outcome = became(expert(meta={}))
    assert outcome.reason is DropReason.REPLAY_FAILED
    assert "the setup has no target" in outcome.detail


@pytest.mark.parametrize(
    ("verified", "keep", "reason", "becomes"),
    [
        (None, False, "verdict_wrong", None),
        (None, True, None, False),
        (True, False, "marked_otherwise", None),
        (True, True, "marked_otherwise", None),
        (False, True, None, False),
    ],
)
def test_the_verdict_of_a_whole_trajectory(verified, keep, reason, becomes):
    outcome = became(expert(target=8, verified=verified), keep)
    assert outcome.reason == reason
    assert (outcome.trajectory and outcome.trajectory.verified) is becomes


def test_what_is_undecided_stays_as_it_is():
    assert became(expert(SEVEN[:3])).trajectory == expert(SEVEN[:3])


def test_domains_without_code_of_their_own_are_left_alone():
    trajectory = replace(expert(), domain="math")
    assert became(trajectory) == Outcome("row 1", "treadle", trajectory)


def test_a_long_observation_is_compared_as_far_as_the_environment_gives_it():
    assert became(expert([("print 30000", "x" * 30_000)])).trajectory is not None
    assert became(expert([("print 30000", "x" * 9_000 + "y" + "x" * 20_999)])).reason == "replay_differs"


def test_prepare_counts_and_says_what_was_replayed(tmp_path):
    rows = [expert(id=f"t{i}", problem=f"reach 7 in way {i}") for i in range(4)]
    rows += [expert([(a, None) for a, _ in SEVEN], id="blank", problem="reach 7 without looking")]
    rows += [expert([("push 3", "[4]"), ("submit", None)], id="lies", problem="reach 3")]
    source = tmp_path / "rows.jsonl"
    source.write_text("".join(json.dumps(to_row(row)) + "\n" for row in rows))
    settings = PrepareSettings(held_out=1, duplicates="off")
    report = prepare(source, tmp_path / "data", settings, page=write_prepare_page)
    assert report.rows.dropped == {"replay_differs": 1}
    assert report.verified == {"true": 5}
    said = "environment: 5 of 6 trajectories replayed, 1 of them with observations filled in"
    assert said in as_markdown(report)
    assert "played again" in (tmp_path / "data" / "report.html").read_text()
    found = [t for split in ("train", "heldout") for t in Prepared(tmp_path / "data").trajectories(split)]
    assert {t.id for t in found} == {"t0", "t1", "t2", "t3", "blank"}
    assert {tuple(step.observation for step in t.steps) for t in found} == {tuple(seen for _, seen in SEVEN)}
    assert prepare(source, tmp_path / "data", settings).reused
    without = prepare(source, tmp_path / "other", replace(settings, replay=False))
    assert (without.rows.kept, replay_sentence(without.rows.notes)) == (6, None)
    assert without.fingerprint != report.fingerprint


def test_other_code_is_another_preparation(tmp_path, monkeypatch):
    field = tmp_path / "field"
    field.mkdir()
    for file in ("domain.yaml", "step.j2", "world.py"):
        (field / file).write_text((FIELD / file).read_text().replace("name: stack", "name: pile"))
    monkeypatch.setenv("TREADLE_DOMAINS", str(field))
    source = tmp_path / "rows.jsonl"
    source.write_text(json.dumps(to_row(expert(domain="pile"))) + "\n")
    first = prepare(source, tmp_path / "a", PrepareSettings(held_out=0))
    assert prepare(source, tmp_path / "a", PrepareSettings(held_out=0)).reused
    (field / "world.py").write_text((field / "world.py").read_text() + "\n")
    again = prepare(source, tmp_path / "b", PrepareSettings(held_out=0))
    assert first.fingerprint != again.fingerprint


def test_broken_code_ends_the_command(tmp_path, monkeypatch):
    field = tmp_path / "field"
    field.mkdir()
    (field / "domain.yaml").write_text("name: broken\nenvironment: world.py:World\n")
    (field / "step.j2").write_text("{{ problem }}")
    (field / "world.py").write_text("class World: pass\n")
    monkeypatch.setenv("TREADLE_DOMAINS", str(field))
    with pytest.raises(DataError, match="has no reset"):
        became(expert(domain="broken"))
