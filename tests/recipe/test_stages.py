"""Stages end to end on a tiny random model: what is written, what is not run twice, what is refused."""

from __future__ import annotations

import json
import os
import signal
import time
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path

import pytest
import torch
import yaml
from datasets import load_dataset
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, TrainerCallback
from trl import GRPOConfig, GRPOTrainer

from tests.processes import Forked, forked
from treadle import srl_reward
from treadle.data.prepare import PrepareSettings, prepare
from treadle.data.prepared import Prepared
from treadle.data.rows import load_rows
from treadle.data.sources.native import to_row
from treadle.errors import DataError, Interrupted, ModelError, OutputError, RecipeError
from treadle.recipe import folders, stages
from treadle.recipe.reading import parse_recipe
from treadle.training.progress import ProgressBar

SRL = {
    "kind": "srl",
    "max_steps": 2,
    "prompts_per_step": 2,
    "rollouts": 4,
    "micro_batch": 4,
    "max_completion_length": 6,
    "learning_rate": 1e-3,
    "gradient_checkpointing": False,
    "think_tags": "optional",
    "max_sampling_rounds": 2,
    "allow_no_change": True,  # a random model may well earn the same with all that it says
}
RLVR = {**SRL, "kind": "rlvr", "step_share": 0.5}
del RLVR["think_tags"]
SFT = {
    "kind": "sft",
    "max_steps": 2,
    "batch_size": 4,
    "micro_batch": 2,
    "unit": "both",
    "gradient_checkpointing": False,
}


@pytest.fixture
def prepared(prepared_world):
    return prepared_world


@pytest.fixture
def recipe(prepared, tiny_folder, tmp_path):
    def make(*some_stages, **changes):
        content = {
            "model": str(tiny_folder),
            "data": str(prepared),
            "output": str(tmp_path / "run"),
            "dtype": "float32",
            "stages": list(some_stages),
        }
        return parse_recipe({**content, **changes})

    return make


def lines(path):
    return [json.loads(line) for line in path.open()]


def test_a_pipeline_writes_models_metrics_and_rollouts(recipe, tiny_folder, tmp_path):
    # A random model may well have no group with a signal, and then nothing would be trained.
    filled = ({**stage, "when_short": "fill"} for stage in (SRL, RLVR))
    final = stages.run(recipe(SFT, *filled), quiet=True)
    run = tmp_path / "run"
    assert final == run / "3-rlvr" / "model"
    weights = [load_file(f / "model.safetensors") for f in (tiny_folder, run / "1-sft/model", run / "2-srl/model")]
    for before, after in pairwise(weights):
        assert any(not torch.equal(before[k], after[k]) for k in before)
    for folder in ("1-sft", "2-srl", "3-rlvr"):
        logs = lines(run / folder / "metrics.jsonl")
        assert [log["step"] for log in logs if "loss" in log] == [1, 2]
        assert not list((run / folder).glob("checkpoint-*"))
    srl = next(log for log in lines(run / "2-srl" / "metrics.jsonl") if "loss" in log)
    # No "similarity": a random model may well have no completion in the format.
    assert {"reward", "format/truncated", "sampling/kept_groups", "thought_tokens", "prefix_tree/saved"} <= srl.keys()
    rollouts = lines(run / "2-srl" / "rollouts.jsonl")
    assert {"prompt", "expert_action", "completions", "rewards", "kept", "trajectory_id"} <= rollouts[0].keys()
    mixed = lines(run / "3-rlvr" / "rollouts.jsonl")
    assert {r["expert_action"] is None for r in mixed} <= {True, False}
    AutoModelForCausalLM.from_pretrained(final)


