"""One act of an expert: what it thinks and calls, in the words of the task, and what it keeps of the answer."""

from __future__ import annotations

import shlex
from collections.abc import Generator
from dataclasses import dataclass

from treadle.evaluate.swe.agent.prompts import call_text
from treadle.evaluate.swe.tasks.cases import Case, failure_in, passes
from treadle.evaluate.swe.tasks.thoughts import say

_LONGEST_TESTS = 240
"""Characters of the ids of tests that one command names, if the first is not longer."""
_LONGEST_FAILURE = 90


@dataclass(frozen=True)
class Act:
    """A thought and a call in the syntax of `treadle.evaluate.swe.agent.prompts`."""

    thought: str
    call: str


Acts = Generator[Act, str, None]


class Hands:
    """How an expert acts on a case.

    Attributes:
        seen: The description and all observations, one after the other.
        lead: What the last observation told, for the beginning of the next thought.
        failure: What was wrong when the tests ran, in a line; empty where that is not known or too long.
        ran: Whether they did.
    """

    def __init__(self, case: Case) -> None:
        self.case, self.chance = case, case.chance
        self.seen = case.instance.problem_statement
        self.lead = self.failure = ""
        self.ran = False

    def do(self, thought: str, call: str) -> Generator[Act, str, str]:
        thought = f"{self.lead} {thought}".strip()
        self.lead = ""
        observation = yield Act(thought, call)
        self.seen += f"\n{observation}"
        return observation

    def say(self, what: str, **values: object) -> str:
        case = self.case
        known = {"function": case.function, "name": case.name, "file": case.mend.file, "test": case.test_name}
        return say(self.chance, what, **{**known, "tests": case.test_file, "line": case.mend.line, **values})

    def bash(self, command: str) -> str:
        return call_text("bash", command=command)

    def editor(self, command: str, path: str = "", **arguments: str) -> str:
        return call_text("str_replace_editor", command=command, path=path or self.case.path, **arguments)

    def shown(self, path: str, first: int, last: int) -> str:
        """A call that shows lines of a file."""
        ways = (
            self.editor("view", path, view_range=f"[{first}, {last}]"),
            self.bash(f"sed -n '{first},{last}p' {path}"),
            self.bash(f"cat -n {path} | sed -n '{first},{last}p'"),
        )
        return self.chance.choices(ways, (65, 20, 15))[0]

    def tests(self, most: int) -> str:
        """Ids of tests that fail, as a shell takes them."""
        first, *more = map(shlex.quote, self.case.instance.fail_to_pass[:most])
        chosen = [first]
        for test in more:
            if len(" ".join([*chosen, test])) <= _LONGEST_TESTS:
                chosen.append(test)
        return " ".join(chosen)

    def take_failure(self, observation: str) -> None:
        self.ran, found = True, failure_in(observation)
        self.failure = found if len(found) <= _LONGEST_FAILURE and "`" not in found else ""
        self.lead = self.say("failed", failure=self.failure) if self.failure else self.say("failed_silent")

    def take_result(self, observation: str) -> None:
        self.lead = self.say("passed") if passes(observation) else ""
