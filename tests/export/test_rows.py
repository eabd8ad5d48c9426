"""Rows of an export: as treadle renders them, in row groups, by what is trained on."""

from __future__ import annotations

import pyarrow.parquet as pq
import pytest

from treadle.chat.chat import Chat
from treadle.data.prepared import Prepared
from treadle.errors import ModelError
from treadle.export.rows import write_rows
from treadle.export.skyrl.engine import SKYRL
from treadle.export.verl.engine import VERL
from treadle.recipe.shown import shown_of
from treadle.recipe.speaking import recipe_chat
from treadle.recipe.training_data import training_rows


def written(recipe, path, batch=256, chat=None, engine=VERL):
    prepared, (stage,) = Prepared(recipe.data), recipe.stages
    chat = chat or recipe_chat(recipe)
    rows = training_rows(stage, prepared, shown_of(recipe, prepared).with_tags(chat.thought_tags))
    found = write_rows(rows, stage, prepared, "train", chat, path, engine.columns, batch)
    return rows, found, pq.read_table(path).to_pylist(), chat


def test_rows_of_steps_are_the_training_rows(recipe_of, tmp_path):
    rows, found, table, chat = written(recipe_of({"kind": "srl"}), tmp_path / "rows.parquet")
    assert pq.read_schema(tmp_path / "rows.parquet").equals(VERL.columns.schema)
    assert found.rows == len(table) == len(rows) > 100
    for number, (row, entry) in enumerate(zip(rows, table, strict=True)):
        assert entry == {
            "data_source": "treadle/step",
            "prompt": row["prompt"],
            "ability": "miniature",
            "reward_model": {"style": "rule", "ground_truth": row["expert_action"]},
            "extra_info": {
                "split": "train",
                "index": number,
                "trajectory": row["trajectory_id"],
                "step": row["step"],
                "thought_tags": ["<think>", "</think>", "none"],
                "contrast": None,
            },
        }
    assert found.longest == max(len(chat.prompt(row["prompt"])) for row in table)


def test_skyrl_calls_the_reference_otherwise_and_has_an_environment(recipe_of, tmp_path):
    recipe = recipe_of({"kind": "srl"})
    _, _, verl, _ = written(recipe, tmp_path / "verl.parquet")
    _, _, skyrl, _ = written(recipe, tmp_path / "skyrl.parquet", engine=SKYRL)
    for ours, theirs in zip(verl, skyrl, strict=True):
        assert theirs.pop("env_class") == "treadle"
        truth = ours.pop("reward_model")["ground_truth"]
        assert theirs.pop("reward_spec") == {"method": "rule", "ground_truth": truth}
        assert theirs == ours


def test_rows_of_problems_have_the_answer(recipe_of, tmp_path, expert_trajectories):
    _, _, table, _ = written(recipe_of({"kind": "rlvr"}), tmp_path / "rows.parquet")
    answers = {t.id: t.answer for t in expert_trajectories}
    assert len(table) == 16  # of twenty, four are held out
    for entry in table:
        assert entry["data_source"] == "treadle/answer"
        assert entry["extra_info"]["step"] is None
        assert entry["reward_model"]["ground_truth"] == answers[entry["extra_info"]["trajectory"]]


def test_whole_solutions_and_mixed_rows_tell_which_they_are(recipe_of, tmp_path):
    _, _, table, _ = written(recipe_of({"kind": "srl", "unit": "solution"}), tmp_path / "a.parquet")
    assert {entry["data_source"] for entry in table} == {"treadle/solution"}
    _, _, table, _ = written(recipe_of({"kind": "rlvr", "step_share": 0.5}), tmp_path / "b.parquet")
    assert {entry["data_source"] for entry in table} == {"treadle/answer", "treadle/step"}


def test_contrasts_come_with_their_rows(recipe_of, tmp_path):
    rows, _, table, _ = written(
        recipe_of({"kind": "srl", "reward": "margin", "contrasts": 3}), tmp_path / "rows.parquet"
    )
    assert [entry["extra_info"]["contrast"] for entry in table] == rows[:]["contrast"]
    assert {len(entry["extra_info"]["contrast"]) for entry in table} == {3}


def test_no_more_than_a_row_group_is_in_memory(recipe_of, tmp_path, monkeypatch):
    asked = []
    real = Chat.prompts
    monkeypatch.setattr(Chat, "prompts", lambda self, many: asked.append(len(many)) or real(self, many))
    rows, *_ = written(recipe_of({"kind": "srl"}), tmp_path / "rows.parquet", batch=50)
    file = pq.ParquetFile(tmp_path / "rows.parquet").metadata
    sizes = [file.row_group(number).num_rows for number in range(file.num_row_groups)]
    assert sizes == asked == [50] * (len(rows) // 50) + [len(rows) % 50] * bool(len(rows) % 50)


def test_a_template_that_verl_renders_otherwise_is_named(recipe_of, tmp_path):
    recipe = recipe_of({"kind": "srl"})
    chat = recipe_chat(recipe)
    chat.tokenizer.chat_template += "{{ today }}"
    chat.template.variables["today"] = "Monday"  # which treadle gives, and the settings for verl do not say
    with pytest.raises(ModelError, match="the engine would render the prompt of row 1"):
        written(recipe, tmp_path / "rows.parquet", chat=chat)
    assert not (tmp_path / "rows.parquet").exists()