def test_the_floor_of_the_data_stands_beside_what_step_similarity_rewards(recipe, prepared, tmp_path, monkeypatch):
    others = ({"unit": "solution"}, {"argument_order": "expert_first"}, {"autojunk": True})
    loaded = recipe(SRL, *({**SRL, "name": f"{n}", **other} for n, other in enumerate(others)), RLVR, SFT)
    floor = Prepared(prepared).floor
    assert 0 < floor < 1
    sizes = stages.check(loaded)
    assert [size.similarity_floor for size in sizes] == [floor, None, None, None, floor, None], "RLVR with steps"
    sentence = f"; without learning anything similarity is up to {floor:.2f}"
    assert [sentence in size.describe() for size in sizes] == [True, *[False] * 3, True, False]
    bars = []
    monkeypatch.setattr(stages, "ProgressBar", lambda *given: bars.append(ProgressBar(*given)) or bars[-1])
    stages.run(recipe({**SRL, "validate_every": 1, "max_completion_length": 300}))
    logs = lines(tmp_path / "run" / "1-srl" / "metrics.jsonl")
    shown = [log for log in logs if "similarity" in log or "eval_similarity" in log]
    assert {name for log in shown for name in log} >= {"similarity", "eval_similarity"}, "in 300 tokens many end"
    assert {log["similarity_floor"] for log in shown} == {round(floor, 4)}
    assert not any("similarity_floor" in log for log in logs if log not in shown)
    assert [(bar.similarity_floor, bar.held_out_floor) for bar in bars] == [(floor, floor)]
    best = json.loads((tmp_path / "run" / "1-srl" / "best.json").read_text())
    assert (best["metric"], best["similarity_floor"]) == ("eval_reward", round(floor, 4))


def test_data_without_a_floor_trains_without_one(recipe, prepared, tmp_path):
    report = json.loads((prepared / "report.json").read_text())
    del report["floors"]
    (prepared / "report.json").write_text(json.dumps(report))
    assert stages.check(recipe(SRL))[0].similarity_floor is None
    stages.run(recipe(SRL), quiet=True)
    assert not any("similarity_floor" in log for log in lines(tmp_path / "run" / "1-srl" / "metrics.jsonl"))


def test_what_has_finished_is_not_run_again_and_a_stage_can_be_added(recipe, tmp_path):
    stages.run(recipe(SRL), quiet=True)
    first = tmp_path / "run" / "1-srl" / "model" / "model.safetensors"
    stamp = first.stat().st_mtime_ns
    stages.run(recipe(SRL), quiet=True)
    stages.run(recipe(SRL, SFT), quiet=True)
    assert first.stat().st_mtime_ns == stamp
    assert (tmp_path / "run" / "2-sft" / "model").is_dir()


def test_the_output_of_another_recipe_is_refused(recipe, tmp_path):
    stages.run(recipe(SRL), quiet=True)
    other = recipe({**SRL, "learning_rate": 1e-2})
    for command in (stages.check_output, stages.run):
        with pytest.raises(OutputError) as said:
            command(other)
        assert str(said.value).splitlines() == [
            f"{tmp_path}/run/1-srl: made by another recipe or with other data; "
            "choose another `output`, or replace it with --overwrite",
            "  stages.srl.learning_rate: 0.001 there, 0.01 now",
        ]
        with pytest.raises(OutputError, match="1-srl: made by another recipe or with other data, whose stage 1 has"):
            command(recipe(SFT))
    stages.check_output(recipe(SRL))
    stages.check_output(other, overwrite=True)
    before = load_file(tmp_path / "run" / "1-srl" / "model" / "model.safetensors")
    stages.run(other, overwrite=True, quiet=True)
    after = load_file(tmp_path / "run" / "1-srl" / "model" / "model.safetensors")
    assert any(not torch.equal(before[k], after[k]) for k in before)


