"""`treadle check` and what the other commands make of it: codes, files, and never a traceback of another library."""

from __future__ import annotations

import json
from importlib.util import find_spec

import pytest
import yaml


@pytest.fixture
def data(prepared_world):
    return prepared_world


SRL = {
    "kind": "srl",
    "max_steps": 1,
    "prompts_per_step": 2,
    "rollouts": 4,
    "micro_batch": 8,
    "max_completion_length": 5,
}
SFT = {"kind": "sft", "max_steps": 1, "batch_size": 2, "micro_batch": 2}


@pytest.fixture
def recipe(tiny_folder, data, tmp_path):
    def write(*stages, **changes):
        content = {"model": str(tiny_folder), "data": str(data), "output": str(tmp_path / "run"), "dtype": "float32"}
        path = tmp_path / "recipe.yaml"
        path.write_text(yaml.safe_dump({**content, "stages": list(stages or [SFT, SRL]), **changes}))
        return path

    return write


def edit(path, **values):
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def test_a_model_alone(treadle, tiny_folder):
    code, out, _ = treadle("check", tiny_folder)
    assert code == 0
    assert out.splitlines()[0].startswith("ok       weights ")
    assert out.splitlines()[-1] == "nothing to mend"
    assert "positions" not in out


def test_rows_and_checks_are_written_for_scripts(treadle, recipe, tiny_folder, tmp_path):
    code, out, _ = treadle("check", tiny_folder, recipe(), "--show", "--json", tmp_path / "new" / "check.json")
    assert code == 0
    written = json.loads((tmp_path / "new" / "check.json").read_text())
    assert {tuple(check) for check in written["checks"]} == {("id", "status", "message")}
    ids = [check["id"] for check in written["checks"]]
    assert len(ids) == len(set(ids))
    assert {"weights", "vocabulary", "dtype", "template", "end_of_turn", "thoughts", "positions.sft", "floor.srl"} <= {
        *ids
    }
    assert set(written["rows"]) == {"sft", "srl"}
    sft, srl = written["rows"]["sft"], written["rows"]["srl"]
    assert sft["prompt"].startswith("<|user|>solve ")
    assert sft["prompt"].endswith("<|assistant|>")
    assert sft["trained"].endswith("<|end|>")
    assert srl["prompt"].startswith("<|user|>next ")
    assert srl["trained"] is None
    assert sft["prompt"] in out
    assert sft["trained"] in out


def test_without_a_recipe_the_papers_stages_are_looked_at(treadle, tiny_folder, data):
    code, out, _ = treadle(
        "check",
        tiny_folder,
        "--data",
        data,
        "stages.srl.max_completion_length=9",
        "stages.rlvr.max_completion_length=9",
    )
    assert code == 0
    assert all(f"positions.{stage} " in out for stage in ("sft", "srl", "rlvr"))
    assert "of the model's 2,048 positions with max_completion_length 9" in out


def test_a_recipe_alone_brings_its_model(treadle, recipe):
    assert treadle("check", recipe(), "stages.sft.max_length=999")[0] == 0


def test_first_rollouts_say_where_to_begin(treadle, recipe, tiny_folder):
    file = tiny_folder.parent / "check.json"
    code, out, _ = treadle("check", tiny_folder, recipe(SRL), "--sample", 8, "--json", file)
    assert code == 0
    assert "srl: 0 of 1 groups (95% interval 0% to 79%) of 4 rewards would be kept" in out
    assert "━━ begin with: warmup, then srl" in out
    assert out.splitlines()[-1] == "Evidence and a recipe: docs/which.md of treadle's repository, format"
    written = json.loads(file.read_text())["sample"]
    assert written["advice"]["state"] == "format"
    assert written["steps"]["broken"] == [4]


def test_without_a_recipe_stages_that_the_data_has_no_rows_for_are_left_out(treadle, tiny_folder, tmp_path):
    call = "look\n\n<function=bash>\n<parameter=command>ls</parameter>\n</function>"
    roles = ("system", "user", "assistant", "user", "assistant")
    messages = [{"role": role, "content": call if role == "assistant" else role} for role in roles]
    source = tmp_path / "agent.jsonl"
    source.write_text(json.dumps({"instance_id": "o__r-1", "messages": messages, "resolved": True}) + "\n")
    assert treadle("prepare", source, "-o", tmp_path / "agents", "--targets", "all", "--held-out", 0)[0] == 0
    file = tmp_path / "check.json"
    limit = "stages.srl.max_completion_length=8"
    code, out, _ = treadle("check", tiny_folder, "--data", tmp_path / "agents", limit, "--json", file)
    assert code == 0, out
    written = json.loads(file.read_text())
    (stages,) = (check["message"] for check in written["checks"] if check["id"] == "stages")
    assert stages.startswith("rlvr is not looked at: ")
    assert "no trajectory has a final answer" in stages
    assert set(written["rows"]) == {"sft", "srl"}


