"""What `treadle check` prints: one line a check where there is no terminal, and nothing that acts on one."""

import io

from rich.console import Console

from treadle.check.advice import PAGE, Advice
from treadle.check.measured import Demonstrations, Measured, Steps
from treadle.check.results import Check, Status
from treadle.check.rows import Shown
from treadle.check.sample import Sample, Sampled
from treadle.check.state import State
from treadle.recipe.schema import SRLStage
from treadle.report.checks import show_checks, show_rows, show_sample
from treadle.scoring.completion import FormatFault
from treadle.statistics.estimates import Estimate

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
    cut, each = FormatFault.TRUNCATED, [0.5] * 6 + [-1.0] * 2
    found = Sampled(
        SRLStage(kind="srl", name="srl"), 64, 1, 1, [None] * 6 + [cut] * 2, each, [], [], [("p\x1b", "text", 0.5)]
    )
    sample = Sample({"srl": found}, 16, ["no answers"], 400, 10.0, 0.3, 2.0, 0.5)
    steps = Steps((2,), 8, 1, similarity=Estimate(0.5, 0.0, 1.0), floor=0.3)
    advice = Advice(State.NO_ANSWERS, ("srl",), "why and what")
    text = printed(show_sample, sample, Measured(None, steps, Demonstrations(4)), advice)
    assert "8 rollouts of 16 asked for (--seconds gives them more time): 400 tokens in 10.0 s, 40 a second" in text
    assert "srl: 1 of 1 groups (95% interval 21% to 100%) of 8 rewards would be kept" in text
    assert "similarity 0.50 (95% interval 0.00 to 1.00; floor 0.30)" in text
    assert "mean reward 0.12; format faults: truncated 25%; at most 64 tokens each of the stage's 2,048" in text
    assert "thoughts and steps have 2.00 nats a token, the model's own steps 0.50" in text
    assert "left out: no answers" in text
    assert "p\\x1b\ntext" in text
    assert f"begin with: srl\nwhy and what.\nEvidence and a recipe: {PAGE}, no_answers" in text
