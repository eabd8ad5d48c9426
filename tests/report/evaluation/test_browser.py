from __future__ import annotations

from urllib.parse import urlencode

import pytest

from tests.report.evaluation.runs import attempt, step, write_run
from treadle.evaluate.records import Problem, Stop
from treadle.report.evaluation import write_evaluation_report
from treadle.report.parts import LONGEST, PAGE_BUDGET
from treadle.scoring.completion import FormatFault
from treadle.visible import visible

HOSTILE = (
    "</pre></script><script>window.ran = 1; document.title = 'x'</script><img src=x onerror='window.ran = 1'>"
    "<!-- <script> {{ 7 * 7 }} &amp; \x1b[31m \x00 \u202eabc \u2028 \ud800 ]]> `${window.ran = 1}`"
)
SHOWN = """[...document.querySelectorAll("#problems .item:not([hidden]) .id")].map(e => e.textContent)"""
STEPS_SHOWN = """[...document.querySelectorAll("#steps .item:not([hidden])")].map(e => e.id)"""
FOCUSED = "document.activeElement.parentElement.querySelector('.statement').id"
TEXT = """[...document.querySelectorAll("#problems .item[open] .attempt pre")].map(e => e.textContent).join("|")"""


def page_of(tmp_path, attempts, **settings):
    """A page of the problems that `attempts` name, in their order."""
    keys = dict.fromkeys((a.key.benchmark, a.key.problem) for a in attempts)
    problems = [Problem(id, f"Statement of {id}", "7", benchmark=name) for name, id in keys]
    return write_evaluation_report(write_run(tmp_path / "run", problems, attempts, **settings))


def sampled(problem: str, verdicts: str, mode: str = "whole", benchmark: str = "aime24"):
    return [attempt(benchmark, problem, mode, "sampled", k, verdict) for k, verdict in enumerate(verdicts)]


@pytest.fixture(scope="module")
def filtered(tmp_path_factory):
    """Problems a to f with known ends, and the same problems in another run."""
    folder = tmp_path_factory.mktemp("filtered")
    greedy = ("amc23", "{}", "whole", "greedy", 0)

    def key(id):
        return (greedy[0], id, *greedy[2:])

    attempts = [
        attempt(*key("a"), "r", text="The circle is \\boxed{7}"),
        attempt(*key("b"), "w", answer="8"),
        attempt(*key("c"), "n", stop=Stop.TRUNCATED, text="<think>Circle after circle"),
        attempt(*key("d"), "h"),
        attempt(*key("e"), "c"),
        attempt(*key("f"), "f"),
        *sampled("g", "rrww"),
        *sampled("h", "wwwr"),
        *sampled("i", "rrrr"),
        *(
            attempt("aime24", id, "loop", "greedy", 0, verdict, **fields)
            for id, verdict, fields in (
                ("g", "n", {"stop": Stop.FORMAT_FAULT, "fault": FormatFault.SEVERAL_THINK_BLOCKS}),
                ("h", "n", {"stop": Stop.REPEATED}),
                ("i", "n", {"stop": Stop.TRUNCATED, "fault": FormatFault.TRUNCATED}),
            )
        ),
    ]
    other = [
        *(attempt(*key(id), verdict) for id, verdict in zip("abcdef", "wrwwww", strict=True)),
        *sampled("g", "rwww"),
        *sampled("h", "rrww"),
        *sampled("i", "rrrw"),
    ]
    problems = [Problem(id, f"Statement of {id}", "7", benchmark="amc23") for id in "abcdef"]
    problems += [Problem(id, f"Statement of {id}", "7", benchmark="aime24") for id in "ghi"]
    steps = [
        step("t", 1, "x = 2", "x = 2"),
        step("t", 2, "abcdefgh", "abcdxyzw"),
        step("t", 3, "qqqqqqqq", "abcdefgh"),
        step("u", 1, None, "abc", FormatFault.EMPTY_ACTION, text="<think>hm</think>"),
        step("u", 2, None, "abc", FormatFault.EMPTY_THOUGHT, text="<think></think>abc"),
    ]
    run = write_run(folder / "run", problems, attempts, steps)
    before = write_run(folder / "other", problems, other, model="org/base")
    write_evaluation_report(before)
    return write_evaluation_report(run, before)


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        ({}, "abcdefghi"),
        ({"benchmark": "aime24"}, "ghi"),
        ({"benchmark": "no such set"}, "abcdefghi"),
        ({"mode": "loop"}, "ghi"),
        ({"mode": "whole", "decoding": "greedy"}, "abcdef"),
        ({"outcome": "right"}, "a"),
        ({"outcome": "right", "mode": "whole"}, "ai"),
        ({"outcome": "sometimes"}, "ghi"),
        ({"outcome": "sometimes", "mode": "whole"}, "gh"),
        ({"outcome": "wrong"}, "bcdef"),
        ({"outcome": "wrong", "mode": "loop"}, "ghi"),
        ({"with": "truncated"}, "ci"),
        ({"with": "truncated", "mode": "whole"}, "c"),
        ({"with": "format_fault"}, "g"),
        ({"with": "no_answer"}, "cghi"),
        ({"with": "repeated"}, "h"),
        ({"with": "step_limit"}, ""),
        ({"with": "hung"}, "d"),
        ({"with": "crashed"}, "e"),
        ({"with": "failed"}, "f"),
        ({"flip": "gained"}, "ag"),
        ({"flip": "lost"}, "bh"),
        ({"flip": "same"}, "cdefi"),
        ({"flip": "gained", "benchmark": "aime24"}, "g"),
        ({"q": "CIRCLE"}, "ac"),
        ({"q": "circle", "outcome": "wrong"}, "c"),
        ({"q": "statement of d"}, "d"),
        ({"q": "\\boxed{8}", "benchmark": "aime24"}, "gh"),
        ({"sort": "hardest", "mode": "whole", "decoding": "sampled"}, "hgi"),
        ({"sort": "easiest", "mode": "whole", "decoding": "sampled"}, "igh"),
        ({"sort": "longest", "benchmark": "amc23"}, "abcdef"),
    ],
)
def test_filters_show_exactly_these_problems(browser, filtered, chosen, expected):
    browser.open(filtered, urlencode(chosen))
    assert "".join(key.split("/")[1] for key in browser.run(SHOWN)) == expected
    status = browser.run("document.querySelector('#problems [role=status]').textContent")
    assert status == f"{len(expected)} of 9 problems shown"


