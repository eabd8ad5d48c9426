from __future__ import annotations

import json
import re
from dataclasses import replace
from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np
import pytest
import typer
from PIL import Image
from typer.testing import CliRunner

from tests.evaluate.run_folders import with_step_samples, with_steps, write_run
from tests.evaluate.test_step_calls import STEPS
from tests.report.reading import Page
from treadle.cli.compare import compare as command
from treadle.cli.main import app as treadle_app
from treadle.errors import DataError
from treadle.evaluate.compare.arms import read_arms
from treadle.evaluate.compare.paper import PROBLEMS
from treadle.evaluate.compare.run import compare
from treadle.evaluate.known_sets import KNOWN
from treadle.report.compare import as_markdown, write_comparison
from treadle.report.compare import steps as steps_module
from treadle.report.compare.plots import FLOOR as FLOOR_STYLE
from treadle.report.compare.plots import save
from treadle.report.svg import axis_for, difference_axis
from treadle.statistics.estimates import Estimate

app = typer.Typer()
app.command()(command)
SHA = {name: KNOWN[name].sha256 for name in PROBLEMS}


def paper_like(seed, gain=0.0):
    """Answers to the paper's four benchmarks in whole solutions, as many columns as it prints."""
    skills, rng = np.random.default_rng(0), np.random.default_rng(seed)
    right = {}
    for name, size in PROBLEMS.items():
        skill = skills.random((size, 1)) * 0.6 + gain
        right[name, "whole", "greedy"] = rng.random((size, 1)) < skill
        if name != "minerva":
            right[name, "whole", "sampled"] = rng.random((size, 8)) < skill
    return right


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    base = write_run(folder / "base", paper_like(1), model="org/base-7b", sha256=SHA)
    better = write_run(folder / "better", paper_like(2, 0.3), model="out/<b>srl", sha256=SHA)
    return [base, better]


@pytest.fixture(scope="module")
def comparison(runs):
    return compare(read_arms(runs))


@pytest.fixture(scope="module")
def written(comparison, tmp_path_factory):
    out = tmp_path_factory.mktemp("out") / "compared"
    write_comparison(comparison, out, paper=True)
    return out


def test_the_tables_of_the_terminal(comparison):
    text = as_markdown(comparison, paper=True)
    row = next(line for line in text.splitlines() if line.startswith("| paper: SRL (7B) | 50.0"))
    # 20 of 40, 5 of 30, 4 of 30 and 99 of 272, with Wilson's intervals.
    assert row == (
        "| paper: SRL (7B) | 50.0 (35.2 to 64.8) | 16.7 (7.3 to 33.6) | 13.3 (5.3 to 29.7) | 36.4 (30.9 to 42.3) |"
    )
    assert "| paper: SRL (7B) | 51.5 | 13.2 | 7.1 |" in text
    assert "27.6†" in text
    assert "† paper: SRL (7B): the printed average 27.6 does not follow from its columns, which give 26.9." in text
    assert text.count("†") == 2
    assert re.search(r"- <b>srl solves \d+\.\d points more than base-7b \(95% interval \+", text)
    assert "Holm's over the 10 comparisons shown" in text


def test_every_line_of_a_table_has_as_many_cells(comparison):
    for block in as_markdown(comparison, paper=True).split("\n\n"):
        lines = [line for line in block.splitlines() if line.startswith("|")]
        assert len({line.count("|") for line in lines}) <= 1


def test_without_the_option_there_is_no_paper(comparison):
    assert "paper:" not in as_markdown(comparison)


def test_the_paper_is_not_put_beside_other_problems(tmp_path):
    run = write_run(tmp_path / "a", {("aime24", "whole", "greedy"): [[1], [0]]})
    text = as_markdown(compare(read_arms([run])), paper=True)
    assert "The paper's table is not shown" in text
    assert "paper: SRL" not in text


def test_the_paper_stands_beside_whole_solutions_only(tmp_path):
    run = write_run(tmp_path / "a", {("aime24", "loop", "greedy"): np.ones((30, 1), int)}, sha256=SHA)
    assert "The paper's table is not shown" in as_markdown(compare(read_arms([run])), paper=True)


def test_the_page_is_self_contained_and_says_what_was_found(written):
    page = Page(written / "compare.html")
    page.check_self_contained()
    assert "27.6†" in page.text
    assert "which give 26.9" in page.text
    assert "cannot be told apart" in page.text
    assert "better in" in page.text


def test_text_of_runs_stays_text(written):
    source = (written / "compare.html").read_text()
    assert "<b>srl" not in source
    assert "&lt;b&gt;srl solves" in source


