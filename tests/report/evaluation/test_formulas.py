"""Formulas in a real browser: set, copied as LaTeX, shown as written where asked, and built by the page's script."""

from __future__ import annotations

import pytest

from tests.report.evaluation.runs import attempt, write_run
from treadle.evaluate.records import Problem
from treadle.report.evaluation import write_evaluation_report

STATEMENT = "Find $\\frac{a}{b}$ if \\[a^2 = \\sqrt{b}\\] costs $5 and $6."


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    text = "<think>Is $\\frac{x}{2}$ it?</think>So \\(y = \\boxed{7}\\), not $\\nothing{1}$ <img src=x>"
    run = tmp_path_factory.mktemp("formulas") / "run"
    attempts = [attempt("set", "a", "whole", "greedy", 0, text=text)]
    return write_evaluation_report(write_run(run, [Problem("a", STATEMENT, "7", benchmark="set")], attempts))


def test_formulas_are_drawn_and_copied_as_latex(browser, page):
    browser.open(page, "open=set/a")
    assert browser.run("document.querySelectorAll('.statement mfrac').length") == 1
    fraction = "document.querySelector('.statement mfrac').getBoundingClientRect()"
    assert browser.run(f"{fraction}.height > 1.3 * {fraction}.width"), "one above the other"
    copied = "getSelection().selectAllChildren(document.querySelector('.statement pre')) ?? getSelection().toString()"
    assert " ".join(browser.run(copied).split()) == " ".join(STATEMENT.split())


def test_the_pages_script_builds_the_same_formulas(browser, page):
    browser.open(page, "open=set/a")
    assert browser.run("document.querySelectorAll('.attempt .thought mfrac').length") == 1
    assert browser.run("document.querySelectorAll('.attempt math').length") == 2
    assert browser.run("document.querySelector('.attempt mfrac').namespaceURI").endswith("MathML")
    assert browser.run("document.querySelectorAll('.attempt .source[aria-hidden=true]').length") == 2, "read out once"
    last = browser.run("[...document.querySelectorAll('.attempt pre')].at(-1).textContent")
    assert last.endswith("not $\\nothing{1}$ <img src=x>")
    assert browser.run("document.querySelectorAll('.attempt img').length") == 0


def test_latex_is_shown_as_written_where_asked(browser, page):
    browser.open(page, "open=set/a")
    browser.run("document.querySelector('#as-written').click()")
    seen = " ".join(browser.run("document.querySelector('.statement pre').innerText").split())
    assert seen == " ".join(STATEMENT.split())


def test_problems_stand_before_what_few_ask_for(browser, page):
    browser.open(page)
    order = browser.run("[...document.querySelectorAll('#results, #lost, #problems, #ends, #plots')].map(e => e.id)")
    assert order == ["results", "lost", "problems", "ends", "plots"]
    browser.window(1300)
    assert browser.run("document.querySelector('#problems .item').getBoundingClientRect().top + scrollY") < 1500
    assert "No attempt has any." not in browser.run("document.body.innerText"), "thoughts, which there are"
    assert "None in any row: truncated, empty, failed" in browser.run("document.querySelector('main').innerText")


def test_the_script_leaves_code_as_it_is(browser, tmp_path):
    """Beside a set of mathematics with the same text, whose formulas the page has."""
    text = "<think>so</think>echo $\\frac{1}{2}$"
    both = [Problem("a", "Say it.", "7", domain=domain, benchmark=domain) for domain in ("lean", "math")]
    attempts = [attempt(domain, "a", "whole", "greedy", 0, text=text) for domain in ("lean", "math")]
    page = write_evaluation_report(write_run(tmp_path / "run", both, attempts))
    for name, count in (("lean", 0), ("math", 1)):
        browser.open(page, f"open={name}/a")
        assert browser.run("document.querySelectorAll('.attempt math').length") == count
