"""The exact reward: what evaluation calls the same action, and nothing else."""

from __future__ import annotations

import pytest

from treadle import exact_reward
from treadle.scoring.calls import call_text
from treadle.scoring.exact import is_exact

LS = call_text("bash", {"command": "ls"})


@pytest.mark.parametrize(
    ("action", "expert", "bare", "expected"),
    [
        ("2 pens", "2 pens", False, True),
        ("2  pens", "2 pens", False, False),
        ("```bash\nls a/b\n```", "ls a/b", True, True),
        ("I look.\n" + LS, LS, False, True),
        ('<tool_call>{"name": "bash", "arguments": {"command": "ls"}}</tool_call>', LS, False, True),
        (call_text("bash", {"command": "ls -a"}), LS, False, False),
        ("", "ls", True, False),
        ("```\nls\n```", "ls", False, False),  # mathematics has no commands
    ],
)
def test_the_same_is_what_evaluation_calls_the_same(action, expert, bare, expected):
    assert is_exact(action, expert, bare) is expected


def test_of_a_batch_with_its_domains_and_faults():
    told = {}
    rewards = exact_reward(
        ["<think>a</think>1", "<think>a</think>2", "<think>a</think>```\nls\n```", "1", "<think>a</think>```\nls\n```"],
        ["1", "1", "ls", "1", "ls"],
        domain=["math", "math", "agent", "math", None],
        log_metric=told.__setitem__,
    )
    assert rewards == [1.0, 0.0, 1.0, -1.0, 0.0]
    assert (told["exact"], told["format/no_think_block"]) == (0.5, 0.2)
