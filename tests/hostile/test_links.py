from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.hostile.driver import contents
from treadle.data.prepare import prepare
from treadle.errors import OutputError
from treadle.evaluate.store import Journal
from treadle.files.output import appearing, check_out, check_place
from treadle.recipe.folders import starting_point, tidy
from treadle.report.pages import write_page
from treadle.training.journal import append_lines, truncate_after
from treadle.training.resume import checkpoints


@pytest.fixture
def victim(scratch) -> Path:
    """A folder of somebody's own beside the one that treadle works in."""
    folder = scratch.parent / "victim"
    (folder / "model").mkdir(parents=True)
    (folder / "report.json").write_text("{}")
    (folder / "run.json").write_text("{}")
    (folder / "mine.jsonl").write_text('{"step": 9}')
    return folder


@pytest.fixture
def untouched(victim):
    before = contents(victim)
    yield
    assert contents(victim) == before


pytestmark = pytest.mark.usefixtures("untouched")


def test_overwrite_does_not_follow_an_output_that_is_a_link(solutions, scratch, victim):
    (scratch / "out").symlink_to(victim)
    with pytest.raises(OutputError, match=r"a link to .*victim, and --overwrite deletes nothing through a link"):
        prepare(solutions, scratch / "out", overwrite=True)
    assert (scratch / "out").is_symlink()


def test_overwrite_from_the_command_line(treadle, solutions, scratch, victim):
    (scratch / "out").symlink_to(victim)
    treadle("prepare", solutions, "-o", "out", "--overwrite").refused("out: a link to", "remove the link")


def test_an_output_on_a_linked_disk(solutions, scratch):
    disk = scratch.parent / "disk"
    disk.mkdir()
    (scratch / "runs").symlink_to(disk)
    prepare(solutions, scratch / "runs" / "a")
    prepare(solutions, scratch / "runs" / "a", overwrite=True)
    assert (disk / "a" / "report.json").is_file()
    assert (scratch / "runs").is_symlink()
    assert [path.name for path in disk.iterdir()] == ["a"]


def test_a_linked_output_that_is_empty_is_filled(solutions, scratch):
    disk = scratch.parent / "disk"
    disk.mkdir()
    (scratch / "out").symlink_to(disk)
    prepare(solutions, scratch / "out")
    assert (scratch / "out").is_symlink()
    assert (disk / "report.json").is_file()


def test_a_link_to_nothing(scratch):
    (scratch / "out").symlink_to(scratch / "gone")
    with pytest.raises(OutputError, match=r"out is a link to .*gone, which is not there"):
        check_place(scratch / "out")
    with pytest.raises(OutputError, match="which is not there"):
        check_out(scratch / "out" / "deeper", False, "report.json")


def test_a_scratch_name_that_is_a_link(solutions, scratch, victim):
    (scratch / ".out.partial").symlink_to(victim)
    (scratch / ".out.old").symlink_to(victim)
    prepare(solutions, scratch / "out")
    prepare(solutions, scratch / "out", overwrite=True)
    assert (scratch / "out" / "report.json").is_file()


def test_links_within_what_is_replaced(solutions, scratch, victim):
    prepare(solutions, scratch / "out")
    (scratch / "out" / "more").symlink_to(victim)
    (scratch / "out" / "file").symlink_to(victim / "mine.jsonl")
    prepare(solutions, scratch / "out", overwrite=True)
    assert not (scratch / "out" / "more").is_symlink()


@pytest.mark.parametrize(
    "write", [lambda path: append_lines(path, ["{}\n"]), lambda path: truncate_after(path, 1), Journal]
)
def test_journals(scratch, victim, write):
    """One that is cut back would empty a file whose last line has no end."""
    (scratch / "journal.jsonl").symlink_to(victim / "mine.jsonl")
    with pytest.raises(OutputError, match=r"journal\.jsonl: a link to"):
        write(scratch / "journal.jsonl")


def test_pages(scratch, victim):
    (scratch / "page.html").symlink_to(victim / "mine.jsonl")
    with pytest.raises(OutputError, match=r"page\.html: a link to"):
        write_page(scratch / "page.html", "report/style.css.j2")


