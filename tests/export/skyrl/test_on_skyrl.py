"""Exports against the real SkyRL, in its own Python: SKYRL_PYTHON, which `make skyrl-test` makes and sets."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

from tests.export.job import check_rewards, completions, exported, rows_of, tokenizers
from treadle.chat.chat import Chat
from treadle.export.skyrl.engine import SKYRL

PYTHON = os.environ.get("SKYRL_PYTHON")
pytestmark = pytest.mark.skipif(not PYTHON, reason="needs SkyRL in an environment of its own: make skyrl-test")
ROOT = Path(__file__).parents[3]

FLAT, FAULTS, RIGHT, WRONG = [0.4] * 4, [-1.0] * 4, [1.0] * 4, [0.0] * 4
NARROW, WIDE, LOW = [0.300, 0.316, 0.300, 0.316], [0.0, 1.0, 0.0, 1.0], [0.30, 0.34, 0.30, 0.34]
GROUPS = {
    "a full batch in the second round": {
        "rounds": [[(1, NARROW), (2, WIDE)], [(3, FAULTS), (4, LOW)], [(5, WIDE), (6, WIDE)]],
        "groups": [2, 4],
        "live": [True, True],
        "counts": {"rounds": 2, "kept_groups": 2, "sampled_groups": 4, "dropped/low_spread": 1},
        "own": [1, 2],  # a spread of 0.008 is above zero
    },
    "the cap, and the step is smaller": {
        "rounds": [[(1, WIDE), (2, FLAT)], [(3, WRONG), (4, NARROW)]],
        "groups": [1, 4],
        "live": [True, False],
        "counts": {"rounds": 2, "kept_groups": 1, "missing_groups": 1, "dropped/all_wrong": 1, "dropped/low_spread": 2},
        "own": [1],
    },
    "filled up with the widest spread of the rest": {
        "rounds": [[(1, FLAT), (2, NARROW)]],
        "settings": {"when_short": "fill"},
        "groups": [1, 2],
        "live": [True, True],
        "counts": {"rounds": 1, "kept_groups": 2, "missing_groups": 2},
        "own": [2],
    },
    "surplus is discarded": {
        "rounds": [[(1, WIDE), (2, RIGHT)], [(3, LOW), (4, WIDE)]],
        "groups": [1, 3],
        "live": [True, True],
        "counts": {"rounds": 2, "discarded_surplus_groups": 1, "dropped/all_right": 1},
        "own": [1],
    },
    "nothing is kept": {
        "rounds": [[(1, [0.1, 0.3, 0.1, 0.3]), (2, FLAT)]],
        "settings": {"floor": 0.5},
        "groups": [1, 2],
        "live": [False, False],
        "counts": {"rounds": 1, "kept_groups": 0, "dropped/all_poor": 1, "dropped/low_spread": 1},
        "own": [1],
    },
    "stop": {
        "rounds": [[(1, WIDE), (2, FLAT)]],
        "settings": {"when_short": "stop"},
        "said": "1 of 2 groups carry a signal after 1 sampling rounds of 2 groups (dropped: low_spread 1)",
    },
}


@pytest.fixture(scope="module", params=["special", "qwen"])
def answered(request, expert_trajectories, tmp_path_factory):
    """Folder, tokenizer, job and SkyRL's answers."""
    folder = tmp_path_factory.mktemp(request.param)
    tokenizer = tokenizers(request.param, request.param == "qwen" and request.getfixturevalue("data"))
    _, out = exported(folder, tokenizer, expert_trajectories, SKYRL)
    asked = completions(tokenizer, out, SKYRL.columns)
    rest = ("data_source", "reward_spec", "extra_info", "ability")
    job = {
        "arguments": arguments(out, folder),
        "completions": [{**each, "extra": {name: each[name] for name in rest}} for each in asked],
        "groups": [{"settings": {}, "cap": min(2, len(case["rounds"])), **case} for case in GROUPS.values()],
        "advantages": [WIDE, LOW, [-1.0, 0.2, 0.2, 0.2]],
    }
    (folder / "job.json").write_text(json.dumps(job))
    script = Path(__file__).parent / "on_skyrl.py"
    run([PYTHON, str(script), str(folder / "job.json"), str(folder / "result.json")], PYTHONPATH=str(ROOT))
    return out, tokenizer, job, json.loads((folder / "result.json").read_text())


def arguments(out, folder):
    """What train.sh gives to SkyRL."""
    python = folder / "python"
    python.write_text("#!/bin/bash\nshift 2\nprintf '%s\\0' \"$@\"\n")
    python.chmod(0o755)
    return run(["bash", str(out / "1-srl" / "train.sh")], PYTHON=str(python)).split("\0")[:-1]


