"""A game's log with commands on lines that begin with `> `; put together again."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.data.sources.agent_samples import read, reason, row
from treadle.data.sources import registry
from treadle.data.sources.agents.text_game import FORM
from treadle.data.sources.report import DropReason

ROOM = "You are in a room.\nYour task is to: put a mug on the desk.\n"
LOG = ROOM + "> think: I look for a mug.\nOK.\n> go to desk 1\nOn it is a mug.\n> take mug 1\nYou take it.\n"


def whole(trajectory):
    steps = "".join(step.text + (step.observation or "") for step in trajectory.steps)
    return trajectory.meta.get("preamble", "") + trajectory.problem, steps + trajectory.meta.get("epilogue", "")


def test_a_log_by_hand():
    trajectory = read(FORM, {"text": LOG})
    assert [(step.thought, step.action, step.observation) for step in trajectory.steps] == [
        ("> think: I look for a mug.\nOK.", "go to desk 1", "On it is a mug.\n"),
        (None, "take mug 1", "You take it.\n"),
    ]
    assert trajectory.problem == ROOM.rstrip()
    assert registry.detect(row({"text": LOG})).name == "text-game"


def test_examples_before_the_task_are_not_read():
    trajectory = read(FORM, {"text": f"{LOG}\nHere is the task.\n{LOG}"})
    assert (len(trajectory.steps), trajectory.problem) == (2, ROOM.rstrip())
    assert trajectory.meta["preamble"].startswith(LOG)


def test_several_tasks_in_one_text_are_dropped():
    assert reason(FORM, {"text": LOG + LOG}) == DropReason.MALFORMED


def test_a_quotation_is_no_game():
    assert FORM.matches(row({"text": "> he wrote\n> twice\nand I agree"})) is False


LINES = st.text(st.characters(exclude_characters=">\r", exclude_categories=["Cs", "Zl", "Zp", "Cc"]), max_size=12)


@given(st.lists(st.tuples(LINES.filter(str.strip), LINES), min_size=2, max_size=5))
def test_a_log_put_together_is_its_text(turns):
    log = "".join(f"> x{command}\n{answer}\n" for command, answer in turns)
    problem, rest = whole(read(FORM, {"text": ROOM + log}))
    assert (problem, rest) == (ROOM.rstrip(), log)
