"""Model folders that are not whole: each is one line that names the file and what mends it."""

from __future__ import annotations

import json
import struct

import pytest
import torch
from safetensors.torch import save_file

from treadle.errors import ModelError
from treadle.recipe.model_files import check_weights, tensors_of
from treadle.recipe.models import check_model, local_folder, read_config

WHOLE = {"a": torch.zeros(3, 2), "b": torch.zeros(5)}


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    save_file(WHOLE, tmp_path / "model.safetensors")
    return tmp_path


def shards(folder, *names, index=None):
    (folder / "model.safetensors").unlink()
    for name in names:
        save_file({name: WHOLE[name]}, folder / f"{name}.safetensors")
    places = {name: f"{name}.safetensors" for name in WHOLE}
    text = json.dumps({"weight_map": places}) if index is None else index
    (folder / "model.safetensors.index.json").write_text(text)


def pickled(folder, content):
    (folder / "model.safetensors").unlink()
    (folder / "pytorch_model.bin").write_bytes(content)


def test_names_and_shapes_come_from_the_headers(folder):
    assert tensors_of(folder) == {"a": (3, 2), "b": (5,)}
    shards(folder, "a", "b")
    assert tensors_of(folder) == {"a": (3, 2), "b": (5,)}


class Bomb:
    """What pickle would call."""

    def __reduce__(self):
        return pytest.fail, ("executed",)


@pytest.mark.parametrize("archive", [True, False])
def test_pickled_weights_tell_names_and_shapes_and_nothing_of_them_is_executed(folder, archive):
    (folder / "model.safetensors").unlink()
    file = folder / "pytorch_model.bin"
    torch.save({**WHOLE, "step": 3}, file, _use_new_zipfile_serialization=archive)
    assert tensors_of(folder) == {"a": (3, 2), "b": (5,)}
    for content, message in (({"a": Bomb()}, "hold more than tensors"), ([WHOLE["a"]], "holds a list, expected tens")):
        torch.save(content, file, _use_new_zipfile_serialization=archive)
        with pytest.raises(ModelError, match=f"pytorch_model.bin: .*{message}"):
            check_weights(folder)


def test_pickled_weights_must_be_whole(folder):
    (folder / "model.safetensors").unlink()
    file = folder / "pytorch_model.bin"
    torch.save(WHOLE, file)
    file.write_bytes(file.read_bytes()[:-30])
    with pytest.raises(ModelError, match=r"pytorch_model.bin: cut short: [\d,]+ bytes without the end"):
        check_weights(folder)


def cut(size):
    return lambda f: (f / "model.safetensors").write_bytes((f / "model.safetensors").read_bytes()[:size])


def header(content, more=b""):
    data = json.dumps(content).encode() if not isinstance(content, bytes) else content
    return lambda f: (f / "model.safetensors").write_bytes(struct.pack("<Q", len(data)) + data + more)


