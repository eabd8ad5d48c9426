"""Sessions that DataClaw exported, with whole calls and with calls that are summed up."""

from __future__ import annotations

import json

from tests.data.sources.agent_samples import read, reason, row
from treadle.data.sources import registry
from treadle.data.sources.agents.dataclaw import FORM
from treadle.data.sources.report import DropReason


def use(tool, output=None, **arguments):
    return {"tool": tool, "input": arguments, "output": output, "status": "success"}


def session(*messages):
    about = {"session_id": "s1", "project": "p", "model": "claude-x", "git_branch": "main", "stats": {}}
    return {**about, "messages": [{"role": "user", "content": "Fix it."}, *messages]}


def test_a_session_by_hand():
    data = session(
        {
            "role": "assistant",
            "content": "I look.",
            "thinking": "Where?",
            "tool_uses": [use("Read", {"text": "teh"}, path="a")],
        },
        {"role": "assistant", "tool_uses": [use("Edit", "done", old="teh"), use("Stat", {"raw": 1})]},
        {"role": "assistant", "content": "Fixed."},
        {"role": "user", "content": "Now a test."},
        {"role": "assistant", "content": "", "tool_uses": [use("Write")]},
    )
    found = read(FORM, data)
    assert registry.detect(row(data)) is FORM
    assert (found.id, found.problem) == ("s1", "Fix it.")
    assert [step.action.split("\n")[0] for step in found.steps] == [
        "<function=Read>",
        "<function=Edit>",
        "<function=Stat>",
    ]
    assert [step.observation for step in found.steps] == ["teh", "done", '{"raw": 1}']
    assert found.steps[0].thought == "Where?\n\nI look."
    assert json.loads(found.steps[1].call) == use("Edit", "done", old="teh")
    expected = {
        "model": "claude-x",
        "project": "p",
        "git_branch": "main",
        "epilogue": "Fixed.",
        "later_prompts": 1,
        "later_steps": 1,
    }
    assert {key: found.meta[key] for key in expected} == expected


def test_calls_that_are_summed_up_are_no_actions():
    summed_up = session({"role": "assistant", "content": "x", "tool_uses": [{"tool": "Read", "input": "src/a.py"}]})
    assert registry.detect(row(summed_up)) is FORM
    assert reason(FORM, summed_up) == DropReason.NO_TRAJECTORY
    assert not FORM.matches(row(session({"role": "assistant", "content": "x", "tool_uses": []})))
    assert reason(FORM, {}) == DropReason.MISSING_COLUMN
