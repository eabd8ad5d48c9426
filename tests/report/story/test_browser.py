"""The pages that tell of a base model and a trained one, in a browser: to read, with keys alone, on paper."""

from __future__ import annotations

import re

import pytest

from tests.report.contrast import contrasts, ratio
from tests.report.evaluation.runs import attempt, step, write_run
from tests.report.reading import Page
from treadle.evaluate.compare.arms import read_arms
from treadle.evaluate.compare.run import compare
from treadle.evaluate.records import Problem, Stop
from treadle.report.compare import write_comparison
from treadle.report.evaluation import write_evaluation_report
from treadle.scoring.completion import FormatFault
from treadle.visible import visible

HOSTILE = "</pre></details><script>window.ran = 1</script><img src=x onerror='window.ran = 1'>{{ 7 * 7 }}\x1b[31m\u202e"
LATEX = "\\begin{aligned}\na &< b \\\\\n&= \\frac{1}{2}\n\\end{aligned}"
NAMES = ["a", "b", "c d", "e/f", HOSTILE, *map(str, range(12))]
BASE, SRL = "rwwr" + "r" + "wwwwwwwrrrrw", "wrrw" + "w" + "rrrrrrrwwnnw"


def write(folder, verdicts, model):
    problems = [Problem(id, f"What is {id}? ${LATEX}$", "7", benchmark="set") for id in NAMES]
    attempts = []
    for id, verdict in zip(NAMES, verdicts, strict=True):
        text = f"<think>{model} thinks {HOSTILE}</think>\n{model} writes {LATEX}\n" + "long line " * 300
        more = {"stop": Stop.TRUNCATED} if verdict == "n" else {}
        attempts.append(attempt("set", id, "whole", "greedy", 0, verdict, text=text, thoughts=[], why=HOSTILE, **more))
        fault = FormatFault.NO_THINK_BLOCK if id in "ab" else None
        attempts += [attempt("set", id, "whole", "sampled", k, v, fault=fault) for k, v in enumerate("rw")]
    return write_run(folder, problems, attempts, [step("t", 1, "x = 2", "x = 3")], model=model)


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    folder = tmp_path_factory.mktemp("story")
    base, srl = write(folder / "base", BASE, "org/base"), write(folder / "srl", SRL, "out/srl")
    write_evaluation_report(base)
    view = write_evaluation_report(srl, base)
    write_comparison(compare(read_arms([base, srl])), folder / "compared")
    return {"alone": base / "report.html", "view": view, "compare": folder / "compared/compare.html"}


EVERY = pytest.mark.parametrize("name", ["alone", "view", "compare"])
BOTH = pytest.mark.parametrize("name", ["view", "compare"])
FLIPS = "[...document.querySelectorAll('.flip')]"
OPEN_ALL = "document.querySelectorAll('details').forEach(e => e.open = true)"


@EVERY
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_every_text_stands_out_from_what_is_behind_it(browser, pages, name, scheme, width):
    browser.window(width, scheme=scheme)
    browser.open(pages[name])
    browser.run(OPEN_ALL)
    browser.until("document.querySelectorAll('.item').length === document.querySelectorAll('.item .content').length")
    found = contrasts(browser)
    assert len(found) > 100
    assert [one for one in found if one[0] < 4.5] == []
    browser.run("document.querySelector('#as-written').click()")
    written = [one for one in contrasts(browser) if 'class="source"' in one[2]]
    assert len(written) == browser.run("document.querySelectorAll('.tex .source').length") > 10
    assert [one for one in written if one[0] < 4.5] == []


@BOTH
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_marks_stand_out_too(browser, pages, name, scheme):
    """3 to 1 for what is no text (success criterion 1.4.11)."""
    browser.window(1280, scheme=scheme)
    browser.open(pages[name])
    style = "getComputedStyle(document.documentElement).getPropertyValue('--{}').trim()"
    marks = ["arm", "worse", "paper", "floor", "accent", *(("right", "wrong") if name == "view" else ())]
    page = browser.run(style.format("page"))
    assert {mark: ratio(browser.run(style.format(mark)), page) for mark in marks if
            ratio(browser.run(style.format(mark)), page) < 3} == {}  # fmt: skip


