"""A trajectory as steps in a terminal: thought dim, action bright, observation shortened to its ends.

A margin tells the parts apart without colours too. On a terminal lines are wrapped behind it; elsewhere (a pipe, a
file) each line of the text stays one line. Text from data is never read as markup, and control characters are shown
by name.
"""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

from treadle.report.text import Shortened, shorten
from treadle.trajectory import Step, Trajectory
from treadle.visible import pieces

# First and last lines of each part, and the most characters of either.
PROBLEM = (10, 4, 1200)
THOUGHT = (12, 4, 2000)
ACTION = (60, 20, 6000)
OBSERVATION = (8, 4, 1200)
ASIDE = (4, 2, 600)
FACT = (1, 1, 100)

ACTION_MARGIN = "▌ "
OBSERVATION_MARGIN = "│ "


def facts(trajectory: Trajectory) -> dict[str, str]:
    """What stands at the head of a trajectory, by name; what is not known is left out."""
    found = {
        "form": trajectory.meta.get("form"),
        "domain": trajectory.domain,
        "verified": {True: "yes", False: "no", None: "not stated"}[trajectory.verified],
        "repository": trajectory.repo,
        "steps": len(trajectory.steps),
        "answer": trajectory.answer,
        "from": trajectory.meta.get("source"),
    }
    return {name: str(value) for name, value in found.items() if value not in (None, "")}


def aside(trajectory: Trajectory, name: str) -> str | None:
    """The text before the first or after the last step, if there is any to see."""
    text = trajectory.meta.get(name)
    return text if isinstance(text, str) and text.strip() else None


def show_head(trajectory: Trajectory, console: Console, full: bool = False) -> None:
    """Print id, facts and problem of a trajectory."""
    _line(console, Text.assemble(("━━ ", "dim"), _text(trajectory.id, "bold", console)))
    for name, value in facts(trajectory).items():
        head, marker, tail = shorten(value, *FACT) if not full else Shortened(value, None, "")
        short = " ".join(f"{head} {marker or ''} {tail}".split())
        _line(console, Text.assemble((f"{name:<12}", "dim"), _text(short, "", console)))
    _part(trajectory.problem, "problem", PROBLEM, "", console, full)


def show(trajectory: Trajectory, console: Console, full: bool = False) -> None:
    """Print a trajectory with its steps.

    Args:
        full: Leave nothing out.
    """
    show_head(trajectory, console, full)
    _part(aside(trajectory, "preamble"), "before the first step", ASIDE, "dim", console, full)
    for k, step in enumerate(trajectory.steps, 1):
        title = _text(f"  {step.title}" if step.title else "", "bold", console)
        _line(console, Text.assemble(("\n── ", "dim"), f"step {k} of {len(trajectory.steps)}", title))
        _show_step(step, console, full)
    _part(aside(trajectory, "epilogue"), "after the last step", ASIDE, "dim", console, full)


def _show_step(step: Step, console: Console, full: bool) -> None:
    if step.thought and step.thought.strip():
        _block(step.thought, THOUGHT, "  ", "dim", console, full)
    _block(step.action, ACTION, ACTION_MARGIN, "bold cyan", console, full)
    if step.observation is not None:
        _block(step.observation or "(empty)", OBSERVATION, OBSERVATION_MARGIN, "", console, full)


def _part(text: str | None, name: str, limits: tuple[int, int, int], style: str, console: Console, full: bool) -> None:
    if text:
        _line(console, Text(name, "dim"))
        _block(text, limits, "  ", style, console, full)


def _block(text: str, limits: tuple[int, int, int], margin: str, style: str, console: Console, full: bool) -> None:
    text = text.strip("\n")
    head, marker, tail = Shortened(text, None, "") if full else shorten(text, *limits)
    for part, colour in ((head, style), (marker, "magenta"), (tail, style)):
        if not part:
            continue
        for line in _text(part.removesuffix("\n").removesuffix("\r"), colour, console).split("\n", allow_blank=True):
            rows = line.wrap(console, max(1, console.width - len(margin))) if console.is_terminal else [line]
            for row in rows or [line]:
                _line(console, Text.assemble((margin, "cyan" if margin == ACTION_MARGIN else "dim"), row))


def _line(console: Console, line: Text) -> None:
    console.print(line, soft_wrap=True)


def _text(text: str, style: str, console: Console) -> Text:
    """Text in one style, with the names of unseen characters set off; what the terminal cannot encode is named too."""
    shown = Text(style="")
    for piece, unseen in pieces(text):
        encodable = piece.encode(console.encoding, "backslashreplace").decode(console.encoding)
        shown.append(encodable, "red" if unseen else style)
    return shown