def test_choices_tell_how_many_problems_they_would_show(browser, filtered):
    browser.open(filtered, "benchmark=amc23")
    counts = browser.run(
        "Object.fromEntries([...document.querySelectorAll('#problems .chip')].map(c => "
        "[c.querySelector('input').name + '=' + c.querySelector('input').value, c.querySelector('b').textContent]))"
    )
    assert counts["benchmark=aime24"] == "3"
    assert counts["benchmark="] == "9"
    assert (counts["outcome=right"], counts["outcome=sometimes"], counts["outcome=wrong"]) == ("1", "0", "5")
    assert (counts["flip=gained"], counts["flip=lost"], counts["flip=same"]) == ("1", "1", "4")


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        ({}, "t-1 t-2 t-3 u-1 u-2"),
        ({"s.show": "exact"}, "t-1"),
        ({"s.show": "near"}, "t-2"),
        ({"s.show": "below"}, "t-3"),
        ({"s.show": "fault"}, "u-1 u-2"),
        ({"s.kind": "empty_thought"}, "u-2"),
        ({"s.sort": "least"}, "t-3 u-1 u-2 t-2 t-1"),
        ({"s.q": "qqq"}, "t-3"),
    ],
)
def test_filters_of_steps(browser, filtered, chosen, expected):
    browser.open(filtered, urlencode(chosen))
    assert browser.run(STEPS_SHOWN) == [f"step-{name}" for name in expected.split()]


def test_a_step_beside_the_experts(browser, filtered):
    browser.open(filtered, urlencode({"s.open": "t/2"}))
    sides = "[...document.querySelectorAll('#step-t-2 .pair .action')]"
    marks = "[...a.querySelectorAll('mark')].map(m => m.textContent)"
    assert browser.run(f"{sides}.map(a => [a.querySelector('pre').textContent, {marks}])") == [
        ["abcdxyzw", ["abcd"]],
        ["abcdefgh", ["abcd"]],
    ]


def test_a_shared_address_opens_the_attempt(browser, filtered):
    browser.open(filtered, "open=aime24/h&attempt=whole.sampled.4")
    assert browser.run(TEXT) == "<think>so</think>|\\boxed{7}"
    facts = browser.run("document.querySelector('.item[open] .facts').textContent")
    assert facts == "graderightbecauserule ranswer7reference7tokens20, 5 of them thought (25%)endedended"
    link = browser.run("document.querySelector('.item[open] .strips a').href")
    assert link.endswith("/other/report.html#open=aime24%2Fh")


