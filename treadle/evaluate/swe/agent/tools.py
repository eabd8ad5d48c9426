"""The tools of an agent in its checkout: `bash` in the sandbox, `str_replace_editor`, `submit`.

Observations have the frames of SWE-smith's trajectories (`OBSERVATION:` and the rest). Each command of `bash` is a
process of its own: files and the working folder persist between calls, variables and background processes do not.
The first `submit` shows the changes and asks for a second one, as in those trajectories, unless `review` is off.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from treadle.evaluate.swe.agent.editor import Editor
from treadle.evaluate.swe.agent.places import changes, texts
from treadle.evaluate.swe.agent.prompts import MOUNT, Call
from treadle.evaluate.swe.patches import diff_of
from treadle.evaluate.swe.sandbox import Ran, Sandbox, SandboxError
from treadle.evaluate.swe.wording import worded

MOST_SHOWN = 16_000
"""Characters of an observation."""
MOST_COMMAND = 60_000
"""Characters of a command: one argument of a process takes little more."""
_ENVIRONMENT = {"PIP_NO_INPUT": "1"}
# The mark with the working folder is written when the shell ends, however it ends.
_SHELL = """trap 'printf "\\n%s%s" "$__mark" "$PWD"' EXIT
__mark=$1
cd -- "$2" 2>/dev/null || cd -- "$3"
eval "$4"
"""


@dataclass(frozen=True)
class Observed:
    """What the environment answers.

    Args:
        text: The observation as the next prompt shows it.
        done: The episode is over.
    """

    text: str
    done: bool = False


class Acting(Protocol):
    """What carries out calls."""

    def execute(self, call: Call) -> Observed: ...

    def patch(self) -> str: ...


class Tools:
    """The tools of one episode.

    Args:
        root: The checkout that the agent works on.
        sandbox: Of that checkout.
        pristine: The same checkout as nobody has touched it; by default the texts of `root` as they are now are kept.
        review: Whether the first `submit` shows the changes and a second one ends the episode.
        most_shown: Characters of an observation; more is cut off and said to be.
    """

    def __init__(
        self,
        root: Path,
        sandbox: Sandbox,
        pristine: Path | None = None,
        review: bool = True,
        most_shown: int = MOST_SHOWN,
    ) -> None:
        self.root, self.sandbox, self.review, self.most_shown = root, sandbox, review, most_shown
        self._before: Path | dict[str, str] = pristine or texts(root)
        self._editor = Editor(root, MOUNT)
        self._here = MOUNT
        self._reviewed = False

    def execute(self, call: Call) -> Observed:
        """Carry out a call and say what came of it; no call raises because of what a model wrote."""
        if call.name == "submit":
            return self._submit()
        text = self._bash(call.arguments) if call.name == "bash" else self._editor(call.arguments)
        return Observed(framed(text, self.most_shown))

    def patch(self) -> str:
        """The changes since the beginning as a unified diff; files that are no text are no part of it."""
        return diff_of(*changes(self._before, self.root))

    def _submit(self) -> Observed:
        if not self.review or self._reviewed:
            return Observed("", done=True)
        self._reviewed = True
        return Observed(framed(worded("agent/review.j2", diff=self.patch()), self.most_shown))

    def _bash(self, arguments: Mapping[str, str]) -> str:
        command = arguments.get("command", "")
        if not command.strip():
            return "Parameter `command` is required for function bash: it should hold the command to execute"
        if len(command.encode("utf-8", "replace")) > MOST_COMMAND or "\0" in command:
            return f"The command is not executed: it should have at most {MOST_COMMAND} bytes, and no zero byte"
        command = command.encode("utf-8", "replace").decode()  # halves of characters, which no program can be given
        mark = secrets.token_hex(12)
        top = str(self.sandbox.path)
        seen = [text.replace(MOUNT, top) for text in (self._here, MOUNT, command)]
        modules = {"PYTHONPATH": f"{top}/src:{top}"}  # a release is not installed, and tests import it
        try:
            ran = self.sandbox.run(["bash", "-c", _SHELL, "bash", mark, *seen], env=_ENVIRONMENT | modules)
        except SandboxError as error:  # what an agent did to its checkout may keep the next command from starting
            return f"The command could not be started: {error}"
        output, found, place = ran.output.rpartition(f"\n{mark}")
        if found and place.strip():
            self._here = place.strip().replace(top, MOUNT)
        output = (output if found else ran.output).replace(top, MOUNT)
        if why := stopped(ran):
            output = f"{output.rstrip()}\n{why}"
        return output.lstrip("\n")


def stopped(ran: Ran) -> str:
    """Why a command was ended, for the model; empty where it ended by itself."""
    if ran.timed_out:
        return (
            "The command was cancelled because it took too long. Please try a different command that completes more "
            "quickly. Note: no input can be given to a command, so one that asks for it never completes."
        )
    return f"The command was cancelled because it passed the limit of {ran.limit}." if ran.limit else ""


def framed(text: str, most_shown: int = MOST_SHOWN) -> str:
    """An observation in the frame that trajectories have for it: of some text, of none, or of too much."""
    text = text.replace("\r\n", "\n").rstrip()
    if not text:
        return "Your command ran successfully and did not produce any output."
    if len(text) <= most_shown:
        return f"OBSERVATION:\n{text}"
    return (
        f"Observation: {text[:most_shown]}<response clipped><NOTE>Observations should not exceeded {most_shown} "
        f"characters. {len(text) - most_shown} characters were elided. Please try a different command that produces "
        "less output or use head/tail/grep/redirect the output to a file. Do not use interactive pagers.</NOTE>"
    )
