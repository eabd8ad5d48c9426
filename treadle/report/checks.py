"""What `treadle check` prints: a table of checks, rows as the model is given them, and its first rollouts.

On a terminal the status is coloured and long messages are wrapped behind their column; elsewhere each check is one
line. Text of data and models is never read as markup, and characters that would act on the terminal are shown by name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.text import Text

from treadle.check.advice import PAGE, Advice
from treadle.check.figures import broken, rates, shares, similarities
from treadle.check.measured import Measured
from treadle.check.results import Check, Status
from treadle.check.rows import Shown
from treadle.check.sample import READ, Sample
from treadle.report.text import shorten
from treadle.scoring.completion import FormatFault
from treadle.visible import visible

_STYLES = {Status.OK: "green", Status.WARNING: "yellow", Status.ERROR: "bold red"}
_TEXT = (30, 20, 4000)
"""First and last lines of a sampled text, and the most characters of either."""


def show_checks(checks: Sequence[Check], console: Console) -> None:
    """Print the table, and how many errors and warnings it has."""
    width = max((len(check.id) for check in checks), default=0)
    margin = len("warning") + width + 4
    for check in checks:
        head = Text.assemble(
            (f"{check.status:<7}", _STYLES[check.status]), "  ", (f"{check.id:<{width}}", "bold"), "  "
        )
        message = Text(visible(" ".join(check.message.split())))
        if not console.is_terminal:
            _print(console, head + message)
            continue
        lines = message.wrap(console, max(20, console.width - margin))
        for number, line in enumerate(lines):
            line.rstrip()
            _print(console, (head if number == 0 else Text(" " * margin)) + line)
    counts = {status: sum(check.status is status for check in checks) for status in Status}
    said = [f"{counts[s]} {s}{'s' * (counts[s] != 1)}" for s in (Status.ERROR, Status.WARNING) if counts[s]]
    _print(console, Text(", ".join(said) or "nothing to mend"))


def show_rows(rows: Mapping[str, Shown], console: Console) -> None:
    """Print a row of each stage: what the model is given, and what it is trained on."""
    for stage, row in rows.items():
        _title(console, f"{stage}: what the model is given")
        _print(console, Text(visible(row.prompt)))
        if row.trained is not None:
            _title(console, f"{stage}: what it is trained on")
            _print(console, Text(visible(row.trained)))


def show_sample(sample: Sample, found: Measured, advice: Advice, console: Console) -> None:
    """Print the figures of the first rollouts, some of them to read, and what to begin with."""
    done = sum(len(kind.rewards) for kind in sample.stages.values())
    less = "" if done >= sample.wanted else f" of {sample.wanted:,} asked for (--seconds gives them more time)"
    _title(console, "first rollouts")
    tokens = f"{sample.tokens:,} tokens in {sample.seconds:.1f} s, {sample.rate:,.0f} a second"
    _print(console, Text(f"{done:,} rollouts{less}: {tokens}"))
    if found.steps:
        kept = f"{shares(found.steps.kept, found.steps.groups)} of {found.steps.rollouts} rewards would be kept"
        _figures(console, "srl", sample, f"{kept}; {similarities(found.steps)}; {broken(found.steps)}")
    if found.answers:
        mixed = f"{shares(found.answers.mixed, found.answers.groups)} have both right and wrong ones"
        _figures(console, "rlvr", sample, f"{rates(found.answers)}; {mixed}")
    if sample.surprise is not None and sample.own_surprise is not None:
        own = f"the model's own steps {sample.own_surprise:.2f}"
        _print(console, Text(f"the experts' thoughts and steps have {sample.surprise:.2f} nats a token, {own}"))
    for reason in sample.left_out:
        _print(console, Text(visible(f"left out: {reason}")))
    texts = [(kind, *text) for kind, of in sample.stages.items() for text in of.texts]
    for kind, prompt, completion, reward in texts[:READ]:
        _title(console, f"{kind}, reward {reward:.2f}")
        for text, style in ((prompt, "dim"), (completion, "")):
            head, marker, tail = shorten(visible(text), *_TEXT)
            _print(console, Text(head + (f"\n{marker}\n" if marker else "") + tail, style))
    _title(console, f"begin with: {', then '.join(advice.stages) or 'no training yet'}")
    told = "Evidence and a recipe" if advice.stages else "What this state is"
    _print(console, Text(f"{advice.text}.\n{told}: {PAGE}, {advice.state}"))


def _figures(console: Console, kind: str, sample: Sample, told: str) -> None:
    of = sample.stages[kind]
    # A whole solution may think where and as often as it likes.
    looked_for = [FormatFault.TRUNCATED] if kind == "rlvr" else list(FormatFault)
    faults = [f"{fault} {of.faults.count(fault) / len(of.faults):.0%}" for fault in looked_for if fault in of.faults]
    scored = [reward for reward in of.rewards if reward == reward]
    mean = f"mean reward {sum(scored) / len(scored):.2f}" if scored else "no reward"
    allowed = of.stage.max_completion_length
    limit = f"at most {of.limit:,} tokens each" + (f" of the stage's {allowed:,}" if of.limit < allowed else "")
    _print(console, Text(f"{kind}: {told}; {mean}; format faults: {', '.join(faults) or 'none'}; {limit}"))


def _title(console: Console, text: str) -> None:
    _print(console, Text(f"\n━━ {text}", "bold"))


def _print(console: Console, text: Text) -> None:
    console.print(text, soft_wrap=True, highlight=False)