def test_the_page_is_usable_with_keys_alone(browser, filtered):
    browser.open(filtered)
    browser.key("/")
    browser.run("document.execCommand('insertText', false, 'statement')")
    assert browser.run("location.hash") == "#q=statement"
    browser.run("document.querySelector('#aime24-g').parentElement.firstElementChild.focus()")
    browser.key("ArrowDown")
    assert browser.run(FOCUSED) == "aime24-h"
    browser.key("j")
    browser.until("document.querySelector('.item[open] #aime24-i ~ .content .strip button')")
    browser.run("document.querySelector('.item[open] .strip button').focus()")
    browser.key("ArrowRight")
    assert browser.run("location.hash") == "#q=statement&open=aime24/i&attempt=whole.sampled.2"
    browser.key("Escape")
    browser.until("location.hash === '#q=statement' && !document.querySelector('#problems .item[open]')")
    assert browser.run(FOCUSED) == "aime24-i"


def test_hostile_text_is_shown_and_does_nothing(browser, tmp_path):
    problem = Problem(HOSTILE, HOSTILE, HOSTILE, benchmark="set")
    attempts = [
        attempt(
            "set", HOSTILE, "whole", "greedy", 0, "w", text=HOSTILE, answer=HOSTILE, why=HOSTILE, thoughts=[HOSTILE]
        )
    ]
    steps = [step(HOSTILE, 1, HOSTILE, HOSTILE + "!", prompt=[{"role": HOSTILE, "content": HOSTILE}], text=HOSTILE)]
    page = write_evaluation_report(write_run(tmp_path / "run", [problem], attempts, steps, model="org/model"))
    before = len(browser.problems)
    browser.open(page, urlencode({"q": "window.ran"}))
    browser.run("document.querySelectorAll('.item').forEach(e => e.open = true)")
    browser.until("document.querySelectorAll('.item .content').length === 2")
    # A run's lines cannot hold a lone surrogate; it comes out of them as its name already.
    seen = visible(HOSTILE)
    assert browser.run(TEXT) == seen
    assert browser.run("document.querySelector('.attempt .facts dd.code').textContent") == seen
    assert browser.run("document.querySelector('#steps .pair pre').textContent") == seen + "!"
    assert browser.run("document.querySelectorAll('img, script:not(#data):not(:last-of-type)').length") == 0
    assert browser.run("window.ran") is None
    assert browser.run("document.title") == "Evaluation of org/model"
    assert browser.problems[before:] == []


def test_what_cannot_be_seen_has_the_same_name_as_on_other_pages(browser, filtered):
    text = "".join(map(chr, [*range(0xD800), *range(0xDC00, 0x10000), 0x1F600, 0xE0001, 0xE0FFF, 0xD800])) + "\r\n"
    browser.open(filtered)
    units = [unit for c in text for unit in _utf16(c)]
    halves = " + ".join(f"String.fromCharCode(...{half})" for half in (units[:40000], units[40000:]))
    assert browser.run(f"shown({halves}).textContent") == visible(text)


def _utf16(character: str) -> list[int]:
    data = character.encode("utf-16-le", "surrogatepass")
    return [int.from_bytes(data[i : i + 2], "little") for i in range(0, len(data), 2)]


def test_long_texts_come_from_side_files(browser, tmp_path):
    # Words of the middle of one text alone, so that neither its beginning nor its end on the page has them.
    long = ["lorem ipsum " * 15_000 for _ in range(2 * PAGE_BUDGET // 180_000)]
    long[3] = long[3][:90_000] + "needle" + long[3][90_000:]
    long[4] = "x" * (LONGEST + 5_000) + "end"
    attempts = [attempt("set", f"p{k}", "whole", "greedy", 0, text=text) for k, text in enumerate(long)]
    page = page_of(tmp_path, attempts)
    assert page.stat().st_size < 1.2 * PAGE_BUDGET
    browser.open(page, "open=set/p3")
    browser.until(f"({TEXT}).includes('needle')")
    assert browser.run(f"{TEXT}.length") == len(long[3])
    browser.open(page, "open=set/p4")
    browser.until("document.querySelector('.item[open] .cut').textContent === '[... 5,003 characters left out ...]'")
    browser.open(page, "q=needle")
    assert browser.run(SHOWN) == []
    browser.open(page, "q=needle&texts=1")
    browser.until(f"({SHOWN}).length === 1")
    assert browser.run(SHOWN) == ["set/p3"]

    for file in (page.parent / "report").rglob("*.js"):
        file.unlink()
    browser.open(page, "open=set/p3")
    browser.until("document.querySelector('.item[open] .note').textContent.includes('not beside this page')")
    assert "characters left out" in browser.run("document.querySelector('.item[open] .cut').textContent")


def test_without_javascript_tables_plots_and_statements_are_there(browser, filtered):
    browser.call("Emulation.setScriptExecutionDisabled", value=True)
    try:
        browser.open(filtered)
        text = browser.run("document.body.innerText")
    finally:
        browser.call("Emulation.setScriptExecutionDisabled", value=False)
    for part in ("Filters and attempts need JavaScript", "aime24", "58.3%", "gained", "Statement of g", "2/4"):
        assert part in text