def test_lora_trains_an_adapter_and_saves_it_merged(recipe, tiny_folder, tmp_path):
    stages.run(recipe(SRL, lora={"r": 2, "alpha": 4}), quiet=True)
    folder = tmp_path / "run" / "1-srl"
    assert (folder / "adapter" / "adapter_model.safetensors").is_file()
    merged, start = (load_file(f / "model.safetensors") for f in (folder / "model", tiny_folder))
    assert merged.keys() == start.keys()
    changed = {k for k in start if not torch.equal(start[k], merged[k])}
    assert changed
    assert all("proj" in k for k in changed)


def test_one_step_ablation_and_sft_on_traces_run(recipe):
    stages.run(
        recipe(
            {**SRL, "unit": "solution", "max_completion_length": 8}, {**SFT, "target": "traces", "unit": "solutions"}
        ),
        quiet=True,
    )


def test_the_prepared_rows_feed_a_stock_trainer(prepared, tiny_model, tiny_tokenizer, tmp_path):
    """Rendered on access, the rows are those of `--materialise`, and TRL's own trainer trains on them."""
    settings = PrepareSettings(targets="all", held_out=4, materialise=True)
    prepare(tmp_path / "world.jsonl", tmp_path / "plain", settings)
    written = load_dataset("parquet", data_files=str(tmp_path / "plain" / "rows_train.parquet"), split="train")
    rows = load_rows(prepared)
    assert [(r["prompt"], r["expert_action"]) for r in rows] == [(r["prompt"], r["expert_action"]) for r in written]
    config = GRPOConfig(
        str(tmp_path / "stock"), per_device_train_batch_size=4, num_generations=4, max_steps=1, max_completion_length=4,
        use_cpu=True, report_to=[], bf16=False,
    )  # fmt: skip
    trainer = GRPOTrainer(tiny_model, srl_reward, config, train_dataset=rows, processing_class=tiny_tokenizer)
    trainer.train()
    assert "rewards/srl_reward/mean" in {key for entry in trainer.state.log_history for key in entry}


def test_dry_checks_come_before_any_model(recipe, prepared, tmp_path):
    with pytest.raises(RecipeError, match=r"stages\.srl: .*set prompts_per_step"):
        stages.check(recipe({**SRL, "prompts_per_step": 3, "micro_batch": 8}))
    with pytest.raises(RecipeError, match="the data has 144; set prompts_per_step=144"):
        stages.check(recipe({**SRL, "prompts_per_step": 200, "micro_batch": 4}))
    with pytest.raises(DataError, match="no such folder; expected a folder made by `treadle prepare"):
        stages.check(recipe(SRL, data=str(tmp_path / "nowhere")))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"scheduler": "cosin"}, r"stages.srl: cosin is not a valid SchedulerType"),
        ({"trl": {"loss_type": "grpo"}}, r"stages.srl: loss_type='grpo' .*when_short='fill'"),
        ({"micro_batch": 5}, r"stages.srl: 2 prompts x 4 rollouts = 8 completions a step do not divide"),
    ],
)
def test_values_that_trl_refuses_are_found_before_anything_is_written(recipe, tmp_path, change, message):
    with pytest.raises(RecipeError, match=message):
        stages.run(recipe({**SRL, **change}), quiet=True)
    assert not (tmp_path / "run").exists()


@pytest.mark.skipif(find_spec("vllm") is not None, reason="vLLM is installed")
def test_vllm_that_is_not_installed_is_found_before_anything_is_written(recipe, tmp_path):
    made = recipe({**SRL, "trl": {"use_vllm": True}})
    for command in (stages.check, stages.run):
        with pytest.raises(RecipeError, match=r"stages.srl.trl.use_vllm: vLLM is not installed; .*\[vllm\]"):
            command(made)
    assert not (tmp_path / "run").exists()


def test_vllm_on_a_cpu_is_refused_before_anything_is_written(recipe, tmp_path, monkeypatch):
    monkeypatch.setattr("treadle.recipe.machine.find_spec", lambda name: name)  # vLLM is there
    made = recipe({**SRL, "trl": {**SRL.get("trl", {}), "use_vllm": True, "use_cpu": True}})
    stages.check(made)  # a dry run may be on another machine than the run
    with pytest.raises(RecipeError, match=r"stages.srl.trl.use_vllm: this trains on the CPU, and vLLM takes new weigh"):
        stages.run(made, quiet=True)
    assert not (tmp_path / "run").exists()


