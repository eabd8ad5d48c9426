"""A task on the page of a run: what the list has without a script, and what the script draws."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from typing_extensions import TypedDict

from treadle.evaluate.store import ANEW
from treadle.evaluate.swe.figures import recall
from treadle.evaluate.swe.localise import changed_files
from treadle.evaluate.swe.records import Prediction, SweInstance
from treadle.evaluate.swe.run import OUTCOMES, OutcomeRow
from treadle.files.typed import STRICT, Count, Number, checked
from treadle.report.evaluation.steps import LONGEST_MATCHED
from treadle.report.parts import Part, Parts
from treadle.report.swe.listed_tests import ListedTests
from treadle.report.text import label, number, shortened
from treadle.scoring.rewards import step_similarity
from treadle.trajectory import Step, Trajectory

REASON = 2000
"""Characters of a reason on the page."""
LABEL = 70
FILES = 600
"""Characters of a list of files on the page."""
NO_OUTCOME, PATCH = "no outcome", "not graded"

FLAGS = {
    "no_patch": "has no patch",
    "part": "mended some, not all FAIL_TO_PASS tests",
    "broke": "broke a PASS_TO_PASS test",
    "elsewhere": "changed no file of the gold patch",
    "faulty": "had an answer that could not be carried out",
    "expert": "has an expert beside it",
}
"""What a task can be searched for, and how the page says it."""


class AgentStep(TypedDict):
    """A record of `steps` in outcomes.jsonl."""

    __pydantic_config__ = STRICT
    step: Count
    thought: str
    action: str
    observation: str
    fault: str
    n_tokens: Count
    thought_tokens: Count
    seconds: Number


@dataclass
class InstanceView:
    """All that the page shows of a task.

    Args:
        number: Its place in the list.
        anchor: Its address on the page.
        verdict: Of the results, see `treadle.evaluate.swe.folders.VerdictInfo`; `None` where it was not graded.
        outcome: Of the run; `None` where there is none.
    """

    name: str
    number: int
    anchor: str
    task: SweInstance | None = None
    prediction: Prediction | None = None
    verdict: dict[str, Any] | None = None
    tests: ListedTests = field(default_factory=ListedTests)
    expert: Trajectory | None = None
    figures: dict[str, Any] = field(default_factory=dict)
    tokens: int | None = None
    thought_tokens: int = 0
    seconds: float | None = None
    steps: list[list[Any]] = field(default_factory=list)
    similarities: list[float | None] = field(default_factory=list)
    texts: dict[str, Parts] = field(default_factory=dict)
    file: str | None = None

    def take(self, outcome: OutcomeRow) -> None:
        """Take in what the run says of the task."""
        self.figures, self.tokens = outcome.figures, outcome.tokens
        self.thought_tokens, self.seconds = outcome.thought_tokens, outcome.seconds
        steps = agent_steps(outcome)
        self.steps = [
            [
                label(Step(shortened(step["action"], 2000)), characters=LABEL),
                shortened(step["fault"], REASON),
                step["n_tokens"],
                step["thought_tokens"],
                round(step["seconds"], 1),
            ]
            for step in steps
        ]
        experts = self.expert.steps if self.expert else ()
        self.similarities = [
            similarity(step["action"], expert.action) for step, expert in zip(steps, experts, strict=False)
        ]

    @property
    def state(self) -> str:
        """The verdict, or for a task that was not graded its fault or that it waits."""
        if self.verdict is not None:
            return str(self.verdict["verdict"])
        if self.prediction is None:
            return NO_OUTCOME
        return self.prediction.fault or PATCH

    @property
    def reason(self) -> str:
        if self.verdict is not None:
            return shortened(self.verdict["reason"], REASON)
        return shortened(self.prediction.reason, REASON) if self.prediction else ""

    @property
    def label(self) -> str:
        """The issue's beginning, in one line."""
        return label(Step(self.task.problem_statement), characters=110) if self.task else ""

    @property
    def repo(self) -> str:
        return self.task.repo if self.task else ""

    @property
    def similarity(self) -> float | None:
        """Mean over the steps that have an expert's beside them."""
        known = [value for value in self.similarities if value is not None]
        return sum(known) / len(known) if known else None

    @property
    def counts(self) -> str:
        """Tests that passed of those that are listed; empty where none ran."""
        if self.verdict is None or not self.tests.ran:
            return ""
        return ", ".join("{passed:,}/{listed:,}".format(**self.verdict[k]) for k in ("fail_to_pass", "pass_to_pass"))

    @property
    def flags(self) -> list[str]:
        """Which of `FLAGS` the task has."""
        mended = self.verdict["fail_to_pass"] if self.verdict and self.tests.ran else {"passed": 0, "listed": 0}
        kept = self.verdict["pass_to_pass"] if self.verdict and self.tests.ran else {"passed": 0, "listed": 0}
        found = {
            "no_patch": not (self.prediction and self.prediction.model_patch.strip()),
            "part": 0 < mended["passed"] < mended["listed"],
            "broke": kept["passed"] < kept["listed"],
            "elsewhere": self.recall == 0,
            "faulty": bool(self.figures.get("faulty_steps") or self.figures.get("edit_faults")),
            "expert": self.expert is not None,
        }
        return [name for name, holds in found.items() if holds]

    @property
    def recall(self) -> float | None:
        """The share of the gold patch's files that were found, by the run, else by the patch itself."""
        if "gold" in self.figures or self.task is None or self.prediction is None:
            return recall({"figures": self.figures})
        found = changed_files(self.prediction.model_patch)
        return recall({"figures": {"gold": changed_files(self.task.patch), "found": found}})

    def facts(self) -> list[tuple[str, str, str]]:
        """Name, value and style of what stands above the texts."""
        verdict, figures = self.verdict or {}, self.figures
        thoughts = f", {number(self.thought_tokens)} of them thought" if self.thought_tokens else ""
        tools = f", {figures['tool_seconds']:.1f} of them in its calls" if "tool_seconds" in figures else ""
        gold, found = figures.get("gold"), figures.get("found")
        found_facts = [
            ("verdict" if self.verdict else "state", self.state.replace("_", " "), f"v {self.style}"),
            ("because", self.reason, ""),
            ("repository", f"{self.repo} at {self.task.base_commit}" if self.task else "", ""),
            ("gold patch changes", shortened(", ".join(gold), FILES) if gold else "", "code"),
            ("model found", (shortened(", ".join(found), FILES) or "none") if found is not None else "", "code"),
            ("patch applied", verdict.get("rung", "").replace("_", " "), ""),
            ("tests passed", self._tests_passed(), ""),
            ("steps", number(figures["steps"]) if "steps" in figures else "", ""),
            ("ended", figures.get("stop", "").replace("_", " "), ""),
            ("steps not carried out", str(figures.get("faulty_steps") or ""), ""),
            ("answers with edits", str(figures.get("edits") or ""), ""),
            ("of them faulty", str(figures.get("edit_faults") or ""), ""),
            ("tokens", f"{number(self.tokens)}{thoughts}" if self.tokens is not None else "", ""),
            ("seconds", f"{self.seconds:.1f}{tools}" if self.seconds is not None else "", ""),
            ("seconds of the tests", f"{verdict['seconds']:.1f}" if verdict.get("seconds") else "", ""),
        ]
        return [(name, value, style) for name, value, style in found_facts if value]

    def _tests_passed(self) -> str:
        if self.verdict is None or not self.tests.ran:
            return ""
        kinds = ("fail_to_pass", "pass_to_pass")
        return ", ".join("{passed:,} of {listed:,} ".format(**self.verdict[kind]) + kind.upper() for kind in kinds)

    @property
    def style(self) -> str:
        """How the page colours the verdict."""
        return {"resolved": "right", "unresolved": "wrong", PATCH: "waiting"}.get(self.state, "fault")

    def data(self) -> dict[str, Any]:
        """What the script reads."""
        return {
            "key": self.name,
            "anchor": self.anchor,
            "file": self.file,
            "state": self.state,
            "repo": self.repo,
            "stop": self.figures.get("stop", ""),
            "flags": self.flags,
            "facts": self.facts(),
            "tests": self.tests.data() if self.verdict else None,
            "sizes": [len(self.steps), self.tokens or 0, self.seconds or 0, self.similarity],
            "steps": self.steps,
            "expert": [label(step, characters=LABEL) for step in self.expert.steps] if self.expert else [],
            "similarities": [None if value is None else round(value, 3) for value in self.similarities],
            "texts": self.texts,
        }


