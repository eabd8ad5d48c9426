"""Exports against the real verl, piece by piece, in its own Python (`verl_runs`)."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.export.job import check_rewards, completions, exported, rows_of, tokenizers
from tests.export.verl.processes import PYTHON, needs_verl, run_verl
from treadle.chat.chat import Chat
from treadle.export.verl.engine import VERL

pytestmark = needs_verl

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


@pytest.fixture(scope="module", params=["special", "qwen"])
def answered(request, expert_trajectories, tmp_path_factory):
    """Folder, job and verl's answers."""
    folder = tmp_path_factory.mktemp(request.param)
    tokenizer = tokenizers(request.param, request.param == "qwen" and request.getfixturevalue("data"))
    _, out = exported(folder, tokenizer, expert_trajectories, VERL)
    config = run_verl(["bash", str(out / "1-srl" / "train.sh"), "--cfg", "job", "--resolve"])
    (folder / "config.yaml").write_text(config.stdout)
    job = {
        "config": str(folder / "config.yaml"),
        "completions": completions(tokenizer, out, VERL.columns),
        "groups": GROUPS,
        "loss": LOSS,
        "advantages": [[0.1, 0.9, 0.1, 0.9], [0.30, 0.34, 0.30, 0.34], [-1.0, 0.2, 0.2, 0.2]],
    }
    (folder / "job.json").write_text(json.dumps(job))
    run_verl([PYTHON, str(Path(__file__).parent / "on_verl.py"), str(folder / "job.json"), str(folder / "result.json")])
    return out, tokenizer, job, config, json.loads((folder / "result.json").read_text())


def test_hydra_composes_without_a_warning_of_its_own(answered):
    _, _, _, config, result = answered
    warned = [line for line in config.stderr.splitlines() if "arn" in line]
    assert [line for line in warned if "accelerator" not in line and "PlatformCUDA" not in line] == []
    assert result["needs"] == [
        False,
        False,
    ]  # neither a reference policy nor a critic: what verl has checked its batches by


def test_verls_data_set_has_treadles_rows_and_its_agent_loop_treadles_tokens(answered):
    out, tokenizer, _, _, result = answered
    chat, rows = Chat(tokenizer), rows_of(out)
    assert len(result["prompts"]) == len(rows) > 30
    assert [row["ids"] for row in result["prompts"]] == chat.prompts([row["prompt"] for row in rows])
    for name in ("data_source", "ability", "reward_model", "extra_info"):
        assert [row[name] for row in result["prompts"]] == [row[name] for row in rows]
    assert [row["index"] for row in result["prompts"]] == list(range(len(rows)))


def test_200_completions_earn_exactly_treadles_rewards(answered):
    answers = answered[4]["rewards"]
    infos = [answer["reward_extra_info"] for answer in answers]
    assert [info["score"] for info in infos] == [answer["reward_score"] for answer in answers]
    check_rewards(answered[2]["completions"], [info["score"] for info in infos], infos)


@pytest.mark.parametrize("number", range(len(GROUPS)))
def test_the_replay_buffer_keeps_treadles_groups_and_counts_the_others(answered, number):
    case, found = GROUPS[number], answered[4]["groups"][number]
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


def test_verls_advantages_are_treadles_but_for_the_divisor(answered):
    groups_PG = np.array(answered[2]["advantages"])
    found_PG = np.array(answered[4]["advantages"]).reshape(groups_PG.shape)
    centred_PG, spread_P1 = groups_PG - groups_PG.mean(1, keepdims=True), groups_PG.std(1, ddof=1, keepdims=True)
    np.testing.assert_allclose(found_PG, centred_PG / (spread_P1 + 1e-6), rtol=1e-4)
    np.testing.assert_allclose(found_PG, centred_PG / (spread_P1 + 1e-4), rtol=0.01)  # as TRL divides


def test_verls_loss_is_clipped_as_trls_and_no_further(answered):
    # The worse of the ratio and the clipped one: 2 counts as 1.28, and where the advantage is negative 0.7 as 0.8.
    assert answered[4]["loss"] == pytest.approx((-(0.5 + 0.9 + 1.2 + 1.28) + 1.5 + 2 * 6 + 0.8) / 7)