def test_unknown_trackers_are_found_before_anything_is_written(recipe, tmp_path):
    with pytest.raises(RecipeError, match=r"report_to: unknown 'nonsense'; expected any of .*tensorboard"):
        stages.run(recipe(SRL, report_to=["nonsense"]), quiet=True)
    refused = "^report_to: dvclive cannot be used: .* Run `pip install dvclive`; take it out of report_to$"
    with pytest.raises(RecipeError, match=refused):
        stages.check(recipe(SRL, report_to=["none", "dvclive"]))
    assert not (tmp_path / "run").exists()


def test_a_stage_that_left_nothing_does_not_bind_its_folder(recipe, tiny_folder, tmp_path):
    weights = tiny_folder / "model.safetensors"
    whole = weights.read_bytes()
    save_file({"model.norm.weight": torch.ones(32)}, weights, metadata={"format": "pt"})
    with pytest.raises(ModelError, match=r"its files hold no weights for \d+ tensors"):  # found when it is loaded
        stages.run(recipe(SRL), quiet=True)
    weights.write_bytes(whole)
    stages.run(recipe({**SRL, "learning_rate": 1e-2}), quiet=True)


def test_data_that_was_prepared_anew_is_noticed(recipe, expert_trajectories, tmp_path):
    stages.run(recipe(SRL), quiet=True)
    prepare(tmp_path / "world.jsonl", tmp_path / "data", PrepareSettings(targets="all", held_out=5), overwrite=True)
    with pytest.raises(
        OutputError, match=r"with other data; choose .* --overwrite\n  content of data: '\w+' there, '\w+' now"
    ):
        stages.run(recipe(SRL), quiet=True)


def test_weights_are_trained_in_float32_also_where_the_computation_is_in_bfloat16(recipe, tiny_folder, tmp_path):
    stages.run(recipe({**SRL, "learning_rate": 5e-7}, dtype="bfloat16"), quiet=True)
    after, before = (load_file(f / "model.safetensors") for f in (tmp_path / "run" / "1-srl" / "model", tiny_folder))
    assert {v.dtype for v in after.values()} == {torch.float32}
    moved = sum((after[k] != before[k]).sum().item() for k in before)
    assert moved > 0.5 * sum(v.numel() for v in before.values())


def test_ctrl_c_in_the_last_step_of_a_stage_stops_before_the_next(recipe, tmp_path, monkeypatch):
    build = stages.build_trainer

    def interrupt_at_the_end(stage, made, model, rows, folder, callbacks, held_out):
        class Press(TrainerCallback):
            def on_step_begin(self, args, state, control, **kwargs):
                if state.global_step == state.max_steps - 1:
                    os.kill(os.getpid(), signal.SIGINT)

        return build(stage, made, model, rows, folder, [*callbacks, Press()], held_out)

    monkeypatch.setattr(stages, "build_trainer", interrupt_at_the_end)
    with pytest.raises(Interrupted, match=r"stage 'sft' is finished. Continue with"):
        stages.run(recipe(SFT, SRL), quiet=True)
    assert (tmp_path / "run" / "1-sft" / "model").is_dir()
    assert not (tmp_path / "run" / "2-srl" / "model").exists()


