"""Dtypes, adapters, shared prefixes and floors."""

import json

import pytest
from transformers import GPT2Config

from tests.check.conftest import SFT, SRL
from treadle.check.adapters import lora
from treadle.check.data import data, floors, references, rewards
from treadle.check.numbers import dtype
from treadle.check.results import Status
from treadle.check.sampling import sampling
from treadle.check.sharing import prefix_tree, shared_rollout
from treadle.check.subject import Subject
from treadle.data.prepare import PrepareSettings, prepare
from treadle.data.prepared import Prepared
from treadle.data.sources.native import to_row


def only(found):
    (check,) = found
    return check.status, check.message


def test_the_dtypes_of_training_are_told(subject, tiny_folder, edit, monkeypatch):
    monkeypatch.setattr("treadle.check.numbers.multiplies_bfloat16", lambda: True)
    edit(tiny_folder / "config.json", dtype="bfloat16")
    message = only(dtype(subject(data=False)))[1]
    assert message == "saved in bfloat16; in training weights are kept in float32, computed in float32"
    message = only(dtype(subject(data=False, dtype="bfloat16", lora={"r": 2})))[1]
    assert message.endswith("weights are kept in bfloat16, the adapter in float32, computed in bfloat16")
    assert only(dtype(Subject(str(tiny_folder)))) == (Status.OK, "saved in bfloat16")


@pytest.mark.parametrize(("has", "status"), [(True, Status.OK), (False, Status.WARNING)])
def test_bfloat16_on_a_cpu_without_instructions_for_it_is_warned_of(subject, monkeypatch, has, status):
    monkeypatch.setattr("torch.accelerator.is_available", lambda: False)
    monkeypatch.setattr("treadle.check.numbers.multiplies_bfloat16", lambda: has)
    found, message = only(dtype(subject(data=False, dtype="bfloat16")))
    assert found is status
    assert ("set dtype: float32" in message) is not has
    assert only(dtype(subject(data=False, dtype="float32")))[0] is Status.OK


def test_quantised_weights_and_eight_bits_are_not_trained(subject, tiny_folder, edit):
    edit(tiny_folder / "config.json", dtype="float8_e4m3fn")
    status, message = only(dtype(subject(data=False)))
    assert status is Status.ERROR
    assert "saved in float8_e4m3fn, expected one of float32, bfloat16, float16" in message
    edit(tiny_folder / "config.json", quantization_config={"quant_method": "gptq", "bits": 4})
    status, message = only(dtype(subject(data=False)))
    assert status is Status.ERROR
    assert "quantised (gptq), which are not trained here" in message
    assert only(dtype(Subject(str(tiny_folder))))[0] is Status.WARNING


def test_an_adapter_says_what_it_trains(subject):
    assert list(lora(subject(data=False))) == []
    status, message = only(lora(subject(data=False, lora={"r": 2, "target_modules": ["q_proj"]})))
    assert status is Status.OK
    # Two layers of 32 x 32: A and B of rank 2.
    assert message.startswith(f"{2 * (32 * 2 + 2 * 32) / 1e6:,.2f} million")
    assert only(lora(subject(data=False, lora={"target_modules": ["x"]})))[0] is Status.ERROR


def test_sharing_applies_to_plain_models(subject, tiny_folder):
    it = subject(SFT, SRL, data=False)
    found = [*prefix_tree(it), *shared_rollout(it)]
    assert [(check.id, check.status) for check in found] == [
        ("prefix_tree.sft", Status.OK),
        ("prefix_tree.srl", Status.OK),
        ("shared_rollout.srl", Status.OK),
    ]
    assert only(shared_rollout(Subject(str(tiny_folder))))[0] is Status.OK


@pytest.mark.parametrize(
    ("trl", "tree", "rollout"),
    [
        ({"cast_lm_head_to_fp32": True}, "cast_lm_head_to_fp32 changes the head", "shared prompts"),
        ({"prefix_tree": False, "shared_rollout": False}, "switched off", "switched off"),
        ({"generation_kwargs": {"num_beams": 2}}, "shared prefixes", "num_beams=2 is not followed"),
        ({"generation_kwargs": {"max_new_tokens": 4}}, "shared prefixes", "shared prompts"),
    ],
)
def test_settings_that_forbid_sharing_are_named(subject, trl, tree, rollout):
    it = subject({**SRL, "trl": trl}, data=False)
    assert tree in only(prefix_tree(it))[1]
    assert rollout in only(shared_rollout(it))[1]