def agent_steps(outcome: OutcomeRow) -> list[AgentStep]:
    """The steps of an agent.

    Raises:
        OutputError: One has other keys or types.
    """
    return [
        checked(AgentStep, step, f"{OUTCOMES}: {outcome.instance_id:.80}", ANEW, key=f"steps.{k}")
        for k, step in enumerate(outcome.steps)
    ]


def similarity(action: str, expert_action: str) -> float | None:
    """As the reward has it; `None` where an action is so long that it would take too long."""
    if max(len(action), len(expert_action)) > LONGEST_MATCHED:
        return None
    return step_similarity(action, expert_action)


def instance_texts(
    task: SweInstance | None, prediction: Prediction | None, outcome: OutcomeRow | None, expert: Trajectory | None
) -> dict[str, Parts]:
    """The long texts of a task: `issue`, `patch` and `gold`; thought, action and observation of the model's step k are
    `t`, `a` and `o` with k behind, of the expert's `T`, `A` and `O`."""
    texts: dict[str, Parts] = {
        "issue": _text(task.problem_statement if task else ""),
        "patch": _text(prediction.model_patch if prediction else ""),
        "gold": _text(task.patch if task else ""),
    }
    steps = agent_steps(outcome) if outcome else ()
    texts |= _of_steps([(s["thought"], s["action"], s["observation"]) for s in steps], "tao")
    of_expert = [(s.thought or "", s.action, s.observation or "") for s in expert.steps] if expert else ()
    return texts | _of_steps(of_expert, "TAO")


def _of_steps(steps: Sequence[tuple[str, str, str]], letters: str) -> dict[str, Parts]:
    kinds = (Part.THOUGHT, Part.STEP, Part.TEXT)
    return {
        f"{letter}{k}": [(kind, text)]
        for k, step in enumerate(steps)
        for letter, kind, text in zip(letters, kinds, step, strict=True)
        if text.strip()
    }


def _text(text: str) -> Parts:
    return [(Part.TEXT, text)] if text.strip() else []
