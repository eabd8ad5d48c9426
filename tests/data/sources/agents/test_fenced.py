"""Commands in fences: which block is the action, real turns put together again."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.data.sources.agent_samples import read, reason, row
from tests.data.sources.agents.test_xml_calls import chat
from treadle.data.sources.agents.fenced import FORM, blocks
from treadle.data.sources.report import DropReason


def contents(text):
    return [text[block.content : block.close] for block in blocks(text)]


def test_a_trajectory_by_hand():
    data = chat(("I look.\n\n```\nls -F\n```\n", "out"), ("```bash\n  cat x\n\n```", "x"), ("Done.",))
    first, second = read(FORM, data).steps
    assert (first.thought, first.before, first.action, first.after) == ("I look.", "\n\n```\n", "ls -F", "\n```\n")
    assert (second.thought, second.before, second.action, second.after) == (None, "```bash\n  ", "cat x", "\n\n```")
    assert (first.observation, second.observation) == ("out", "x")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("```\nls\n```", ["ls\n"]),
        ("a\n```bash\nls\n```\nb\n```\npwd\n```", ["ls\n", "pwd\n"]),
        ("```\n```", [""]),
        ("```\ncat <<E\n```python\nx\n```\nE\n```", ["cat <<E\n```python\nx\n```\nE\n"]),
        ("```bash  \r\nls\r\n```\r\n", ["ls\r\n"]),
        ("```\nls", []),
        ("text ```\nls\n```", []),
        ("```ls```", []),
        ("```sh -x\nls\n```", []),
        (" ```\nls\n ```", []),
        ("````\nls\n````\n```\nls\n```", ["ls\n````\n```\nls\n"]),
    ],
)
def test_blocks(text, expected):
    assert contents(text) == expected


def reference(text):
    """The rule of the docstring, line by line."""
    found, opened = [], []
    lines = text.split("\n")
    for k, line in enumerate(lines):
        words = line[3:].split()
        if not line.startswith("```") or len(words) > 1 or (words and line[3].isspace()):
            continue
        if opened and not words:
            start = opened.pop()
            if not opened:
                found.append("".join(each + "\n" for each in lines[start + 1 : k]))
        else:
            opened.append(k)
    return found


FENCES = st.lists(st.sampled_from(["```", "```bash", "\n", "x", " ", "```\n", "\n```\n", "`"])).map("".join)


@given(FENCES)
def test_blocks_are_those_of_the_rule(text):
    assert contents(text) == reference(text)


def test_of_several_blocks_the_one_with_the_label_of_the_others():
    single = ("```bash\nls\n```", "out")
    several = ("```python\nx = 1\n```\nso\n```bash\npwd\n```", "out")
    steps = read(FORM, chat(single, several)).steps
    assert [step.action for step in steps] == ["ls", "pwd"]
    assert steps[1].thought == "```python\nx = 1\n```\nso"
    two = ("```bash\nls\n```\n```bash\npwd\n```", "out")
    none = ("```python\nx\n```\n```python\ny\n```", "out")
    for data in (chat(single, two), chat(single, none), chat(several)):
        assert reason(FORM, data) == DropReason.SEVERAL_ACTIONS


def test_turns_without_command():
    turn = ("```\nls\n```", "out")
    assert reason(FORM, chat(turn, ("prose", "<output>\nx</output>"), turn)) == DropReason.TURN_WITHOUT_ACTION
    assert reason(FORM, chat(("```\n\n```", "out"))) == DropReason.EMPTY_ACTION
    assert read(FORM, chat(turn, ("Done.",))).meta["epilogue"] == "Done."


def test_questions_with_an_answer_are_no_trajectories(data):
    assert not FORM.matches(row(chat(("```python\nprint(1)\n```",))))
    assert not FORM.matches(row(chat(("So $x = 1$.", "thanks"), ("You are welcome.",))))
    assert not FORM.matches(row({"problem": "x", "solution": "```\nls\n```"}))
    assert FORM.matches(row(chat(("```python\nprint(1)\n```", "1"))))


def test_turns_of_real_rows_as_plain_chat(data):
    """Responses and observations of SWE-agent's documents, as chat: what was cut out equals SWE-agent's own field."""
    compared = 0
    for path in (data / "trajectories" / "swe_agent").glob("*.traj"):
        entries = json.loads(path.read_text()).get("trajectory", [])
        fenced = [e for e in entries if "\n```" in e["response"]]
        if not fenced or not FORM.matches(row(chat(*((e["response"], e["observation"]) for e in fenced)))):
            continue
        steps = read(FORM, chat(*((e["response"], e["observation"]) for e in fenced))).steps
        for step, entry in zip(steps, fenced, strict=True):
            assert step.text == entry["response"]
            assert step.observation == entry["observation"]
            assert step.action == entry["action"].strip()
            compared += 1
    assert compared > 30


@given(
    prose=st.text().filter(lambda text: "```" not in text),
    command=st.text().filter(lambda text: "```" not in text and text.strip()),
    label=st.sampled_from(["", "bash", "é"]),
    after=st.sampled_from(["", "\n", "\nok"]),
    answer=st.text(),
)
def test_any_command_is_found_and_put_together_again(prose, command, label, after, answer):
    said = f"{prose}\n```{label}\n{command}\n```{after}"
    data = {"messages": [*chat((said,))["messages"], {"role": "tool", "content": answer}]}
    (step,) = read(FORM, data).steps
    assert (step.action, step.text, step.observation) == (command.strip(), said, answer)
    assert step.thought == (prose.rstrip() or None)