def test_fine_tuning_that_forbids_sharing_is_named(subject):
    status, message = only(prefix_tree(subject({**SFT, "trl": {"neftune_noise_alpha": 5}}, data=False)))
    assert status is Status.WARNING
    assert "neftune_noise_alpha adds noise to every token of every row" in message
    assert "switched off" in only(prefix_tree(subject({**SFT, "trl": {"prefix_tree": False}}, data=False)))[1]


def test_models_that_forbid_sharing_are_named(subject, tiny_folder):
    config = GPT2Config(n_layer=1, n_embd=8, n_head=2, vocab_size=50)
    (tiny_folder / "config.json").write_text(json.dumps(config.to_dict() | {"architectures": ["GPT2LMHeadModel"]}))
    status, message = only(prefix_tree(subject(data=False)))
    assert status is Status.WARNING
    assert "has no rotary positions. stages.srl.trl.prefix_tree=false silences this" in message


def test_answers_that_may_be_meant_otherwise_are_warned_of_before_rlvr(subject, expert_trajectories, tmp_path):
    rows = [to_row(trajectory) for trajectory in expert_trajectories[:4]]
    source = tmp_path / "rows.jsonl"
    source.write_text("".join(json.dumps({**row, "answer": "49,5", "domain": "math"}) + "\n" for row in rows))
    prepare(source, tmp_path / "data", PrepareSettings(targets="all", held_out=0))
    status, message = only(references(subject({**SRL, "kind": "rlvr"})))
    assert status is Status.WARNING
    assert message.startswith("4 of 4 final answers: two numbers to the grader, as in 49,5")
    assert list(references(subject(SRL))) == []


def test_some_lists_among_the_answers_are_no_warning(subject, expert_trajectories, tmp_path):
    rows = [{**to_row(trajectory), "domain": "math"} for trajectory in expert_trajectories[:11]]
    rows[0]["answer"] = "4,5"
    source = tmp_path / "rows.jsonl"
    source.write_text("".join(json.dumps(row) + "\n" for row in rows))
    prepare(source, tmp_path / "data", PrepareSettings(targets="all", held_out=0))
    status, message = only(references(subject({**SRL, "kind": "rlvr"})))
    assert status is Status.OK
    assert message.startswith("1 of 11 final answers: two numbers")


def test_the_floor_stands_beside_the_reward(subject, prepared):
    it = subject(SFT, SRL, {**SRL, "kind": "rlvr"}, {**SRL, "name": "whole", "unit": "solution"})
    found = {check.id: check.message for check in floors(it)}
    value = json.loads((prepared / "report.json").read_text())["floors"]["floor"]["value"]
    assert f"rewarded by similarity; without learning anything similarity is up to {value:.2f}." in found["floor.srl"]
    assert found["floor.rlvr"] == "rewarded by final answers"
    assert "not measured" in found["floor.whole"]
    assert set(found) == {"floor.srl", "floor.rlvr", "floor.whole"}


def test_data_is_counted(subject, prepared):
    steps = sum(len(t.steps) for t in Prepared(prepared).trajectories())
    assert only(data(subject())) == (Status.OK, f"16 trajectories, {steps} step instances")
    assert list(data(subject(data=False))) == []


def test_data_that_is_not_there_is_an_error(subject):
    status, message = only(data(subject()))
    assert status is Status.ERROR
    assert "no such folder" in message