def test_the_pictures_are_there(written):
    for name in ("figures.png", "differences.png"):
        with Image.open(written / name) as image:
            assert image.size[0] > 800
            assert len(image.convert("RGB").getcolors(1 << 24)) > 50


def test_the_data_file_holds_every_test(written, comparison):
    data = json.loads((written / "compare.json").read_text())
    assert len(data["tests"]) == len(comparison.pairs) == 10
    assert all(test["low"] <= test["value"] <= test["high"] for test in data["tests"])


FLOOR = {"name": "step_before", "value": 0.4, "low": 0.37, "high": 0.44}
HALVES = [[0.4, 0.6], [0.5, 0.5], [0.6, 0.7], [0.3, 0.4]]


def step_runs(folder, *given):
    """Runs of steps alone: `HALVES` in all, with what is given of the floor."""
    return [
        with_steps(write_run(folder / f"run{k}", {}, model=f"m|{k}"), HALVES, **more) for k, more in enumerate(given)
    ]


def test_the_floor_stands_beside_a_similarity_in_the_table(tmp_path):
    """A mean of 0.5; the policy's name and interval stand in a column of their own."""
    runs = step_runs(
        tmp_path, {"floor": FLOOR}, {}, {"floor": {**FLOOR, "name": "of_tomorrow", "low": None, "high": None}}
    )
    text = as_markdown(compare(read_arms(runs)))
    first, second, third = (line for line in text.splitlines() if line.startswith("| m"))
    assert re.fullmatch(
        r"\| m\\\|0 \| 0\.500 \(floor 0\.400\) \| 0\.\d{3} to 0\.\d{3} \| \+0\.100 \([+-]0\.\d{3} to \+0\.\d{3}\) "
        r"\| the step before, repeated, 0\.370 to 0\.440 \| 8 of 4 trajectories \|",
        first,
    )
    assert "| 0.500 (floor not known) |" in second
    assert "| +0.100 | of_tomorrow, no interval |" in third
    assert "Note: m|1: the floor of its next steps is not known: none was given" in text
    assert "percent solved" not in text
    assert "nothing can be tested" not in text