LFS = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 99\n"
DAMAGE = {
    "data cut": (cut(-4), r"model.safetensors: cut short: \d+ bytes, expected \d+ by its header; copy"),
    "header cut": (cut(20), "model.safetensors: cut short or no safetensors file: 20 bytes"),
    "empty": (cut(0), "0 bytes, without its header"),
    "too long": (header({"a": {"shape": [1], "data_offsets": [0, 4]}}, b"12345"), "too long"),
    "header no JSON": (header(b"{{{"), "its header is damaged"),
    "header no object": (header([1]), "its header is damaged"),
    "header lacks offsets": (header({"a": {"shape": [1]}}), "its header is damaged"),
    "pointer": (lambda f: (f / "model.safetensors").write_text(LFS), "a Git LFS pointer .* run `git lfs pull`"),
    "no weights": (lambda f: (f / "model.safetensors").unlink(), "no weights; found config.json, expected"),
    "no shard": (lambda f: shards(f), r"names 2 files of weights, of which 2 are not there \(the first is a.saf"),
    "one shard": (lambda f: shards(f, "a"), r"of which 1 are not there \(the first is b.safetensors\)"),
    "index cut": (lambda f: shards(f, "a", index='{"weight_map'), r"index.json: no JSON"),
    "index empty": (lambda f: shards(f, "a", index="{}"), "no weight_map"),
    "index of numbers": (lambda f: shards(f, "a", index='{"weight_map": {"a": 1}}'), "no weight_map"),
    "pickled empty": (lambda f: pickled(f, b""), "pytorch_model.bin: cut short: 0 bytes"),
    "pickled pointer": (lambda f: pickled(f, LFS.encode()), "a Git LFS pointer"),
    "no pickle": (lambda f: (f / "model.safetensors").rename(f / "pytorch_model.bin"), "pickled weights are damaged"),
    "config cut": (lambda f: (f / "config.json").write_text('{"a'), "config.json: no JSON"),
    "config list": (lambda f: (f / "config.json").write_text("[]"), "config.json: found a list, expected a JSON obj"),
    "config no text": (lambda f: (f / "config.json").write_bytes(b"\xff\x00"), "config.json: no JSON"),
    "config deep": (lambda f: (f / "config.json").write_text("[" * 9000), "config.json: no JSON"),
    "no config": (lambda f: (f / "config.json").unlink(), "no config.json, so this is not a model folder"),
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_what_is_not_whole_is_one_line(folder, kind):
    damage, message = DAMAGE[kind]
    damage(folder)
    with pytest.raises(ModelError, match=message) as failed:
        check_model(str(folder))
    assert "\n" not in str(failed.value)
    assert str(folder) in str(failed.value)


def test_an_adapter_alone_is_no_model(folder):
    (folder / "model.safetensors").rename(folder / "adapter_model.safetensors")
    (folder / "adapter_config.json").write_text("{}")
    with pytest.raises(ModelError, match="a LoRA adapter, of the model that this file names; merge the two"):
        check_weights(folder)


def test_a_gguf_file_and_a_folder_of_one_say_how_to_convert_it(tmp_path):
    file = tmp_path / "m.gguf"
    file.write_bytes(b"GGUF")
    for model in (file, tmp_path):
        with pytest.raises(ModelError, match=r"m.gguf: a GGUF file.*pip install gguf.*gguf_file='m.gguf'"):
            check_model(str(model))


FOREIGN = {"adapter_config.json": "a LoRA adapter", "m.gguf": "a GGUF file", "x": "no config.json"}


@pytest.mark.parametrize("name", FOREIGN)
def test_what_is_no_models_folder_is_the_same_line_for_config_and_weights(tmp_path, name):
    (tmp_path / name).write_text("{}")
    said = []
    for look in (check_model, read_config):
        with pytest.raises(ModelError, match=FOREIGN[name]) as failed:
            look(str(tmp_path))
        said.append(str(failed.value))
    assert said[0] == said[1]


def test_a_gguf_file_is_known_by_its_content_and_by_its_name_in_capitals(tmp_path):
    (tmp_path / "blob").write_bytes(b"GGUF\x03")
    with pytest.raises(ModelError, match="blob: a GGUF file"):
        check_model(str(tmp_path / "blob"))
    (tmp_path / "blob").rename(tmp_path / "m.Q4.GGUF")
    with pytest.raises(ModelError, match=r"m.Q4.GGUF: a GGUF file"):
        check_model(str(tmp_path))


def test_a_file_of_weights_is_no_folder(folder):
    with pytest.raises(ModelError, match="a file, expected the folder that it lies in"):
        check_model(str(folder / "model.safetensors"))


def test_the_folders_of_a_stage_and_of_a_run_name_the_model_in_them(folder, tmp_path):
    run = tmp_path / "run"
    for stage in ("1-sft", "2-srl", "10-rlvr", "11-rlvr"):
        (run / stage / "model").mkdir(parents=True)
        (run / stage / "stage.json").write_text("{}")
        if stage != "11-rlvr":
            (run / stage / "model" / "config.json").write_text("{}")
    said = {
        run / "2-srl": f"{run}/2-srl: the folder of a stage; its model is {run}/2-srl/model",
        run: f"{run}: the folder of a run; the model of its last finished stage is {run}/10-rlvr/model",
        run / "11-rlvr": f"{run}/11-rlvr: the folder of a stage that is not finished and has no model; `treadle",
    }
    begun, data = tmp_path / "begun", tmp_path / "data"
    for file in (begun / "recipe.yaml", begun / "1-sft" / "stage.json", data / "trajectories_train.parquet"):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    said[begun] = f"{begun}: the folder of a run of which no stage is finished, so that it has no model"
    said[data] = f"{data}: prepared data, expected a model"
    for place, message in said.items():
        with pytest.raises(ModelError) as failed:
            check_model(str(place))
        assert str(failed.value).startswith(message)
    assert local_folder(str(folder)) == folder
    assert local_folder(str(run / "2-srl" / "model")) == run / "2-srl" / "model"
