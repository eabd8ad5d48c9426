"""recipes/launch/: each file is read by the library that reads it in use; stages run under `accelerate launch`."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import yaml
from accelerate.commands.config.config_args import load_config_from_file
from accelerate.commands.launch import _validate_launch_command, launch_command_parser
from accelerate.utils import DeepSpeedPlugin, FullyShardedDataParallelPlugin, is_deepspeed_available
from accelerate.utils.fsdp_utils import fsdp2_prepare_auto_wrap_policy
from accelerate.utils.launch import prepare_deepspeed_cmd_env, prepare_multi_gpu_env
from safetensors.torch import load_file
from transformers import AutoConfig, AutoModelForCausalLM, TrainingArguments

from tests.distributed.ranks import free_port
from tests.recipes.commands import LAUNCH, ROOT, commands, parse
from treadle.data.prepare import PrepareSettings, prepare
from treadle.data.sources.native import to_row
from treadle.recipe.reading import load_recipe

CONFIGS = sorted(LAUNCH.glob("*.yaml"))
ARCHITECTURES = {
    "qwen2": "Qwen2DecoderLayer",
    "qwen3": "Qwen3DecoderLayer",
    "llama": "LlamaDecoderLayer",
    "mistral": "MistralDecoderLayer",
}
SMALL = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "vocab_size": 64,
}


def environment(path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """What `accelerate launch --config_file path` sets for its workers; it is set here too."""
    monkeypatch.chdir(ROOT)
    words = ["--config_file", str(path), "--main_process_ip", "127.0.0.1", "--main_process_port", str(free_port())]
    args, defaults, _ = _validate_launch_command(launch_command_parser().parse_args([*words, "-m", "treadle.cli"]))
    if args.use_deepspeed:
        # As in accelerate's `launch_command`, which then starts the run.
        args.deepspeed_fields_from_accelerate_config = ",".join(defaults.deepspeed_config)
        command, found = prepare_deepspeed_cmd_env(args)
        assert command is None  # torch's launcher, not DeepSpeed's, which logs in to the nodes
    else:
        found = prepare_multi_gpu_env(args)
    changed = {name: value for name, value in found.items() if os.environ.get(name) != value}
    for name, value in changed.items():
        monkeypatch.setenv(name, value)
    return changed


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_accelerate_reads_the_configuration_and_knows_every_key(path, monkeypatch):
    config = load_config_from_file(str(path))  # refuses unknown keys at the top, not below
    known = {action.dest for action in launch_command_parser()._actions}
    assert {*config.fsdp_config, *config.deepspeed_config} <= known
    assert config.num_processes == 8 * config.num_machines
    assert (config.num_machines > 1) == path.stem.endswith("nodes")
    variables = environment(path, monkeypatch)
    assert variables["ACCELERATE_MIXED_PRECISION"] == "no"  # else it would overrule the recipe's dtype
    assert ("ACCELERATE_USE_FSDP" in variables) == path.stem.startswith("fsdp2")
    assert ("ACCELERATE_USE_DEEPSPEED" in variables) == path.stem.startswith("deepspeed")


@pytest.mark.parametrize("path", sorted(LAUNCH.glob("fsdp2*.yaml")), ids=lambda path: path.stem)
def test_fsdp2_wraps_the_decoder_layers_and_saves_whole_models(path, monkeypatch):
    environment(path, monkeypatch)
    plugin = FullyShardedDataParallelPlugin()
    assert (plugin.fsdp_version, plugin.reshard_after_forward, plugin.cpu_ram_efficient_loading) == (2, True, False)
    assert "FULL_STATE_DICT" in str(plugin.state_dict_type)
    assert not plugin.activation_checkpointing
    for kind, layer in ARCHITECTURES.items():
        with torch.device("meta"):
            model = AutoModelForCausalLM.from_config(AutoConfig.for_model(kind, **SMALL))
        wraps = fsdp2_prepare_auto_wrap_policy(plugin, model)
        assert [type(module).__name__ for module in model.modules() if wraps(module)] == [layer] * 3


def test_accelerate_reads_the_deepspeed_json(monkeypatch):
    environment(LAUNCH / "deepspeed_zero3.yaml", monkeypatch)
    plugin = DeepSpeedPlugin()
    plugin.set_mixed_precision("bf16")
    assert (plugin.zero_stage, plugin.zero3_init_flag, plugin.zero3_save_16bit_model) == (3, True, True)
    assert plugin.deepspeed_config["bf16"]["enabled"] is True
    assert plugin.deepspeed_config["fp16"]["enabled"] is False


@pytest.mark.skipif(not is_deepspeed_available(), reason="deepspeed is not installed")
def test_deepspeed_reads_its_json_as_the_trainer_fills_it_in(monkeypatch, tmp_path, tiny_model):
    from deepspeed.runtime.config import DeepSpeedConfig
    from transformers.integrations.deepspeed import HfTrainerDeepSpeedConfig

    args = TrainingArguments(
        str(tmp_path), per_device_train_batch_size=8, gradient_accumulation_steps=64, bf16=True, use_cpu=True
    )
    environment(LAUNCH / "deepspeed_zero3.yaml", monkeypatch)
    plugin = DeepSpeedPlugin()
    plugin.set_mixed_precision(args.mixed_precision)
    filled = HfTrainerDeepSpeedConfig(plugin.hf_ds_config.config)
    filled.trainer_config_process(args)
    filled.trainer_config_finalize(args, tiny_model, 100)
    assert "auto" not in json.dumps(filled.config)
    read = DeepSpeedConfig(filled.config)
    assert (read.zero_config.stage, read.zero_config.gather_16bit_weights_on_model_save) == (3, True)
    assert (read.bfloat16_config.enabled, read.grad_accum_dtype) == (True, "fp32")
    assert (read.train_micro_batch_size_per_gpu, read.gradient_accumulation_steps, read.gradient_clipping) == (8, 64, 1)


def test_every_command_parses():
    programs = [parse(command) for command in commands()]
    # Of `accelerate launch` 6 in the files' comments and 4 in the document; of `sbatch` 2 and 3.
    assert {program: programs.count(program) for program in set(programs)} == {
        "accelerate": 10,
        "sbatch": 5,
        "bash": 1,
        "vllm": 1,
    }


@pytest.mark.parametrize("path", sorted((ROOT / "recipes").glob("*.yaml")), ids=lambda path: path.stem)
def test_recipes_are_valid(path):
    load_recipe(path)


def test_train_runs_in_two_processes_under_accelerate_launch(expert_trajectories, tiny_folder, tmp_path):
    source = tmp_path / "world.jsonl"
    source.write_text("".join(json.dumps(to_row(t)) + "\n" for t in expert_trajectories))
    prepare(source, tmp_path / "data", PrepareSettings(targets="all", held_out=4))
    shared = {"max_steps": 2, "learning_rate": 1e-3, "gradient_checkpointing": False, "allow_no_change": True}
    rollouts = {"rollouts": 8, "max_completion_length": 12, "think_tags": "optional", "max_sampling_rounds": 2}
    recipe = {
        "model": str(tiny_folder),
        "data": str(tmp_path / "data"),
        "output": str(tmp_path / "run"),
        "dtype": "float32",
        "threads": 1,
        "stages": [
            {"kind": "sft", "unit": "both", "batch_size": 4, "micro_batch": 2, **shared},
            {"kind": "srl", "prompts_per_step": 8, "micro_batch": 8, **rollouts, **shared},
        ],
    }
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(recipe))
    # ddp.yaml's own command, with fewer processes; the environment keeps GPUs out.
    words = f"launch --config_file {LAUNCH}/ddp.yaml --num_processes 2 --main_process_port {free_port()} --tee 3"
    program = shutil.which("accelerate", path=str(Path(sys.executable).parent)) or "accelerate"
    ended = subprocess.run(
        [
            program,
            *words.split(),
            "--log_dir",
            str(tmp_path / "logs"),
            "-m",
            "treadle.cli",
            "train",
            str(tmp_path / "recipe.yaml"),
        ],
        env={**os.environ, "ACCELERATE_USE_CPU": "true", "CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert ended.returncode == 0, ended.stderr[-3000:]
    assert sorted(path.parent.name for path in tmp_path.glob("logs/*/attempt_0/*/stderr.log")) == ["0", "1"]
    before = load_file(tiny_folder / "model.safetensors")
    for folder in ("1-sft", "2-srl"):
        run = tmp_path / "run" / folder
        logs = [json.loads(line) for line in (run / "metrics.jsonl").open()]
        assert [log["step"] for log in logs if "loss" in log] == [1, 2]
        after = load_file(run / "model" / "model.safetensors")
        assert any(not torch.equal(before[name], after[name]) for name in before)
        assert all(value.isfinite().all() for value in after.values())
        assert not list(run.glob("checkpoint-*"))
        before = after