def run(words, **variables):
    done = subprocess.run(
        words, env={**os.environ, **variables}, capture_output=True, text=True, timeout=1200, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def test_skyrls_classes_take_the_whole_configuration(answered):
    out, tokenizer, _, result = answered
    trainer, generator = result["config"]["trainer"], result["config"]["generator"]
    assert trainer["train_batch_size"] == trainer["policy_mini_batch_size"] == 8
    assert trainer["policy"]["optimizer_config"]["lr"] == 5e-7
    assert (trainer["max_training_steps"], trainer["eval_interval"]) == (3, 2)
    assert (trainer["algorithm"]["eps_clip_low"], trainer["algorithm"]["eps_clip_high"]) == (0.2, 0.28)
    assert trainer["algorithm"]["dynamic_sampling"] == {
        "type": "filter",
        "max_sample_batches": 4,
        "min_replace_ratio": 0.3,
    }
    assert generator["sampling_params"]["additional_kwargs"] == {"stop_token_ids": sorted(Chat(tokenizer).ends)}
    assert generator["eval_sampling_params"]["temperature"] == 1.0
    assert result["config"]["data"]["val_data"] == [str(out / "1-srl" / "validation.parquet")]
    assert result["config"]["treadle"]["weights"] == {"srl_reward": 1.0}


def test_skyrls_data_set_has_treadles_rows_and_its_generator_treadles_tokens(answered):
    out, tokenizer, _, result = answered
    chat, rows = Chat(tokenizer), rows_of(out)
    assert len(rows) > 30
    assert result["rows"] == [{**row, "uid": str(number)} for number, row in enumerate(rows)]
    assert result["prompts"] == chat.prompts([row["prompt"] for row in rows])


def test_200_completions_earn_exactly_treadles_rewards(answered):
    asked, found = answered[2]["completions"], answered[3]["completions"]
    assert found["response_ids"] == [completion["ids"] for completion in asked]
    assert found["loss_masks"] == [[1] * len(completion["ids"]) for completion in asked]
    for rewards in found["rewards"]:
        assert not any(rewards[:-1])  # all of it is at the last token
    check_rewards(asked, [rewards[-1] for rewards in found["rewards"]], found["env_metrics"])


def test_skyrls_metrics_have_shares_of_faults_and_verdicts(answered):
    asked, found = answered[2]["completions"], answered[3]["completions"]
    metrics, infos = found["rollout_metrics"], found["env_metrics"]
    assert metrics["environment/avg_truncated"] == sum(completion["cut"] for completion in asked) / 200
    faulty = sum(info["format_fault"] != "" for info in infos)
    shares = [value for name, value in metrics.items() if name.startswith("environment/avg_format_fault/")]
    assert len(shares) > 5
    assert sum(shares) == pytest.approx(faulty / 200)
    formed = [info["similarity"] for info in infos if not info["format_fault"] and not info["verdict"]]
    assert metrics["environment/avg_similarity"] == pytest.approx(np.mean(formed))
    assert metrics["environment/avg_verdict/right"] == sum(info["verdict"] == "right" for info in infos) / 200


@pytest.mark.parametrize("name", GROUPS)
def test_the_trainer_keeps_treadles_groups_and_counts_the_others(answered, name):
    case, found = GROUPS[name], answered[3]["groups"][list(GROUPS).index(name)]
    if "said" in case:
        assert case["said"] in found["said"]
        return
    assert (found["groups"], found["live"], found["own"]) == (case["groups"], case["live"], case["own"])
    of = {number: scores for told in case["rounds"] for number, scores in told}
    assert found["rewards"] == [score for number in case["groups"] for score in of[number]]
    assert found["boundaries"] == [[0, 4], [4, 8]]  # as SkyRL cuts two updates of it
    assert {name: found["metrics"][f"sampling/{name}"] for name in case["counts"]} == case["counts"]
    assert found["rounds"] == case["counts"]["rounds"]
    assert found["again"]  # the next step begins anew


def test_skyrls_advantages_are_treadles_but_for_the_divisor(answered):
    groups_PG = np.array(answered[2]["advantages"])
    found_PG = np.array(answered[3]["advantages"]).reshape(groups_PG.shape)
    centred_PG, spread_P1 = groups_PG - groups_PG.mean(1, keepdims=True), groups_PG.std(1, ddof=1, keepdims=True)
    np.testing.assert_allclose(found_PG, centred_PG / (spread_P1 + 1e-6), rtol=1e-4)
    np.testing.assert_allclose(found_PG, centred_PG / (spread_P1 + 1e-4), rtol=0.01)  # as TRL divides
