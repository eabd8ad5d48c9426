"""SWE-agent's documents in each of its styles, and nebius' rows."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.data.sources.agent_samples import read, reason, replay, row, sample, spoken
from treadle.data.sources.agents import fenced
from treadle.data.sources.agents.swe_agent import FORM, located
from treadle.data.sources.report import DropReason

STEPS = {
    "ctf__web__i_got_id_demo": 21,
    "function_calling_simple": 5,
    "replay__marshmallow-code__marshmallow-1867__default": 14,
    "replay__marshmallow-code__marshmallow-1867__function_calling": 11,
    "replay__marshmallow-code__marshmallow-1867__xml_sys": 11,
    "tests__gpt4__swe-bench-dev-easy": 12,
}


def entry(response, action, observation="out", thought=None, **more):
    thought = response if thought is None else thought
    return {"response": response, "thought": thought, "action": action, "observation": observation, **more}


def document(*entries, **more):
    history = [{"role": "system", "content": "rules"}, {"role": "user", "content": "problem"}]
    return {"trajectory": list(entries), "history": history, "info": {"exit_status": "submitted"}, **more}


def test_a_document_by_hand():
    trajectory = read(
        FORM,
        document(
            entry("I look.\n```\nls\n```", "ls\n", thought="I look.\n"),
            entry("I cat.\n<command>\ncat x\n</command>", "cat x", thought="I cat."),
            entry("Calling `submit` to submit.", "submit", None),
        ),
        "folder/django__django-11099",
    )
    fence, tags, function = trajectory.steps
    assert (fence.thought, fence.before, fence.action, fence.after) == ("I look.", "\n```\n", "ls", "\n```")
    assert (tags.before, tags.action, tags.after) == ("\n<command>\n", "cat x", "\n</command>")
    assert (function.thought, function.action) == ("Calling `submit` to submit.", "submit")
    assert (json.loads(function.call), function.observation) == ({"action": "submit"}, None)
    assert (trajectory.system, trajectory.problem) == ("rules", "problem")
    assert (trajectory.repo, trajectory.verified) == ("django/django", True)


@pytest.mark.parametrize(
    ("response", "thought", "action", "expected"),
    [
        ("A\n```\nls\n```\nB", "A\n\nB", "ls\n", ("A", "\n```\n", "\n```\nB")),
        (" \nA\n<command>\nls\n</command>", "A", "ls", (" \nA", "\n<command>\n", "\n</command>")),
        ("ls", "", "ls", (None, "", "")),
        ("run ls\n```\nls\n```", "run ls\n", "ls", ("run ls", "\n```\n", "\n```")),
        ("```ls\nls\n```", "", "ls", (None, "```ls\n", "\n```")),
        ("bash it\n```bash\nbash\n```", "bash it\n", "bash", ("bash it", "\n```bash\n", "\n```")),
    ],
)
def test_actions_that_are_a_piece_of_the_response(response, thought, action, expected):
    step = located(response, thought, action, None)
    assert (step.thought, step.before, step.after) == expected
    assert (step.text, step.call) == (response, None)


@pytest.mark.parametrize(
    ("response", "thought", "rest"),
    [
        ("I will call ls now.", "I will call ls now.", ("I will call ls now.", "", "")),
        ("I call.\n\n", "I call.\n\n", ("I call.", "\n\n", "")),
        (
            "I call.\n<function=bash>\n<parameter=command>ls</parameter>\n</function>",
            "I call.",
            ("I call.", "", "\n<function=bash>\n<parameter=command>ls</parameter>\n</function>"),
        ),
        ("quite another text", "a thought", ("quite another text", "", "")),
    ],
)
def test_actions_that_are_not(response, thought, rest):
    step = located(response, thought, "ls", {"id": "a"})
    assert (step.thought, step.before, step.after) == rest
    assert (step.action, step.text, json.loads(step.call)) == ("ls", response, {"id": "a"})


def test_calls_come_from_the_history():
    calls = [{"function": {"name": n, "arguments": "{}"}, "id": n} for n in "abc"]
    data = document(entry("x", "do a"), entry("y", "do b"), entry("z", "do c"))
    turns = [("do a", calls[:1]), ("not in the trajectory", calls[:1]), ("do b", calls[1:2]), ("do c", calls)]
    data["history"] += [{"role": "assistant", "content": "", "action": a, "tool_calls": c} for a, c in turns]
    found = [json.loads(step.call) for step in read(FORM, data).steps]
    assert found == [calls[0], calls[1], {"action": "do c", "tool_calls": calls}]


def test_history_alone():
    def turn(thought, action):
        return {"role": "assistant", "content": f"{thought}```\n{action}```", "thought": thought, "action": action}

    history = [
        {"role": "system", "content": "rules", "message_type": "system_prompt"},
        {"role": "user", "content": "see", "is_demo": True},
        turn("demo\n", "demo\n") | {"is_demo": True},
        {"role": "user", "content": "problem"},
        turn("I look.\n", "ls\n"),
        {"role": "user", "content": "out\nbash-$"},
        turn("I end.\n", "submit\n"),
    ]
    trajectory = read(FORM, {"history": history})
    assert [step.action for step in trajectory.steps] == ["ls", "submit"]
    assert [step.observation for step in trajectory.steps] == ["out\nbash-$", None]
    assert (trajectory.problem, trajectory.meta["demonstration"][0]) == ("problem", "see")
    assert replay(trajectory) == spoken(history[4:])


def test_entries_without_action():
    act = entry("x\n```\nls\n```", "ls\n", thought="x\n")
    assert reason(FORM, document(act, entry("y", " "), act)) == DropReason.EMPTY_ACTION
    trajectory = read(FORM, document(act, entry("Exit due to cost limit", "", "Exited")))
    assert (trajectory.meta["epilogue"], trajectory.meta["epilogue_observation"]) == (
        "Exit due to cost limit",
        "Exited",
    )
    assert reason(FORM, document(entry("y", ""))) == DropReason.NO_ACTIONS
    for wrong in (entry("x", None), entry(3, "ls"), entry("x", "ls", ["out"]), entry("x", "ls", thought=[]), "x", {}):
        assert reason(FORM, document(act, wrong)) == DropReason.MALFORMED


def test_where_the_problem_is():
    act = entry("x", "ls")
    query = [{"role": "user", "content": "the query"}]
    assert read(FORM, {"trajectory": [act | {"query": query}]}).problem == "the query"
    assert reason(FORM, {"trajectory": [act]}) == DropReason.EMPTY_PROBLEM
    parts = [{"type": "text", "text": "in parts", "cache_control": {"type": "ephemeral"}}]
    assert read(FORM, document(act, history=[{"role": "user", "content": parts}])).problem == "in parts"


@pytest.mark.parametrize("as_text", [False, True])
def test_the_task_of_the_replay_config(as_text):
    config = {"problem_statement": {"id": "psf__requests-17"}, "agent": {"model": {"name": "m"}}}
    data = document(entry("x", "ls"), replay_config=json.dumps(config) if as_text else config)
    trajectory = read(FORM, data, "some-file")
    assert trajectory.repo == "psf/requests"
    assert trajectory.id.startswith("psf__requests-17.")
    assert trajectory.meta["model"] == "m"


@pytest.mark.parametrize(
    ("file", "repo"),
    [
        ("folder/django__django-11099", "django/django"),
        ("scikit-learn__scikit-learn-10297", "scikit-learn/scikit-learn"),
        ("getmoto__moto.694ce1f4.pr_7331", "getmoto/moto"),
        ("arrow-py__arrow.1d70d009.lm_rewrite__nuzjfyur", "arrow-py/arrow"),
        ("replay__a__b-1__t-0.20", None),
        ("a__b-1-copy", None),
        ("run-1", None),
    ],
)
def test_a_file_that_is_named_after_its_task(file, repo):
    assert read(FORM, document(entry("x", "ls")), file).repo == repo


def test_documents_put_together_again(data):
    counts = {}
    for path in sorted((data / "trajectories" / "swe_agent").glob("*.traj")):
        (each,) = sample(path)
        trajectory = read(FORM, each.data, each.source)
        counts[next(name for name in STEPS if path.name.startswith(name))] = len(trajectory.steps)
        history = [m for m in each.data["history"] if not m.get("is_demo")]
        if entries := each.data.get("trajectory"):
            expected = [(k, e[v]) for e in entries for k, v in (("said", "response"), ("answer", "observation"))]
        else:
            entries, expected = [m for m in history if m["role"] == "assistant"], spoken(history)
        assert replay(trajectory) == expected
        assert [step.action for step in trajectory.steps] == [e["action"].strip() for e in entries]
        assert trajectory.system == history[0]["content"]
        assert trajectory.problem == history[1]["content"]
        assert len(trajectory.meta.get("demonstration", [])) == ("tests__" in path.name)
        native = "function_calling" in path.name
        assert all((step.call is not None) == native for step in trajectory.steps)
        if native:
            calls = [c for m in history for c in m.get("tool_calls") or ()]
            assert [json.loads(step.call) for step in trajectory.steps] == calls
    assert counts == STEPS


def test_nebius_rows_put_together_again(data):
    counts = []
    for each in sample(data / "trajectories" / "nebius_swe_agent.jsonl"):
        trajectory = read(FORM, each.data)
        counts.append(len(trajectory.steps))
        assert replay(trajectory) == spoken(each.data["trajectory"])
        assert trajectory.system == each.data["trajectory"][0]["system_prompt"]
        assert trajectory.problem == each.data["trajectory"][1]["text"]
        assert trajectory.meta["model"] == "swe-agent-llama-70b"
        assert trajectory.verified is True
    assert counts == [6, 14]


def test_nebius_turns_act_by_their_last_block():
    def nebius(*texts):
        messages = [{"role": "user", "text": "problem"}]
        for text in texts:
            messages += [{"role": "ai", "text": text}, {"role": "user", "text": "out"}]
        return {"trajectory": messages, "target": False}

    trajectory = read(FORM, nebius("a\n```\nls\n```\nb\n```\npwd\n```", "done\n```\nsubmit\n```"))
    assert [step.action for step in trajectory.steps] == ["pwd", "submit"]
    assert trajectory.verified is False
    assert reason(FORM, nebius("prose", "```\nls\n```")) == DropReason.TURN_WITHOUT_ACTION
    assert reason(FORM, nebius("```\n\n```")) == DropReason.EMPTY_ACTION


@given(st.text(), st.text(), st.text().filter(str.strip), st.sampled_from(["```\n", "\n<command>\n", ""]), st.text())
def test_any_response_is_put_together_again(thought, other, action, markup, after):
    for response in (thought + markup + action + after, other, thought):
        step = located(response, thought, action, None)
        assert (step.text, step.action) == (response, action.strip())


def test_rows_of_other_kinds():
    for data in (
        {},
        {"trajectory": []},
        {"trajectory": [{"role": "user", "content": "x"}]},
        {"history": [{"action": "run", "args": {}, "source": "agent"}]},
        {"messages": [{"role": "assistant", "content": "x", "action": "ls"}]},
    ):
        assert not FORM.matches(row(data))
        assert reason(FORM, data) == DropReason.MISSING_COLUMN
    assert not fenced.FORM.matches(row(document(entry("```\nls\n```", "ls"))))