def test_a_second_ctrl_c_says_from_where_the_stage_goes_on(recipe, tmp_path, monkeypatch):
    build = stages.build_trainer

    def interrupt_twice(stage, made, model, rows, folder, callbacks, held_out):
        class Press(TrainerCallback):
            def on_step_begin(self, args, state, control, **kwargs):
                if state.global_step == 2:
                    os.kill(os.getpid(), signal.SIGINT)
                    os.kill(os.getpid(), signal.SIGINT)

        return build(stage, made, model, rows, folder, [*callbacks, Press()], held_out)

    monkeypatch.setattr(stages, "build_trainer", interrupt_twice)
    saved = tmp_path / "run" / "1-sft" / "checkpoint-2"
    with pytest.raises(Interrupted, match=f"'sft' stopped at once; steps after {saved} are done again. Continue with"):
        stages.run(recipe({**SFT, "max_steps": 4, "save_every": 1}), quiet=True)
    with pytest.raises(Interrupted, match=f"it has no checkpoint in {tmp_path / 'other' / '1-sft'} and begins anew"):
        stages.run(recipe({**SFT, "max_steps": 4}, output=str(tmp_path / "other")), quiet=True)


def test_the_recipes_tokenizer_serves_a_model_without_one(recipe, tiny_folder, tmp_path):
    bare = tmp_path / "bare"
    AutoModelForCausalLM.from_pretrained(tiny_folder).save_pretrained(bare)
    with pytest.raises(ModelError, match="bare: no tokenizer"):
        stages.check(recipe(SRL, model=str(bare)))
    final = stages.run(recipe(SRL, model=str(bare), tokenizer=str(tiny_folder)), quiet=True)
    assert (final / "tokenizer.json").is_file()


def test_broken_model_folders_say_what_is_missing(recipe, tiny_folder, tmp_path):
    with pytest.raises(ModelError, match="no such model folder"):
        stages.run(recipe(SRL, model=str(tmp_path / "no-model")), quiet=True)
    template = tiny_folder / "chat_template.jinja"
    text = template.read_text()
    template.unlink()
    with pytest.raises(ModelError, match="the tokenizer has no chat template"):
        stages.run(recipe(SRL), quiet=True)
    template.write_text(text)
    weights = tiny_folder / "model.safetensors"
    weights.rename(tmp_path / "weights")
    with pytest.raises(ModelError, match=r"no weights; found .*expected model.safetensors"):
        stages.run(recipe(SRL), quiet=True)
    (tmp_path / "weights").rename(weights)
    (tiny_folder / "tokenizer.json").unlink()
    with pytest.raises(ModelError, match=r"no tokenizer; found .*expected tokenizer.json"):
        stages.run(recipe(SRL), quiet=True)


