from __future__ import annotations

import shutil

from treadle.evaluate.swe.sources import TaskSource, found, recorded


def test_what_is_written_down_is_found_again_when_all_is_moved(tmp_path, monkeypatch):
    (tmp_path / "a/tasks").mkdir(parents=True)
    (tmp_path / "a/runs/one").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "a")
    place = recorded("tasks", tmp_path / "a/runs/one")
    assert place == {"path": "../../tasks"}
    assert found(place, tmp_path / "a/runs/one") == "tasks"
    shutil.move(tmp_path / "a", tmp_path / "b")
    monkeypatch.chdir(tmp_path)
    assert found(place, tmp_path / "b/runs/one") == "b/tasks"
    monkeypatch.chdir("/")
    assert found(place, tmp_path / "b/runs/one") == str(tmp_path / "b/tasks").lstrip("/")


def test_a_data_set_of_the_hub_is_no_path(tmp_path):
    assert TaskSource("org/set", "test").recorded(tmp_path) == {"source": {"id": "org/set"}, "split": "test"}
    assert found({"id": "org/set"}, tmp_path) == "org/set"
