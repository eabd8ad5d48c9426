from __future__ import annotations

import pytest

from tests.evaluate.swe.test_experts import row as expert
from tests.evaluate.swe.test_experts import write as write_experts
from tests.report.evaluation.test_browser import HOSTILE
from tests.report.swe.folders import GOLD, graded, outcome, step, write_grades, write_run, write_tasks
from treadle.evaluate.compare.task_arms import read_task_arms
from treadle.evaluate.compare.tasks import compare_tasks
from treadle.evaluate.swe.instances import read_instances
from treadle.report.swe.compare import write_swe_comparison
from treadle.report.swe.page import write_swe_report
from treadle.visible import visible

SHOWN = """[...document.querySelectorAll("#tasks .item:not([hidden]) .id")].map(e => e.textContent)"""
LINES = (
    "[...document.querySelectorAll('.item[open] .diff .line')]"
    ".map(e => e.className.replace('line ', '') + '|' + e.textContent)"
)
ODD = (
    "diff --git a/m.py b/m.py\n--- a/m.py\n+++ b/m.py\n@@ -1,2 +1,2 @@\n context\n--- minus\n+++ plus\n"
    "@@ -9 +9 @@\n-x\n+y\n\\ No newline at end of file\n"
)


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    folder = tmp_path_factory.mktemp("swe")
    tasks = write_tasks(folder / "tasks", ["a", "b", "c"])
    steps = [step(k, observation=f"seen {k}") for k in (1, 2, 3)]
    outcomes = [
        outcome("a", ODD, steps, tokens=10),
        outcome("b", GOLD, [step(1)], tokens=30, figures={"stop": "repeated"}),
        outcome("c", "", tokens=20),
    ]
    run = write_run(folder / "run", tasks, outcomes)
    grades = write_grades(folder / "grades", run, tasks, {"a": "resolved", "b": "unresolved", "c": "empty"})
    return write_swe_report(grades, experts=str(write_experts(folder / "e.jsonl", expert("a"))))


def test_filters_orders_and_search(browser, page):
    browser.open(page)
    assert browser.run(SHOWN) == ["a", "b", "c"]
    browser.open(page, "state=unresolved")
    assert browser.run(SHOWN) == ["b"]
    browser.open(page, "stop=submitted&with=no_patch")
    assert browser.run(SHOWN) == ["c"]
    browser.open(page, "sort=tokens")
    assert browser.run(SHOWN) == ["b", "c", "a"]
    browser.open(page, "q=SEEN+3")
    assert browser.run(SHOWN) == ["a"]
    assert browser.run("document.querySelector('[role=status]').textContent") == "1 of 3 tasks shown"
    assert not browser.problems


def test_a_diff_is_coloured_by_what_its_lines_are(browser, page):
    browser.open(page, "a")
    browser.until("document.querySelectorAll('.item[open] .diff').length === 2")
    assert browser.run(LINES)[:11] == [
        "head|diff --git a/m.py b/m.py",
        "head|--- a/m.py",
        "head|+++ b/m.py",
        "hunk|@@ -1,2 +1,2 @@",
        "| context",
        "del|--- minus",
        "add|+++ plus",
        "hunk|@@ -9 +9 @@",
        "del|-x",
        "add|+y",
        "|\\ No newline at end of file",
    ]


def test_steps_open_beside_the_expert_s(browser, page):
    browser.open(page, "a")
    rows = "document.querySelectorAll('.item[open] .act')"
    browser.until(f"{rows}.length === 3")
    assert browser.run(f"{rows}[0].querySelectorAll('.pair').length") == 0, "drawn when they are opened"
    assert browser.run(f"{rows}[0].querySelector('.like').textContent") == "1.00"
    browser.run("document.querySelector('.item[open] .steps button').click()")
    assert browser.run(f"[...{rows}].map(e => e.querySelectorAll('.pair > .action').length)") == [2, 2, 2]
    text = browser.run(f"{rows}[0].querySelector('.pair').textContent")
    assert "I look." in text
    assert "seen 1" in text
    assert "The expert took no further step." in browser.run(f"{rows}[2].textContent")


@pytest.mark.parametrize("width", [400, 1300])
def test_nothing_is_wider_than_the_window(browser, page, width):
    browser.window(width)
    browser.open(page, "a")
    browser.until("Boolean(document.querySelector('.item[open] .diff'))")
    assert browser.run("document.documentElement.scrollWidth <= innerWidth")
    browser.window(1300)


def test_hostile_text_is_shown_and_does_nothing(browser, tmp_path):
    tasks = write_tasks(
        tmp_path / "tasks", [HOSTILE, "plain"], problem_statement=HOSTILE, repo=HOSTILE, FAIL_TO_PASS=[HOSTILE]
    )
    patch = GOLD + HOSTILE + "\n"
    steps = [step(1, HOSTILE, HOSTILE, HOSTILE, fault=HOSTILE)]
    more = {"figures": {"stop": HOSTILE, "gold": [HOSTILE], "found": [HOSTILE]}}
    run = write_run(tmp_path / "run", tasks, [outcome(n, patch, steps, **more) for n in (HOSTILE, "plain")], HOSTILE)
    first, second = read_instances(tasks)
    one = {HOSTILE: graded(first, "unresolved", HOSTILE), "plain": graded(second, "resolved")}
    two = {HOSTILE: graded(first, "resolved"), "plain": graded(second, "resolved")}
    grades = write_grades(tmp_path / "one", run, tasks, one, {HOSTILE + "x": HOSTILE})
    others = write_grades(tmp_path / "two", run, tasks, two)
    experts = write_experts(tmp_path / "e.jsonl", expert("plain", HOSTILE))
    browser.problems.clear()
    for path in (write_swe_report(grades, experts=str(experts)), write_swe_report(run)):
        browser.open(path)
        browser.run("document.querySelectorAll('.item').forEach(item => item.open = true)")
        browser.until("document.querySelectorAll('.item[open] .steps button').length === 2")
        browser.run("document.querySelectorAll('.item[open] .steps button').forEach(button => button.click())")
        seen = visible(HOSTILE)
        text = browser.run("document.body.textContent")
        assert text.count(seen) >= 12
        assert browser.run("window.ran") is None
        assert browser.run("document.querySelectorAll('img').length") == 0
    written = write_swe_comparison(compare_tasks(read_task_arms([grades, others])), tmp_path / "out")
    browser.open(written[0])
    assert visible(HOSTILE) in browser.run("document.body.textContent")
    assert browser.run("window.ran") is None
    assert not browser.problems