def test_trajectories_that_rlvr_leaves_out_are_counted(recipe, expert_trajectories, tmp_path):
    rows = [{**to_row(t), "answer": t.answer if i % 4 else None} for i, t in enumerate(expert_trajectories)]
    (tmp_path / "some.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows))
    prepare(tmp_path / "some.jsonl", tmp_path / "some", PrepareSettings(targets="all", held_out=0))
    (size,) = stages.check(recipe({**RLVR, "step_share": 0}, data=str(tmp_path / "some")))
    assert (size.rows, size.without_answer) == (15, 5)
    assert "5 trajectories without a final answer left out" in size.describe()


def test_problems_without_answers_cannot_be_rewarded(recipe, expert_trajectories, tmp_path):
    rows = [{**to_row(t), "answer": None} for t in expert_trajectories]
    (tmp_path / "plain.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows))
    prepare(tmp_path / "plain.jsonl", tmp_path / "plain", PrepareSettings(targets="all"))
    with pytest.raises(DataError, match="no trajectory has a final answer"):
        stages.check(recipe(RLVR, data=str(tmp_path / "plain")))


@pytest.fixture
def answers_only(tmp_path):
    """Problems and answers as a set for RLVR has them, prepared without steps."""
    rows = [
        {"prompt": [{"role": "user", "content": f"What is {n}+1?"}], "reward_model": {"ground_truth": str(n + 1)}}
        for n in range(12)
    ]
    (tmp_path / "verl.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    prepare(tmp_path / "verl.jsonl", tmp_path / "answers", PrepareSettings(answers_only=True, held_out=2))
    return tmp_path / "answers"


def test_rlvr_trains_on_problems_and_answers_without_steps(recipe, answers_only, tiny_folder, tmp_path):
    stage = {**RLVR, "step_share": 0, "when_short": "fill"}
    (size,) = stages.check(recipe(stage, data=str(answers_only)))
    assert (size.rows, size.without_answer) == (10, 0)
    final = stages.run(recipe(stage, data=str(answers_only)), quiet=True)
    assert final == tmp_path / "run" / "1-rlvr" / "model"
    rollouts = lines(tmp_path / "run" / "1-rlvr" / "rollouts.jsonl")
    assert all(r["expert_action"] is None and "+1?" in str(r["prompt"]) for r in rollouts)


@pytest.mark.parametrize("stage", [SRL, {**SRL, "unit": "solution"}, SFT, RLVR], ids=["srl", "whole", "sft", "mixed"])
def test_stages_of_steps_refuse_data_without_steps(recipe, answers_only, stage):
    with pytest.raises(
        DataError, match=r"--answers-only, so it has .* without steps.*`kind: rlvr` with `step_share: 0`"
    ):
        stages.check(recipe(stage, data=str(answers_only)))


def wait_for(path: Path, process: Forked) -> None:
    deadline = time.monotonic() + 120
    while not path.exists():
        assert process.poll() is None, process.output
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_ctrl_c_saves_a_checkpoint_and_the_same_command_continues(recipe, tmp_path):
    """The interrupted run ends in the weights of one that was never interrupted."""
    results = {}
    for name in ("straight", "interrupted"):
        made = recipe({**SRL, "max_steps": 12, "rollouts": 8, "micro_batch": 8}, output=str(tmp_path / name), threads=1)
        file = tmp_path / f"{name}.yaml"
        file.write_text(yaml.safe_dump(made.model_dump(mode="json")))
        folder = tmp_path / name / "1-srl"
        if name == "interrupted":
            with forked("treadle.cli.main", "train", file, out=tmp_path / "said") as process:
                wait_for(folder / "metrics.jsonl", process)
                process.send_signal(signal.SIGINT)
                assert process.wait(120) == 130, process.output
                assert "stopped after step" in process.output
                assert f"Continue with `treadle train {file}`" in process.output
            assert list(folder.glob("checkpoint-*"))
            assert not (folder / "model").exists()
        with forked("treadle.cli.main", "train", file, out=tmp_path / "said") as process:
            assert process.wait(240) == 0, process.output
        results[name] = load_file(folder / "model" / "model.safetensors")
        assert [log["step"] for log in lines(folder / "metrics.jsonl") if "loss" in log] == list(range(1, 13))
        assert [r["global_step"] for r in lines(folder / "rollouts.jsonl")] == sorted(
            r["global_step"] for r in lines(folder / "rollouts.jsonl")
        )
    for key, value in results["straight"].items():
        assert torch.equal(value, results["interrupted"][key]), key


def test_a_server_may_move_and_nothing_else(recipe):
    """Where the vLLM server is found does not decide the result; how it generates does."""

    def mark(**trl):
        return folders.identity(recipe({**SRL, "trl": trl}), 0, "digest")

    here = mark(vllm_server_base_url="http://one:8000", vllm_server_timeout=9.0)
    assert here == mark(vllm_server_base_url="http://two:8000") == mark()
    assert here != mark(top_p=0.9)


def test_a_stage_of_some_minutes_ends_with_its_model(recipe):
    loaded = recipe({**SRL, "max_steps": 50, "minutes": 1e-6})
    model = stages.run(loaded, quiet=True)
    assert (model / "model.safetensors").is_file()
    (line,) = [json.loads(line) for line in (model.parent / "metrics.jsonl").open() if '"loss"' in line]
    assert line["step"] == 1
