"""`treadle export` from the command line."""

from __future__ import annotations

import pytest

from tests.chat.tokenizers import TEMPLATES, byte_tokenizer


@pytest.mark.parametrize(("engine", "name"), [("verl", "verl"), ("skyrl", "SkyRL")])
def test_export_says_what_it_wrote_and_refuses_what_it_cannot(treadle, prepared_world, tmp_path, engine, name):
    byte_tokenizer(TEMPLATES["qwen2_5"]).save_pretrained(tmp_path / "model")
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(
        f"model: {tmp_path / 'model'}\ndata: elsewhere\noutput: run\n"
        "stages: [{kind: srl, prompts_per_step: 8, rollouts: 4, max_steps: 4}]\n"
    )
    arguments = ("export", engine, prepared_world, recipe, "-o", tmp_path / "out", "--gpus", 2)
    code, out, err = treadle(*arguments)
    assert (code, err) == (0, "")
    assert "1-srl: 144 rows, 0 for validation" in out
    code, _, err = treadle(*arguments, "--overwrite", "stages.srl.minutes=3")
    assert code == 2
    assert f"stages.srl.minutes: {name} ends a stage by steps; set max_steps" in err