def test_the_page_and_the_picture_draw_the_floor_as_a_line(tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr(steps_module, "save", lambda figure, path: (drawn.append(figure.axes[0]), save(figure, path)))
    for name, floors, lines in (
        ("common", ({"floor": FLOOR}, {"floor": FLOOR}), [([0.4, 0.4], [0, 1])]),
        (
            "own",
            ({"floor": FLOOR}, {"floor": {**FLOOR, "value": 0.45}}, {}),
            [([0.4] * 2, [-0.3, 0.3]), ([0.45] * 2, [0.7, 1.3])],
        ),
        ("none", ({}, {}), []),
    ):
        found = compare(read_arms(step_runs(tmp_path / name, *floors)))
        files = write_comparison(found, tmp_path / name / "out")
        assert {path.name for path in files} == {"compare.html", "steps.png", "compare.json"}
        page = Page(tmp_path / name / "out" / "compare.html")
        page.check_self_contained()
        known = [step for step in found.steps if step.floor]
        assert ("0.500 (floor 0.400)" in page.text) == bool(known)
        in_legend = bool(known)
        assert page.attributes("class", "line").count("floor") == len(known) + in_legend
        axes = drawn[-1]
        dashed = [line for line in axes.lines if line.get_color() == FLOOR_STYLE["color"]]
        assert [tuple(map(list, line.get_data())) for line in dashed] == lines
        said = {text.get_text() for text in axes.texts}
        own = {"floor not known", *(f"floor {step.floor['value']:.2f}" for step in known)}
        assert said == ({"floor 0.40"} if name == "common" else own)
        source = (tmp_path / name / "out" / "compare.html").read_text(encoding="utf-8")
        assert source.count("<code>treadle prepare</code>") == len(found.steps) - len(known), (
            "in the note that says why there is none"
        )
        with Image.open(tmp_path / name / "out" / "steps.png") as image:
            assert image.size[0] > 800
    plt.close("all")


def test_tools_and_files_of_agents_steps_stand_side_by_side(tmp_path):
    worse = [replace(step, action="cd nowhere", exact=False) for step in STEPS]
    runs = [
        with_step_samples(write_run(tmp_path / name, {}, model=f"m|{name}"), steps)
        for name, steps in (("base", worse), ("srl", STEPS))
    ]
    found = compare(read_arms(runs))
    lines = [line for line in as_markdown(found).splitlines() if line.startswith("| all steps |")]
    assert [line.split(" | ")[1:3] for line in lines] == [["m\\|base", "6"], ["m\\|srl", "6"]]
    cells = lines[1].split(" | ")
    assert re.fullmatch(r"66\.7 \(\d+\.\d to \d+\.\d\)", cells[4]), "exact tool"
    assert cells[5] == "66.7", "exact command, of one trajectory, which says nothing of others"
    write_comparison(found, tmp_path / "out")
    page = Page(tmp_path / "out" / "compare.html")
    page.check_self_contained()
    for part in ("Tools and files of agents' steps", "by repository", "org/two", "66.7", "75.0"):
        assert part in page.text
    plt.close("all")


def test_one_run_alone_has_figures_and_no_differences(runs, tmp_path):
    files = write_comparison(compare(read_arms(runs[:1])), tmp_path / "out")
    assert {path.name for path in files} == {"compare.html", "figures.png", "compare.json"}
    page = Page(tmp_path / "out" / "compare.html")
    page.check_self_contained()
    assert "Differences from" not in page.text


@pytest.mark.parametrize("bounds", [(0.0, 0.0, 0.0), (1.0, 1.0, 1.0), (0.31, 0.3, 0.33), (0.5, 0.0, 1.0)])
def test_an_axis_holds_its_intervals_and_labels_do_not_touch(bounds):
    for axis in (axis_for([Estimate(*bounds)]), difference_axis([Estimate(*bounds)])):
        places = [at for at, _ in axis.ticks]
        assert axis.low <= bounds[1] + 1e-9
        assert bounds[2] - 1e-9 <= axis.high
        assert places == sorted(places)
        assert min(b - a for a, b in pairwise(places)) >= 18
        assert len({label for _, label in axis.ticks}) == len(places)


def test_the_command(runs, tmp_path):
    out = tmp_path / "out"
    done = CliRunner().invoke(app, [*map(str, runs), "--paper", "-o", str(out)])
    assert done.exit_code == 0, done.output
    assert "**whole solutions, greedy**" in done.output
    assert f"written to {out / 'compare.html'}" in done.output
    assert (out / "figures.png").exists()


def test_the_command_with_groups_and_a_baseline(runs):
    base, better = map(str, runs)
    done = CliRunner().invoke(app, ["--group", f"SRL={better}", "--group", f"Base={base}", "--baseline", "Base"])
    assert done.exit_code == 0, done.output
    assert "- SRL solves" in done.output
    assert "more than Base" in done.output


def test_the_command_refuses_other_graders_by_name(runs, tmp_path):
    other = write_run(tmp_path / "other", paper_like(3), model="other", grader="rules 2", sha256=SHA)
    done = CliRunner().invoke(app, [str(runs[0]), str(other)])
    assert isinstance(done.exception, DataError)
    assert "--any-grader" in str(done.exception)
    assert CliRunner().invoke(app, [str(runs[0]), str(other), "--any-grader"]).exit_code == 0


def test_no_text_of_the_page_overlaps_in_a_browser(written, browser):
    """Figures do not leave their cells, and the page is no wider than the window."""
    browser.window(1300)
    browser.open(written / "compare.html")
    boxes = browser.run(
        "[...document.querySelectorAll('th svg text')].map(t => t.getBoundingClientRect())"
        ".map(box => [box.top, box.left, box.right])"
    )
    assert not [1 for a, b in pairwise(boxes) if a[0] == b[0] and a[1] < b[1] < a[2]]
    outside = """[...document.querySelectorAll('td svg')].filter(s => {
      const cell = s.closest('td').getBoundingClientRect(), box = s.getBoundingClientRect();
      return box.right > cell.right + 1 || box.left < cell.left - 1; }).length"""
    assert browser.run(outside) == 0
    assert browser.run("document.documentElement.scrollWidth <= window.innerWidth")


def test_runs_of_a_real_model(tiny_folder, tmp_path):
    """The way from a model to a comparison, by the command line: nothing solved, so nothing can be told apart."""
    data = tmp_path / "sums.jsonl"
    rows = [{"id": str(i), "problem": f"{i}23a98", "answer": str(i)} for i in range(3)]
    data.write_text("".join(json.dumps(row) + "\n" for row in rows))
    for seed in ("0", "1"):
        arguments = ["evaluate", str(tiny_folder), "--data", str(data), "--domain", "miniature", "--mode", "whole"]
        arguments += ["--samples", "2", "--max-new-tokens", "4", "--seed", seed, "-o", str(tmp_path / f"run-{seed}")]
        done = CliRunner().invoke(treadle_app, arguments)
        assert done.exit_code == 0, done.output
    done = CliRunner().invoke(app, [str(tmp_path / "run-0"), str(tmp_path / "run-1")])
    assert done.exit_code == 0, done.output
    assert "- run-1 and run-0 solve the same share" in done.output
    assert "Different" not in done.output
