"""What templates are given to make pages of."""

from __future__ import annotations

from treadle.report.pages import with_code


def test_what_stands_between_backticks_is_code_and_text_stays_text():
    assert with_code("run `treadle view A` & `b`") == "run <code>treadle view A</code> &amp; <code>b</code>"
    assert with_code("`<b>\x1b`") == "<code>&lt;b&gt;\\x1b</code>"
    for alone in ("a ` b", "``", "`over\nlines`", "plain"):
        assert with_code(alone) == alone