def test_what_cannot_be_asked_is_said(treadle, tiny_folder, tmp_path):
    code, _, err = treadle("check", tiny_folder, "--sample", 8)
    assert code == 2
    assert "--sample: no prompts to sample; give a folder made by `treadle prepare` with --data" in err
    code, _, err = treadle("check", tiny_folder, tmp_path / "no.yaml")
    assert code == 2
    assert "no.yaml: no such recipe file" in err


def pickled(folder):
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")


DAMAGE = {
    "weights cut": lambda f: (f / "model.safetensors").write_bytes((f / "model.safetensors").read_bytes()[:999]),
    "weights of another model": lambda f: edit(f / "config.json", intermediate_size=48),
    "weights that are no pickle": pickled,
    "config cut": lambda f: (f / "config.json").write_text('{"model_type'),
    "config unknown": lambda f: edit(f / "config.json", model_type="own", auto_map={"AutoConfig": "own.C"}),
    "tokenizer cut": lambda f: (f / "tokenizer.json").write_text((f / "tokenizer.json").read_text()[:500]),
    "tokenizer of another model": lambda f: edit(f / "config.json", vocab_size=20),
    "template raises": lambda f: (f / "chat_template.jinja").write_text("{{ raise_exception('no') }}"),
    "template unreadable": lambda f: (f / "chat_template.jinja").write_text("{% if %}"),
    "generation config": lambda f: (f / "generation_config.json").write_text("[]"),
    "gguf": lambda f: [(f / "m.gguf").write_bytes(b"GGUF"), *(p.unlink() for p in f.glob("*.json"))],
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_a_damaged_folder_is_one_line_and_code_two_in_every_command(treadle, recipe, tiny_folder, tmp_path, kind):
    DAMAGE[kind](tiny_folder)
    path = recipe(SFT)
    problems = tmp_path / "p.jsonl"
    problems.write_text('{"problem": "1+1", "answer": 2}\n')
    evaluate = ("evaluate", tiny_folder, "--data", problems, "-o", tmp_path / "e", "--domain", "miniature")
    commands = {"check": ("check", path), "dry-run": ("train", path, "--dry-run"), "train": ("train", path)}
    commands["evaluate"] = (*evaluate, "--max-new-tokens", 2, "--mode", "whole")
    for name, command in commands.items():
        code, out, err = treadle(*command)
        said = [line for line in (out + err).splitlines() if line.startswith(("error", "treadle: error"))]
        assert code == 2, (name, out, err)
        assert said, (name, out, err)
        assert "Traceback" not in err
    assert not list((tmp_path / "run").glob("*/model"))


def test_warnings_are_one_line_each_and_go_on(treadle, recipe, tiny_folder):
    path = recipe({**SFT, "max_length": 75}, {**SRL, "trl": {"cast_lm_head_to_fp32": True}})
    code, out, err = treadle("train", path, "--dry-run")
    assert code == 0, err
    lines = [line for line in err.splitlines() if line.startswith("treadle: warning: ")]
    assert [line.split()[2] for line in lines] == ["prefix_tree.srl:", "max_length.sft:"]
    assert "are longer than max_length 75" in out  # beside the sizes that it changes
    code, out, err = treadle("check", path)
    assert code == 0
    assert out.splitlines()[-1] == "2 warnings"


def test_sizes_count_the_rows_that_are_left(treadle, recipe, data):
    from treadle.data.prepared import Prepared

    everything = sum(1 + len(t.steps) for t in Prepared(data).trajectories())
    stage = {**SFT, "unit": "both", "max_steps": None, "epochs": 1}
    out = treadle("train", recipe(stage), "--dry-run")[1]
    assert f"# sft: {everything} rows, 2 a step, 1 micro-batches accumulated, {-(-everything // 2)} optimizer" in out
    out = treadle("train", recipe({**stage, "max_length": 75}), "--dry-run")[1]
    line = out.splitlines()[-1]
    lost = int(line.partition(" of them lose all")[0].rpartition(" ")[2])
    assert 0 < lost < everything
    left = everything - lost
    assert f"# sft: {left} rows, 2 a step, 1 micro-batches accumulated, {-(-left // 2)} optimizer steps" in line


def test_prompts_beyond_the_positions_stop_training_and_plans(treadle, recipe, tiny_folder):
    edit(tiny_folder / "config.json", max_position_embeddings=16)
    path = recipe(SRL)
    for command in (("train", path), ("train", path, "--dry-run"), ("plan", path, "--device", "cpu")):
        code, _, err = treadle(*command)
        assert code == 2
        assert "srl: 144 of 144 rows with max_completion_length 5 exceed the model's 16 positions" in err


def test_an_adapter_on_a_tied_embedding_is_refused(treadle, recipe, tiny_folder):
    edit(tiny_folder / "config.json", tie_word_embeddings=True)
    path = recipe(SFT, lora={"r": 2, "target_modules": ["q_proj", "embed_tokens"]})
    for command in (("check", path), ("train", path), ("train", path, "--dry-run"), ("plan", path, "--device", "cpu")):
        code, out, err = treadle(*command)
        assert code == 2
        assert "cannot be merged into it; leave out embed_tokens" in out + err


def test_what_is_no_model_folder_is_one_line_of_evaluate(treadle, tiny_folder, tmp_path):
    problems = tmp_path / "p.jsonl"
    problems.write_text('{"problem": "1+1", "answer": 2}\n')
    for model, said in (
        (tmp_path / "none", "no such model folder"),
        (tiny_folder / "model.safetensors", "a file, expected the folder that it lies in"),
    ):
        code, _, err = treadle("evaluate", model, "--data", problems, "-o", tmp_path / "e")
        assert code == 2
        assert "Traceback" not in err
        assert err.splitlines()[-1].startswith(f"treadle: error: {model}: {said}")


@pytest.mark.parametrize("dtype", ["float8", "half", "8"])
def test_a_dtype_that_is_none_is_one_line(treadle, tiny_folder, tmp_path, dtype):
    problems = tmp_path / "p.jsonl"
    problems.write_text('{"problem": "1+1", "answer": 2}\n')
    code, _, err = treadle("evaluate", tiny_folder, "--data", problems, "-o", tmp_path / "e", "--dtype", dtype)
    assert code == 2
    assert f"dtype '{dtype}': expected one of auto, float32, bfloat16, float16, float64" in err


@pytest.mark.skipif(find_spec("vllm") is not None, reason="vLLM is installed")
@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("stages.srl.trl.use_vllm=true", "stages.srl.trl.use_vllm: vLLM is not installed"),
        ("report_to=[mlflow]", "report_to: mlflow cannot be used"),
        ("stages.srl.micro_batch=3", "stages.srl: 2 prompts x 4 rollouts = 8 completions a step do not divide"),
        ("stages.srl.prompts_per_step=4096", "one generation takes 4096 prompts, but the data has"),
        ("stages.srl.trl.router_aux_loss_coef=0.1", "stages.srl: `router_aux_loss_coef` is set to 0.1"),
    ],
)
def test_check_and_a_dry_run_refuse_what_training_refuses(treadle, recipe, change, said, tmp_path):
    path = recipe()
    for command in (("check", path), ("train", path, "--dry-run"), ("train", path)):
        code, out, err = treadle(*command, change)
        assert code == 2, command
        assert said in " ".join((out + err).split()), command
    assert not (tmp_path / "run").exists()


