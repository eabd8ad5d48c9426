"""Exports against the real verl, piece by piece, in its own Python (`verl_runs`)."""

from __future__ import annotations

import json
import random

import numpy as np
import pytest
from transformers import AutoTokenizer

from tests.chat.tokenizers import TEMPLATES, byte_tokenizer
from tests.export.verl_runs import PYTHON, ROOT, exported_world, needs_verl, rows_of, run_verl
from treadle.chat.chat import Chat
from treadle.scoring.completion import FormatFault, parse_completion
from treadle.scoring.rewards import final_answer_reward, srl_reward

pytestmark = needs_verl

STAGE = {
    "kind": "srl",
    "prompts_per_step": 8,
    "rollouts": 4,
    "micro_batch": 4,
    "max_steps": 3,
    "clip_high": 0.28,
    "validate_every": 2,
    "validation": "answers",
}
FORMS = {
    None: "<think>a thought</think>{}",
    FormatFault.NO_THINK_BLOCK: "{}",
    FormatFault.SEVERAL_THINK_BLOCKS: "<think>a</think><think>b</think>{}",
    FormatFault.TEXT_BEFORE_THINK: "so <think>a</think>{}",
    FormatFault.EMPTY_THOUGHT: "<think> </think>{}",
    FormatFault.EMPTY_ACTION: "<think>a</think> ",
}
GROUPS = (
    # a full batch in the second round: two of the first three groups teach nothing
    {
        "wanted": 3,
        "settings": {"refill": "missing"},
        "groups": [
            ("flat", [0.4, 0.4, 0.4, 0.4]),
            ("keep0", [0.1, 0.9, 0.1, 0.9]),
            ("faults", [-1.0] * 4),
            ("right", [1.0] * 4),
            ("keep1", [0.30, 0.34, 0.30, 0.34]),  # a spread of 0.02
            ("keep2", [-1.0, 0.2, 0.2, 0.2]),
            ("never", [0.0, 1.0, 0.0, 1.0]),
        ],
        "kept": ["keep0", "keep1", "keep2"],
        "counts": {"low_spread": 1, "all_format_faults": 1, "all_right": 1, "rounds": 3, "missing": 0, "sampled": 6},
    },
    # the cap: a threshold that is not reached (0.008 is no 0.01), and the step is smaller
    {
        "wanted": 2,
        "settings": {"max_rounds": 2},
        "groups": [
            ("narrow", [0.300, 0.316, 0.300, 0.316]),
            ("keep0", [0.0, 1.0, 0.0, 1.0]),
            ("wrong", [0.0] * 4),
            ("never", [0.0, 1.0, 0.0, 1.0]),
        ],
        "kept": ["keep0"],
        "counts": {"low_spread": 1, "all_wrong": 1, "rounds": 2, "missing": 1, "sampled": 3},
    },
    # filled up with the widest spread of the rest
    {
        "wanted": 2,
        "settings": {"max_rounds": 1, "when_short": "fill"},
        "groups": [("narrow", [0.300, 0.316, 0.300, 0.316]), ("flat", [0.4] * 4)],
        "kept": ["narrow", "flat"],
        "counts": {"low_spread": 2, "rounds": 1, "missing": 2, "sampled": 2},
    },
    # surplus is discarded
    {
        "wanted": 2,
        "settings": {"refill": "full"},
        "groups": [
            (f"keep{number}", [0.0, 1.0, 0.5, 0.5]) if number != 1 else ("flat", [0.4] * 4) for number in range(5)
        ],
        "kept": ["keep0", "keep2"],
        "counts": {"low_spread": 1, "rounds": 2, "missing": 0, "sampled": 4, "surplus": 1},
    },
    # nothing is kept: a step without rewards, as verl makes none of nothing
    {
        "wanted": 2,
        "settings": {"max_rounds": 1, "floor": 0.5},
        "groups": [("poor", [0.1, 0.3, 0.1, 0.3]), ("flat", [0.4] * 4)],
        "kept": ["flat"],
        "muted": True,
        "counts": {"low_spread": 1, "all_poor": 1, "rounds": 1, "missing": 2, "sampled": 2},
    },
)
# Ratios below, within and above what is clipped (0.8 to 1.28), for advantages of both signs; the last token is padding.
LOSS = {
    "ratios": [[0.5, 0.9, 1.2, 2.0], [1.5, 6.0, 0.7, 1.0]],
    "advantages": [[1.0, 1.0, 1.0, 1.0], [-1.0, -2.0, -1.0, 3.0]],
    "mask": [[True, True, True, True], [True, True, True, False]],
}
_NAMES = {
    "rounds": "rounds",
    "missing": "missing_groups",
    "sampled": "sampled_groups",
    "surplus": "discarded_surplus_groups",
}


def tokenizers(name, data):
    """Qwen2.5's, and one whose thought tags are special tokens."""
    if name == "qwen":
        return AutoTokenizer.from_pretrained(data / "tokenizer" / "qwen2.5")
    return byte_tokenizer(TEMPLATES["qwen2_5"], special=("<think>", "</think>"))


@pytest.fixture(scope="module", params=["special", "qwen"])
def exported(request, expert_trajectories, tmp_path_factory):
    """Folder, job and verl's answers."""
    folder = tmp_path_factory.mktemp(request.param)
    tokenizer = tokenizers(request.param, request.param == "qwen" and request.getfixturevalue("data"))
    tokenizer.save_pretrained(folder / "model")
    _, out = exported_world(folder, expert_trajectories, STAGE)
    config = run_verl(["bash", str(out / "1-srl" / "train.sh"), "--cfg", "job", "--resolve"])
    (folder / "config.yaml").write_text(config.stdout)
    job = {
        "config": str(folder / "config.yaml"),
        "completions": completions(tokenizer, out),
        "groups": GROUPS,
        "loss": LOSS,
        "advantages": [[0.1, 0.9, 0.1, 0.9], [0.30, 0.34, 0.30, 0.34], [-1.0, 0.2, 0.2, 0.2]],
    }
    (folder / "job.json").write_text(json.dumps(job))
    run_verl([PYTHON, str(ROOT / "tests/export/on_verl.py"), str(folder / "job.json"), str(folder / "result.json")])
    return out, tokenizer, job, config, json.loads((folder / "result.json").read_text())