@pytest.mark.parametrize(
    ("trl", "message"),
    [
        ({"top_k": -3}, "`top_k` has to be a strictly positive integer, but is -3"),
        ({"min_p": 4}, "`min_p` has to be a float in the [0, 1] interval, but is 4"),
        ({"repetition_penalty": -1}, "has to be a strictly positive float"),
        ({"generation_kwargs": {"temperature": "hot"}}, "stages.srl.trl: "),
        ({"generation_kwargs": 5}, "stages.srl.trl: "),
        ({"cache_implementation": "nope"}, "Invalid `cache_implementation` (nope)"),
    ],
)
def test_sampling_that_cannot_be_is_an_error(subject, trl, message):
    status, found = only(sampling(subject({**SRL, "trl": trl}, data=False)))
    assert status is Status.ERROR
    assert message in found
    assert "\n" not in found


def test_sampling_is_told(subject):
    found = only(sampling(subject({**SRL, "trl": {"top_p": 0.9, "top_k": 20}}, data=False)))
    assert found == (Status.OK, "temperature 1, top_p 0.9, top_k 20")
    assert list(sampling(subject(SFT, {**SRL, "trl": {"use_vllm": True}}, data=False))) == []


@pytest.mark.parametrize("reward", ["margin", "scaled", "weighted"])
def test_another_reward_than_the_papers_is_not_called_similarity(subject, prepared, reward):
    (found,) = floors(subject({**SRL, "reward": reward}))
    assert found.status is Status.OK
    value = json.loads((prepared / "report.json").read_text())["floors"]["floor"]["value"]
    assert found.message.startswith(f"rewarded by {reward}, ")
    assert found.message.endswith(f"without learning anything similarity is up to {value:.2f}")


def test_a_reward_that_has_no_other_actions_to_hold_against_is_said(subject, expert_trajectories, tmp_path):
    source = tmp_path / "one.jsonl"
    source.write_text(json.dumps(to_row(expert_trajectories[0])) + "\n")
    prepare(source, tmp_path / "data", PrepareSettings(targets="all", held_out=0))
    found = {reward: next(floors(subject({**SRL, "reward": reward}))) for reward in ("similarity", "margin", "scaled")}
    assert {reward for reward, check in found.items() if check.status is Status.WARNING} == {"scaled"}
    assert "reward=scaled could hold an action against" in found["scaled"].message
    assert "stages.srl.reward=similarity" in found["scaled"].message
    (asked_for,) = floors(subject({**SRL, "reward": "scaled", "contrasts": 0}))
    assert asked_for.status is Status.OK


def test_rewards_are_looked_at(subject, prepared):
    assert list(rewards(subject(SFT, {**SRL, "reward": "tiered"}, data=False))) == []
    assert list(rewards(subject(SFT, {**SRL, "reward": "edit"}))) == []
    (several,) = rewards(subject({**SRL, "reward": ["similarity", {"name": "edit", "weight": 0.5}]}))
    assert several == ("rewards.srl", Status.OK, "srl: rewarded by similarity and 0.5 x edit")
    (wrong,) = rewards(subject({**SRL, "reward": "no_such_module:f"}))
    assert wrong.status is Status.ERROR
    assert "No module named 'no_such_module'" in wrong.message


@pytest.mark.parametrize(
    ("reward", "message"),
    [
        ("edit", "rewarded by edit; what that earns without learning is not measured"),
        (["edit", "similarity"], "rewarded by edit and similarity; without learning anything similarity is up to 0."),
        ({"name": "similarity", "weight": 1}, "rewarded by similarity; without learning anything similarity is up to"),
    ],
)
def test_what_rewards_earn_without_learning(subject, prepared, reward, message):
    (found,) = floors(subject({**SRL, "reward": reward}))
    assert found.status is Status.OK
    assert found.message.startswith(message)


def test_the_floor_under_groups_stands_beside_it_or_is_refused(subject, prepared):
    floor = Prepared(prepared).floor
    (check,) = floors(subject({**SRL, "sampling_floor": "data"}))
    assert f"and groups whose best reward is below {floor:.2f} are dropped" in check.message
    it = subject({**SRL, "sampling_floor": "data", "reward": "margin"})
    (check,) = floors(it)
    assert (check.status, check.id) == (Status.ERROR, "floor.srl")
    assert "reward=margin is another reward" in check.message
    assert [found.status for found in prefix_tree(it)] == [Status.OK], "settings are looked at without data"
