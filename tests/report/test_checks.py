"""What `treadle check` prints: one line a check where there is no terminal, and nothing that acts on one."""

import io
from collections import Counter

from rich.console import Console

from treadle.check.results import Check, Status
from treadle.check.rows import Shown
from treadle.check.sample import Sample, Sampled
from treadle.recipe.schema import SRLStage
from treadle.report.checks import show_checks, show_rows, show_sample
from treadle.scoring.completion import FormatFault

CHECKS = [
    Check("a", Status.OK, "fine"),
    Check("longer.srl", Status.WARNING, "mind [bold]this[/bold] and \x1b[31mthat\x1b[0m " + "word " * 60),
    Check("b", Status.ERROR, "two\nlines"),
]


def printed(show, *what, **how):
    file = io.StringIO()
    show(*what, Console(file=file, highlight=False, **how))
    return file.getvalue()


def test_without_a_terminal_each_check_is_one_plain_line():
    first, second, third, last = printed(show_checks, CHECKS, width=60).splitlines()
    assert first == "ok       a           fine"
    assert second.startswith("warning  longer.srl  mind [bold]this[/bold] and \\x1b[31mthat\\x1b[0m word word")
    assert third == "error    b           two lines"
    assert last == "1 error, 1 warning"
    assert printed(show_checks, CHECKS[:1]).splitlines()[-1] == "nothing to mend"


def test_a_terminal_has_colours_and_wrapped_lines():
    text = printed(show_checks, CHECKS, width=60, force_terminal=True, color_system="standard")
    assert "\x1b[32mok" in text
    assert "\x1b[1;31merror" in text
    assert "\x1b[31mthat" not in text
    plain = printed(show_checks, CHECKS, width=60, force_terminal=True, color_system=None).splitlines()
    assert max(map(len, plain)) <= 60
    assert plain[2].startswith(" " * 21)


def test_rows_are_shown_as_they_are():
    text = printed(show_rows, {"sft": Shown("<|user|>a [x]\n", "b<|end|>"), "srl": Shown("c\x07", None)})
    assert "<|user|>a [x]\n" in text
    assert "what it is trained on\nb<|end|>" in text
    assert "c\\x07" in text
    assert text.count("what it is trained on") == 1


def test_a_sample_is_told_in_figures_and_texts():
    faults = Counter({FormatFault.TRUNCATED: 2})
    found = Sampled(SRLStage(kind="srl", name="srl"), 1, 1, faults, [0.5] * 6 + [-1.0] * 2, [("p\x1b", "text", 0.5)])
    text = printed(show_sample, Sample({"srl": found}, 16, 400, 10.0, 64, ["no answers"]))
    assert "8 rollouts of 16 asked for of at most 64 tokens: 400 tokens in 10.0 s, 40 a second" in text
    assert "srl: 1 of 1 groups of 8 would be kept, mean reward 0.12; format faults: truncated 25%" in text
    assert "left out: no answers" in text
    assert "p\\x1b\ntext" in text
    assert "begin with SRL" in text