@pytest.fixture
def stage(scratch, victim) -> Path:
    """A stage's folder with a whole checkpoint, and links among it."""
    folder = scratch / "1-srl"
    whole = folder / ".checkpoint.partial" / "checkpoint-5"
    whole.mkdir(parents=True)
    (whole / "trainer_state.json").write_text("{}")
    checkpoints.seal(whole, 1)
    checkpoints.publish(whole, folder)
    for name in ("checkpoint-9", ".checkpoint.partial", ".checkpoint-3.removed", ".model.partial", ".adapter.partial"):
        (folder / name).symlink_to(victim)
    return folder


def test_a_checkpoint_that_is_a_link_is_none(stage, capsys):
    assert starting_point(stage) == str(stage / "checkpoint-5")
    assert "skipping a damaged checkpoint" in capsys.readouterr().err
    assert sorted(path.name for path in stage.iterdir()) == ["checkpoint-5", "checkpoint-9"]


def test_checkpoints_are_rotated_and_tidied(stage):
    checkpoints.rotate(stage, stage / "checkpoint-5", 1)
    assert not (stage / "checkpoint-9").is_symlink()
    tidy(stage)
    assert list(stage.iterdir()) == []


def test_a_finished_stage_that_lies_elsewhere_is_left_alone(scratch, victim):
    (victim / "checkpoint-7").mkdir()
    (scratch / "1-srl").symlink_to(victim)
    tidy(scratch / "1-srl")
    assert (victim / "checkpoint-7").is_dir()
    (victim / "checkpoint-7").rmdir()


def test_a_checkpoint_takes_the_place_of_a_link(stage, victim):
    checkpoints.clean(stage)
    whole = stage / ".checkpoint.partial" / "checkpoint-9"
    whole.mkdir(parents=True)
    checkpoints.seal(whole, 1)
    assert not checkpoints.publish(whole, stage).is_symlink()


@pytest.mark.parametrize("name", ["../../victim/mine.jsonl", "/etc/hostname", ".."])
def test_a_manifest_that_names_files_elsewhere(stage, name):
    manifest = stage / "checkpoint-5" / "checkpoint.json"
    manifest.write_text(json.dumps({"files": {name: {"bytes": 1, "sha256": "0"}}}))
    assert "which is outside the folder" in checkpoints.problem_of(stage / "checkpoint-5")


def test_an_appearing_folder_that_fails(scratch, victim):
    def fail() -> None:
        with appearing(scratch / "out", False) as folder:
            (folder / "link").symlink_to(victim)
            raise ValueError("stop")

    with pytest.raises(ValueError, match="stop"):
        fail()
    assert list(scratch.iterdir()) == []


EVALUATE = ("evaluate", "miniature", "--mode", "whole", "--max-new-tokens", 4, "--data", "rows.jsonl", "-o")


@pytest.fixture
def run(treadle, scratch) -> Path:
    (scratch / "rows.jsonl").write_text('{"problem": "1+1?", "answer": "2"}\n')
    assert (
        treadle(
            "evaluate", "miniature", "--mode", "whole", "--max-new-tokens", 4, "--data", "rows.jsonl", "-o", "run"
        ).code
        == 0
    )
    return scratch / "run"


def test_view_removes_nothing_outside_its_run(treadle, run, victim):
    """Eight hexadecimal digits are what its older side files are in."""
    (victim / "0123abcd").mkdir()
    (run / "report").symlink_to(victim)
    treadle("view", "run").refused("report: a link to")
    (run / "report").unlink()
    (run / "report").mkdir()
    (run / "report" / "0123abcd").symlink_to(victim)
    assert treadle("view", "run").code == 0
    (victim / "0123abcd").rmdir()


def test_evaluating_again_writes_through_no_link(treadle, run, victim, scratch):
    (run / "results.json").unlink()
    (run / "results.json").symlink_to(victim / "mine.jsonl")
    treadle(*EVALUATE, "run").refused("results.json: a link to")
    (scratch / "linked").symlink_to(victim)
    treadle(*EVALUATE, "linked", "--overwrite").refused(
        "linked: a link to", "--overwrite deletes nothing through a link"
    )
