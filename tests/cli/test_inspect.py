from __future__ import annotations

import io
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from rich.console import Console

from tests.report.reading import Page
from treadle.cli.inspect import inspect
from treadle.data.prepare import PrepareSettings
from treadle.data.prepared import instance_schema
from treadle.data.sources.native import SCHEMA, to_row
from treadle.errors import DataError, OutputError
from treadle.trajectory import Step, Trajectory


def look(source, **options) -> str:
    """What `inspect` prints."""
    out = io.StringIO()
    inspect(source, console=Console(file=out, highlight=False), **options)
    return out.getvalue()


@pytest.fixture
def file(tmp_path, expert_trajectories):
    """Five trajectories with two broken rows between them."""
    rows = [json.dumps(to_row(trajectory)) for trajectory in expert_trajectories[:5]]
    path = tmp_path / "some.jsonl"
    path.write_text("\n".join([rows[0], '{"broken', *rows[1:3], '{"unknown": 1}', *rows[3:]]) + "\n")
    return path


def test_the_first_trajectory_is_shown_with_its_steps(file, expert_trajectories):
    out = look(file)
    assert "━━ problem-0\n" in out
    assert "problem-1" not in out
    for k, step in enumerate(expert_trajectories[0].steps, 1):
        assert f"── step {k} of {len(expert_trajectories[0].steps)}" in out
        assert "\n".join(f"▌ {line}" for line in step.action.splitlines()) in out


def test_rows_that_were_dropped_on_the_way_are_counted(file):
    assert "dropped" not in look(file)
    out = look(file, index=4, limit=9)
    assert [line for line in out.splitlines() if line.startswith("━━")] == ["━━ problem-3", "━━ problem-4"]
    assert "1 of 7 rows dropped, unreadable_json" in out
    assert "1 of 7 rows dropped, unknown_form" in out


def test_an_id_is_found_and_a_near_one_is_named(file):
    assert "━━ problem-2\n" in look(file, id="problem-2")
    with pytest.raises(
        DataError, match="no trajectory with the id 'problem2' among its 5; the nearest ids are 'problem"
    ):
        look(file, id="problem2")
    with pytest.raises(DataError) as raised:
        look(file, id="???")
    assert "nearest" not in str(raised.value)


def test_the_nearest_id_is_found_among_many(tmp_path):
    path = tmp_path / "many.jsonl"
    names = [f"{'x' * (k % 7)}{k}" for k in range(2500)]
    names[1200] = "django__django-11099"
    rows = (json.dumps(to_row(Trajectory(name, "p", (Step("a"),)))) for name in names)
    path.write_text("\n".join(rows))
    with pytest.raises(DataError, match="among its 2,500; the nearest ids are 'django__django-11099'"):
        look(path, id="django_django-11098")


def test_an_index_beyond_the_end(file):
    with pytest.raises(DataError, match=r"some\.jsonl: no trajectory number 6 among its 5\n  1 of 7 rows dropped"):
        look(file, index=6)


def test_a_file_without_trajectories_gives_reasons_and_examples(tmp_path):
    path = tmp_path / "none.jsonl"
    path.write_text('{"a": 1}\n{"b": 2}\n[3]\n')
    with pytest.raises(DataError) as raised:
        look(path)
    message = str(raised.value)
    assert "none of 3 rows could be read as a trajectory" in message
    assert "2 of 3 rows dropped, unknown_form: no form recognises the row" in message
    assert f"for example {path}, line 1: " in message


@pytest.mark.parametrize("options", [{"index": 0}, {"limit": 0}, {"index": 1, "id": "x"}])
def test_settings_that_make_no_sense(file, options):
    with pytest.raises(DataError, match="--"):
        look(file, **options)


def test_failed_trajectories_are_shown_unless_told_otherwise(tmp_path):
    path = tmp_path / "failed.jsonl"
    path.write_text(json.dumps(to_row(Trajectory("t", "p", (Step("a"),), verified=False))))
    assert "verified    no" in look(path)
    with pytest.raises(DataError, match="marked_as_failed"):
        look(path, keep_unverified=False)


def test_a_page_of_all_that_were_chosen(file, tmp_path, expert_trajectories):
    html = tmp_path / "page.html"
    out = look(file, limit=3, html=html)
    assert f"3 on the page {html}" in out
    assert "── step" not in out, "the terminal shows only what each of them is"
    page = Page(html)
    assert page.texts["h1"] == ["some.jsonl"]
    assert len(page.texts["article"]) == sum(len(t.steps) for t in expert_trajectories[:3])


def test_the_input_is_never_overwritten_by_the_page(file):
    before = file.read_text()
    with pytest.raises(OutputError, match="that is the input"):
        look(file, html=file)
    assert file.read_text() == before


def test_long_observations_in_full(tmp_path):
    observation = "\n".join(f"line {k}" for k in range(500))
    path = tmp_path / "long.jsonl"
    path.write_text(json.dumps(to_row(Trajectory("t", "p", (Step("a", observation=observation),), domain="agent"))))
    assert "left out" in look(path)
    assert look(path, full=True).count("│ line ") == 500


def test_a_prepared_folder(tmp_path, expert_trajectories):
    for split, part in (("train", expert_trajectories[:3]), ("heldout", expert_trajectories[3:4])):
        table = pa.Table.from_pylist([to_row(t) for t in part], SCHEMA)
        pq.write_table(table, tmp_path / f"trajectories_{split}.parquet")
        steps = pa.Table.from_pylist([{"trajectory": 0, "step": 1}], instance_schema(PrepareSettings().rendering))
        pq.write_table(steps, tmp_path / f"instances_{split}.parquet")
    (tmp_path / "report.json").write_text("{}")
    assert "━━ problem-1\n" in look(tmp_path, index=2)
    assert "━━ problem-3\n" in look(tmp_path, split="heldout")
    with pytest.raises(DataError, match="no trajectory number 4 among its 3"):
        look(tmp_path, index=4)
    with pytest.raises(DataError, match="expected train or heldout"):
        look(tmp_path, split="test")


@pytest.mark.parametrize(
    "name",
    [
        "swe_smith_messages.jsonl",
        "swe_smith_xml.jsonl",
        "nebius_swe_agent.jsonl",
        "swe_gym_openhands.jsonl",
        "mini_swe_agent.traj.json",
        "swe_agent",
    ],
)
def test_real_samples_can_be_looked_at(data, tmp_path, name):
    html = tmp_path / "page.html"
    out = look(data / "trajectories" / name, limit=100, html=html)
    page = Page(html)
    page.check_self_contained()
    assert out.count("━━ ") == len(page.texts["h2"]) >= 1
    assert len(page.texts["article"]) >= 3 * len(page.texts["h2"])


def test_answers_alone(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text('{"problem": "1+1?", "answer": "2"}\n')
    (trajectory,) = inspect(path, answers_only=True, console=Console(file=io.StringIO()))
    assert (trajectory.problem, trajectory.answer, trajectory.steps) == ("1+1?", "2", ())
