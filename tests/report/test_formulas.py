r"""Expected MathML by hand; what a browser shows of it is in tests/report/evaluation/test_formulas.py."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from treadle.report.formulas import BUDGET, LONGEST, Formulas, Left, found_in
from treadle.report.pages import markup

SOURCE = '<span class="source" aria-hidden="true">'
PIECES = st.lists(
    st.sampled_from(
        ["$", "$$", "\\(", "\\)", "\\[", "\\]", "\\", "{", "}", "x", "^", "\\frac", "&", " ", "\n", "<b>", "5"]
    )
    | st.characters(),
    max_size=40,
).map("".join)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Let $x$ be.", ["$x$"]),
        ("\\(a\\) and \\[b\nc\\] and $$d$$", ["\\(a\\)", "\\[b\nc\\]", "$$d$$"]),
        ("It costs $5 and $6.", []),
        ("From $5 to$6, or $ x $", []),
        ("\\$5 and $y$", ["$y$"]),
        ("$\\$5$", ["$\\$5$"]),
        ("a \\\\( b \\) is a break of the line", []),
        ("$a\n\nb$", []),
        ("$" + "x" * (LONGEST + 1) + "$ and $y$", ["$y$"]),
        ("\\( never closed $z$", ["$z$"]),
        ("$$", []),
    ],
)
def test_formulas_stand_between_their_marks(text, expected):
    assert [text[first:last] for first, last in found_in(text)] == expected


def test_a_formula_is_set_with_its_source_behind_it():
    shown = str(Formulas().html("If $x^2<4$ & so"))
    assert shown.startswith('If <span class="tex"><math display="inline">')
    assert "<msup><mi>x</mi><mn>2</mn></msup><mo>&lt;</mo><mn>4</mn>" in shown
    assert shown.endswith('<span class="source" aria-hidden="true">$x^2&lt;4$</span></span> &amp; so')


@pytest.mark.parametrize(
    ("formula", "why"),
    [
        ("$\\href{javascript:alert(1)}{x}$", None),
        ("$\\text{<script>alert(1)</script>}$", None),
        ("$\\color{red;background:url(x)}x$", None),
        ("$a\\hspace{9999em}b$", None),
        ("$\\unknown{x}$", Left.NOT_UNDERSTOOD),
        ("$\\frac{1$", Left.NOT_UNDERSTOOD),
        ("$\\frac{1}$", Left.NOT_UNDERSTOOD),
        ("$\\def\\a{\\a\\a}\\a$", Left.NOT_UNDERSTOOD),
        ("$\\newcommand{\\a}{xx}\\a$", Left.NOT_UNDERSTOOD),
        ("$x\u202ey$", Left.NOT_UNDERSTOOD),
        ("$" + "{" * 200 + "x" + "}" * 200 + "$", Left.TOO_DEEP),
        ("$" + "\\left(" * 60 + "x" + "\\right)" * 60 + "$", Left.TOO_DEEP),
    ],
)
def test_a_hostile_formula_does_nothing_or_stays_as_it_is(formula, why):
    formulas = Formulas()
    shown = str(formulas.html(formula))
    assert list(formulas.left) == ([why] if why else [])
    before_source = shown.split('<span class="source"')[0]
    assert "<script" not in shown
    assert not [bad for bad in ("href", "url(", "9999em", "style=") if bad in before_source and not why]


@given(PIECES)
def test_any_text_is_shown_whole(text):
    """The sources, and what stands between formulas, are the text."""
    shown = str(Formulas().html(text))
    assert re.sub(f'<span class="tex">.*?{re.escape(SOURCE)}(.*?)</span></span>', r"\1", shown, flags=re.S) == markup(
        text
    )


@pytest.mark.parametrize("text", ["\\(" * 50_000, "$" * 50_001, "\\(x" * 30_000 + "\\)", "$a " * 30_000])
def test_a_text_full_of_marks_is_read_once(text):
    began = time.process_time()
    assert sum(1 for _ in found_in(text)) <= 1
    assert time.process_time() - began < 2


def test_what_formulas_take_of_a_page_is_bounded():
    formulas = Formulas()
    formulas._rest = 3000
    texts = [f"$x_{{{k}}}$" for k in range(100)]
    table = formulas.table(texts)
    assert 0 < len(table) < 20
    assert len(str(table)) < 3000 < BUDGET
    assert formulas.left[Left.PAGE_FULL] == 100 - len(table)
