"""Rewards of completions by their tokens, without an engine; and what engines import of treadle, without TRL."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.chat.tokenizers import TEMPLATES, byte_tokenizer
from treadle.errors import RewardError
from treadle.export.scorer import Scorer

SIMILARITY = {"function": "treadle.scoring.rewards:srl_reward", "weight": 1.0, "think_tags": "strict"}
ANSWER = {"function": "treadle.scoring.rewards:final_answer_reward", "weight": 1.0, "extract": "boxed"}
EXTRA = {"trajectory": "t", "step": 2, "thought_tags": ["<think>", "</think>", "none"], "contrast": None}


@pytest.fixture(params=[(), ("<think>", "</think>")], ids=["text", "special"])
def tokenizer(request):
    """Thought tags as text, and as special tokens, which other decoding leaves out."""
    return byte_tokenizer(TEMPLATES["qwen2_5"], special=request.param)


def scored(tokenizer, text, truth, source="treadle/step", end="<|im_end|>", steps=(SIMILARITY,), **extra):
    end_id = tokenizer.convert_tokens_to_ids("<|im_end|>")
    ids = tokenizer(text + end, add_special_tokens=False)["input_ids"]
    return Scorer(tokenizer, steps, [ANSWER], [end_id]).score(ids, source, truth, {**EXTRA, **extra})


def test_a_completion_with_its_end_earns_its_similarity(tokenizer):
    found = scored(tokenizer, "<think>so</think>abcd", "abcf")
    assert found.reward == 0.75  # 2 * 3 / 8
    assert found.info == {
        "similarity": 0.75,
        "truncated": 0.0,
        "format_fault": "",
        "verdict": "",
        "reward/srl_reward": 0.75,
    }


def test_one_without_its_end_was_cut_off(tokenizer):
    found = scored(tokenizer, "<think>so</think>abcd", "abcf", end="")
    assert (found.reward, found.info["format_fault"], found.info["truncated"]) == (-1.0, "truncated", 1.0)


def test_a_thought_that_the_prompt_opened_needs_no_opening_tag(tokenizer):
    opened = ["<think>", "</think>", "opened"]
    assert scored(tokenizer, "so</think>abcd", "abcd", thought_tags=opened).reward == 1.0
    assert scored(tokenizer, "so</think>abcd", "abcd").info["format_fault"] == "no_think_block"


def test_answers_are_graded(tokenizer):
    found = scored(tokenizer, r"<think>so</think>it is \boxed{0.5}", "1/2", "treadle/answer")
    assert (found.reward, found.info["verdict"]) == (1.0, "right")


def test_several_functions_are_weighted_and_told_apart(tokenizer):
    edit = {"function": "treadle.scoring.edit:edit_reward", "weight": 0.5}
    found = scored(tokenizer, "<think>so</think>abcd", "abcd", steps=(SIMILARITY, edit))
    assert found.reward == 1.5
    assert found.info["reward/edit_reward"] == found.info["reward/srl_reward"] == 1.0


def test_other_functions_than_treadles_are_refused(tokenizer):
    with pytest.raises(RewardError, match=r"expected a function of treadle\.scoring"):
        scored(tokenizer, "a", "b", steps=[{"function": "os:system", "weight": 1.0}])


def test_what_engines_import_needs_neither_trl_nor_transformers():
    code = """if True:
        import sys
        class Blocked:
            def find_spec(self, name, path=None, target=None):
                if name.partition(".")[0] in ("trl", "transformers", "accelerate", "datasets"):
                    raise ModuleNotFoundError(name)
        sys.meta_path.insert(0, Blocked())
        import treadle.export.sampling, treadle.export.scorer, treadle.export.skyrl, treadle.export.verl
        from treadle.scoring import edit, exact, margin, rewards, scaled
        print(rewards.srl_reward(["<think>a</think>abcd"], ["abcf"]))"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, "[0.75]"), done.stderr