def completions(tokenizer, out):
    """160 of steps and 40 of whole problems: each fault, with other tokens than text in them, whole and cut off."""
    chat, draw = Chat(tokenizer), random.Random(0)
    found = []
    steps, answers = rows_of(out), rows_of(out, "validation")
    for number in range(200):
        row = draw.choice(answers if number % 5 == 4 else steps)
        truth = row["reward_model"]["ground_truth"]
        fault = list(FORMS)[number % len(FORMS)]
        action = draw.choice([truth, truth[: len(truth) // 2], truth[::-1], f"\\boxed{{{truth}}}", "no"])
        text, cut, special = FORMS[fault].format(action), number % 7 == 3, number % 3 == 1
        ids = tokenizer(text, add_special_tokens=False)["input_ids"]
        ids = ids[:-1] + [tokenizer.convert_tokens_to_ids("<|endoftext|>")] * special + ids[-1:]
        ids += [] if cut else chat.end[-1:]
        columns = {name: row[name] for name in ("data_source", "reward_model", "extra_info")}
        found.append({"ids": ids, "text": text, "cut": cut, "fault": fault, **columns})
    return found


def test_hydra_composes_without_a_warning_of_its_own(exported):
    _, _, _, config, result = exported
    warned = [line for line in config.stderr.splitlines() if "arn" in line]
    assert [line for line in warned if "accelerator" not in line and "PlatformCUDA" not in line] == []
    assert result["needs"] == [
        False,
        False,
    ]  # neither a reference policy nor a critic: what verl has checked its batches by


def test_verls_data_set_has_treadles_rows_and_its_agent_loop_treadles_tokens(exported):
    out, tokenizer, _, _, result = exported
    chat, rows = Chat(tokenizer), rows_of(out)
    assert len(result["prompts"]) == len(rows) > 30
    assert [row["ids"] for row in result["prompts"]] == chat.prompts([row["prompt"] for row in rows])
    for name in ("data_source", "ability", "reward_model", "extra_info"):
        assert [row[name] for row in result["prompts"]] == [row[name] for row in rows]
    assert [row["index"] for row in result["prompts"]] == list(range(len(rows)))


def test_200_completions_earn_exactly_treadles_rewards(exported):
    job, result = exported[2], exported[4]
    found = set()
    for completion, answer in zip(job["completions"], result["rewards"], strict=True):
        truth, cut, text = completion["reward_model"]["ground_truth"], completion["cut"], completion["text"]
        info = answer["reward_extra_info"]
        if completion["data_source"] == "treadle/answer":
            assert answer["reward_score"] == final_answer_reward([text], [truth])[0]
            found.add(info["verdict"])
            continue
        assert answer["reward_score"] == srl_reward([text], [truth], truncated=[cut])[0]
        parsed = parse_completion(text, truncated=cut)
        assert info["format_fault"] == (parsed if isinstance(parsed, FormatFault) else "")
        assert info["truncated"] == cut
        assert info["reward/srl_reward"] == info["score"] == answer["reward_score"]
        assert info["similarity"] == (0 if isinstance(parsed, FormatFault) else answer["reward_score"])
        found.add(info["format_fault"])
    assert {"", *FormatFault, "right", "no_answer"} <= found


@pytest.mark.parametrize("number", range(len(GROUPS)))
def test_the_replay_buffer_keeps_treadles_groups_and_counts_the_others(exported, number):
    case, found = GROUPS[number], exported[4]["groups"][number]
    assert list(dict.fromkeys(key.split("_")[0] for key in found["keys"])) == case["kept"]
    assert len(found["keys"]) == 4 * len(case["kept"])
    of = dict(case["groups"])
    expected = [score for uid in case["kept"] for score in of[uid]]
    assert found["scores"] == pytest.approx([0.0] * len(expected) if case.get("muted") else expected)
    assert sorted(found["left"]) == sorted(found["keys"])  # what was dropped is gone from the queue
    counted = {
        name: found["metrics"][f"training/sampling/{_NAMES.get(name, f'dropped/{name}')}"] for name in case["counts"]
    }
    assert counted == case["counts"]


def test_verls_advantages_are_treadles_but_for_the_divisor(exported):
    groups_PG = np.array(exported[2]["advantages"])
    found_PG = np.array(exported[4]["advantages"]).reshape(groups_PG.shape)
    centred_PG, spread_P1 = groups_PG - groups_PG.mean(1, keepdims=True), groups_PG.std(1, ddof=1, keepdims=True)
    np.testing.assert_allclose(found_PG, centred_PG / (spread_P1 + 1e-6), rtol=1e-4)
    np.testing.assert_allclose(found_PG, centred_PG / (spread_P1 + 1e-4), rtol=0.01)  # as TRL divides


def test_verls_loss_is_clipped_as_trls_and_no_further(exported):
    # The worse of the ratio and the clipped one: 2 counts as 1.28, and where the advantage is negative 0.7 as 0.8.
    assert exported[4]["loss"] == pytest.approx((-(0.5 + 0.9 + 1.2 + 1.28) + 1.5 + 2 * 6 + 0.8) / 7)