def test_a_missing_tracker_is_told_before_the_model_is_looked_at(treadle, recipe):
    path, changes = recipe(SRL | {"max_completion_length": 4096}), ["report_to=[mlflow]"]
    for command in (("train", path, "--dry-run"), ("train", path)):
        code, _, err = treadle(*command, *changes)
        assert code == 2
        assert "report_to: mlflow cannot be used" in err
        assert "positions" not in err
    code, out, _ = treadle("check", path, *changes)
    said = " ".join(out.split())
    assert code == 2
    assert said.index("report_to: mlflow cannot be used") < said.index("positions"), "check says both"
    _, out, _ = treadle("check", recipe(SFT), *changes)
    assert "not looked at before the packages are there: sizes" in " ".join(out.split())


def test_the_output_of_another_recipe_is_told_before_training(treadle, recipe, tmp_path):
    stage = tmp_path / "run" / "1-sft"
    (stage / "model").mkdir(parents=True)
    (stage / "stage.json").write_text('{"model": "another"}')
    path = recipe(SFT)
    code, _, err = treadle("train", path, "--dry-run")
    assert code == 2
    assert "  model: 'another' there, " in err
    assert treadle("train", path, "--dry-run", "--overwrite")[0] == 0
    code, out, _ = treadle("check", path)
    assert code == 0, "it may be run with --overwrite"
    assert "warning  output" in out
    assert "sizes.sft" in out


def test_a_plan_for_another_machine_is_warned_of_what_this_one_lacks(treadle, recipe):
    code, _, err = treadle("plan", recipe(), "report_to=[mlflow]", "--device", "cpu")
    assert code == 0
    assert "treadle: warning: packages: on this machine: report_to: mlflow cannot be used" in err
    code, _, err = treadle("plan", recipe(lora={"r": 2}), "--sharding", "zero3", "--gpus", 2)
    assert code == 2
    assert "lora: under ZeRO-3 no process can merge the adapter" in err


def test_a_plan_without_a_gpu_says_what_it_is_for(treadle, recipe, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    said = "planned for a GPU, which this machine has not; for this machine add --device cpu --gpu-memory "
    assert said in treadle("plan", recipe())[2]
    assert said not in treadle("plan", recipe(), "--gpu-memory", 80)[2]
    assert said not in treadle("plan", recipe(), "--device", "cpu")[2]