@EVERY
@pytest.mark.parametrize("width", [1280, 390])
def test_nothing_is_wider_than_the_window(browser, pages, name, width):
    browser.window(width)
    browser.open(pages[name])
    browser.run(OPEN_ALL)
    assert browser.run("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    cut = """[...document.querySelectorAll('.flip > summary > *, .side, .changes td')]
      .filter(e => e.clientWidth && e.scrollWidth > e.clientWidth + 1 && !e.matches('.label'))
      .map(e => e.outerHTML.slice(0, 80))"""
    assert browser.run(cut) == []


@BOTH
def test_the_story_is_told_before_one_scrolls_far(browser, pages, name):
    browser.window(1280, 900)
    browser.open(pages[name])
    places = {
        h: browser.run(f"document.getElementById('{h}').getBoundingClientRect().top")
        for h in ("changes", "flips", "lost")
    }
    assert places["changes"] < 300
    assert places["flips"] < 900
    assert places["lost"] < 1800


@BOTH
def test_ten_flips_with_both_texts_side_by_side(browser, pages, name):
    browser.window(1280)
    browser.open(pages[name])
    turns = browser.run(f"{FLIPS}.map(f => f.querySelector('.turn').textContent)")
    assert turns == ["wrong → right"] * 5 + ["right → wrong"] * 5
    assert browser.run(f"{FLIPS}.some(f => f.open)") is False
    browser.run(OPEN_ALL)
    texts = "[...s.querySelectorAll('pre')].map(p => p.textContent)"
    texts = f"{FLIPS}.map(f => [...f.querySelectorAll('.side')].map(s => {texts}))"
    for before, after in browser.run(texts):
        assert before[0] == f"<think>org/base thinks {visible(HOSTILE)}</think>"
        assert after[1].startswith(f"out/srl writes {LATEX}\nlong line ")
    boxes = "[...f.querySelectorAll('.side')].map(s => s.getBoundingClientRect())"
    boxes = f"{FLIPS}.map(f => {boxes}.map(b => [b.left, b.right, b.top, b.bottom]))"
    assert all(a[2] == b[2] and a[1] < b[0] for a, b in browser.run(boxes)), "beside one another"
    browser.window(390)
    assert all(a[3] <= b[2] and a[0] == b[0] for a, b in browser.run(boxes)), "below one another"


@BOTH
def test_texts_of_models_do_nothing(browser, pages, name):
    before = len(browser.problems)
    browser.open(pages[name])
    browser.run(OPEN_ALL)
    assert browser.run("window.ran") is None
    assert browser.run("document.querySelectorAll('img, iframe, link, object').length") == 0
    assert browser.problems[before:] == []
    Page(pages[name])


def test_the_comparison_lets_no_script_through(browser, pages):
    source = pages["compare"].read_text()
    assert "<script" not in source
    page = Page(pages["compare"])
    assert "default-src 'none'; style-src 'unsafe-inline'" in page.attributes("content", "meta")[1]
    assert {href.split("#")[0] for href in page.attributes("href")} == {"", "../base/report.html", "../srl/report.html"}


@EVERY
def test_addresses_are_unique_and_links_lead_somewhere(pages, name):
    page = Page(pages[name])
    ids = page.attributes("id")
    assert len(set(ids)) == len(ids)
    assert {href[1:] for href in page.attributes("href") if href.startswith("#")} <= set(ids)
    for href in page.attributes("href"):
        place, anchor = href.split("#")
        if place:
            assert anchor in Page(pages[name].parent / place).attributes("id")


@EVERY
def test_a_link_to_a_problem_opens_it(browser, pages, name):
    address = "set-a" if name == "compare" else "set-e~2ff"
    browser.window(1280)
    browser.open(pages[name], address)
    there = f"document.getElementById('{address}')"
    browser.until(f"{there}.closest('details').open")
    top = browser.run(f"{there}.getBoundingClientRect().top")
    assert 0 <= top < 900
    head = browser.run(f"{there}.closest('details').firstElementChild.getBoundingClientRect().bottom")
    assert head <= top + 1, "its head does not lie over it"


def test_a_problem_that_is_opened_alone_has_its_address_in_the_bar(browser, pages):
    browser.open(pages["view"])
    browser.run("document.getElementById('set-e~2ff').closest('details').open = true")
    browser.until("location.hash === '#set-e~2ff'")
    browser.run("location.hash = 'plots'")
    assert browser.run("document.querySelectorAll('.item[open]').length") == 1, "a section's address closes nothing"


def test_without_javascript_a_link_opens_the_problem_too(browser, pages):
    browser.call("Emulation.setScriptExecutionDisabled", value=True)
    try:
        browser.open(pages["view"], "set-e~2ff")
        browser.until("document.getElementById('set-e~2ff').closest('details').open")
    finally:
        browser.call("Emulation.setScriptExecutionDisabled", value=False)


@EVERY
def test_the_first_stop_of_the_keyboard_leads_past_the_head(browser, pages, name):
    browser.window(1280)
    browser.open(pages[name])
    browser.key("Tab")
    focused = "document.activeElement"
    assert browser.run(f"{focused}.className + {focused}.getAttribute('href')") == "skip#main"
    assert browser.run(f"{focused}.getBoundingClientRect().left") >= 0
    browser.key("Enter")
    browser.key("Tab")
    assert browser.run(f"Boolean({focused}.closest('main'))")


@EVERY
def test_the_order_of_the_keyboard_is_that_of_the_page(browser, pages, name):
    browser.open(pages[name])
    assert browser.run('document.querySelectorAll(\'[tabindex]:not([tabindex="0"], [tabindex="-1"])\').length') == 0
    assert browser.run("document.querySelectorAll('main').length") == 1


def test_keys_go_from_flip_to_flip_and_from_problem_to_problem(browser, pages):
    browser.open(pages["view"])
    opened = f"{FLIPS}.map((f, k) => f.open ? k : -1).filter(k => k >= 0)"
    browser.run("document.querySelector('.flip > summary').focus()")
    browser.key("ArrowDown")
    browser.key("j")
    assert browser.run(opened) == [2]
    browser.key("k")
    assert browser.run(opened) == [1]
    browser.key("Escape")
    assert browser.run(opened) == []
    browser.run("document.activeElement.blur()")
    browser.key("j")
    assert browser.run("document.querySelector('.item[open] .id').textContent") == "set/a"


@BOTH
def test_on_paper_it_is_an_appendix(browser, pages, name):
    """Open, without what is for a screen, a problem a page, and heads of tables repeated; in light colours."""
    browser.window(1280, scheme="dark")
    browser.open(pages[name])
    features = [{"name": "prefers-color-scheme", "value": "dark"}]
    browser.call("Emulation.setEmulatedMedia", media="print", features=features)
    try:
        browser.run("dispatchEvent(new Event('beforeprint'))")
        style = "getComputedStyle(document.querySelector('{}')).{}"
        assert browser.run(style.format("nav", "display")) == "none"
        assert browser.run(style.format(".skip", "display")) == "none"
        assert browser.run(style.format("thead", "display")) == "table-header-group"
        assert browser.run(style.format(".flip:nth-child(2)", "breakBefore")) == "page"
        assert browser.run(style.format("body", "backgroundColor")) == "rgb(255, 255, 255)"
        heights = (
            "[...document.querySelectorAll('.side pre')].map(p => [p.getBoundingClientRect().height, p.scrollHeight])"
        )
        found = browser.run(heights)
        assert len(found) == 40
        assert all(height + 1 >= whole > 0 for height, whole in found), "nothing closed, nothing behind a scroll bar"
        if name == "view":
            assert browser.run(style.format("#problems .item:nth-child(2)", "breakBefore")) == "page"
            assert browser.run("document.querySelectorAll('#problems .item .content pre').length") >= len(NAMES)
            assert browser.run(style.format("form", "display")) == "none"
            browser.run("dispatchEvent(new Event('afterprint'))")
    finally:
        browser.call("Emulation.setEmulatedMedia", media="", features=features)
    pdf = browser.printed()
    assert pdf.startswith(b"%PDF")
    pages_of_it = len(re.findall(rb"/Type ?/Page\b", pdf))
    assert pages_of_it >= 10 + (len(NAMES) if name == "view" else 0)


def test_only_what_is_shown_is_printed(browser, pages):
    browser.window(1280)
    counts = []
    for hash in ("", "flip=lost"):
        browser.open(pages["view"], hash)
        counts.append(len(re.findall(rb"/Type ?/Page\b", browser.printed())))
    assert counts[1] < counts[0]
