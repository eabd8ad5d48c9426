"""Where think blocks stand, in texts made for it and in the turns of real agents."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from treadle.data.sources import read_trajectories
from treadle.evaluate.behaviours import Behaviour, detect_interleaving, layout
from treadle.scoring.thoughts import ThoughtTags


@pytest.mark.parametrize(
    ("text", "blocks"),
    [
        ("1. Add.<think>carry</think>2. Carry.", ["<think>carry</think>"]),
        ("<think>plan</think>1. Add.<think>carry</think>2. Carry.", ["<think>carry</think>"]),
        ("plan</think>1. Add.<think>carry</think>2. Carry.", ["<think>carry</think>"]),
        ("1.<think>a</think>2.<think>b</think>3.", ["<think>a</think>", "<think>b</think>"]),
        ("1.<think>a</think> \n<think>b</think>3.", ["<think>a</think>", "<think>b</think>"]),
        ("<think>plan</think>1. Add.", []),
        ("1. Add.<think>never closed", []),
        ("1. Add.<think>checks</think>\n\n**", []),
        ("no blocks at all", []),
        ("", []),
    ],
)
def test_blocks_between_visible_parts(text, blocks):
    assert [text[d.start : d.end] for d in detect_interleaving(text)] == blocks


def test_position_is_the_share_of_the_visible_text_before():
    (found,) = detect_interleaving("12<think>a long thought that does not count</think>345678")
    assert found.behaviour is Behaviour.INTERLEAVING
    assert found.position == 2 / 8


def test_visible_parts():
    assert layout("a<think>x</think>b<think>y").visible == ("a", "b", "")
    assert layout("x</think>b").visible == ("", "b")
    assert layout("b").visible == ("b",)


@given(st.lists(st.sampled_from(["<think>", "</think>", "a", " ", "b\n"]), max_size=12).map("".join))
def test_blocks_and_visible_parts_are_the_text(text):
    found = layout(text)
    parts = [text[low:high] for low, high in found.blocks]
    put_together = "".join(v + b for v, b in zip(found.visible, [*parts, ""], strict=True))
    assert put_together == text


def test_agents_that_think_before_each_step_interleave(data):
    """All thoughts but the first stand between two actions, if the first step begins with one."""
    trajectory = next(iter(read_trajectories(data / "trajectories" / "mini_swe_agent.traj.json", keep_unverified=True)))
    assert all(step.thought and step.thought.strip() for step in trajectory.steps)
    text = "".join(f"<think>{step.thought}</think>{step.action}\n" for step in trajectory.steps)
    assert len(detect_interleaving(text)) == len(trajectory.steps) - 1


def test_a_runs_own_tags_and_a_block_that_the_prompt_opened():
    tags = ThoughtTags("[T]", "[/T]")
    text = "12[T]a[/T]34<think>b</think>56"
    assert [text[d.start : d.end] for d in detect_interleaving(text, tags)] == ["[T]a[/T]"]
    assert layout("a<think>b", ThoughtTags(block="opened")).visible == ("", "")
    assert layout("x</think>b<think>y", ThoughtTags(block="opened")).visible == ("", "b", "")
