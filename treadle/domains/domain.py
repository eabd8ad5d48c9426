"""A `Domain`: what treadle knows of a field, as data. Functions are named by their place and imported when they run.

A domain is a folder with `domain.yaml` and its prompt templates (`treadle.domains.folder`), or such an object that a
package announces under the entry point group `treadle.domains`. Mathematics is one of them; nothing asks for a domain
by its name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal


@dataclass(frozen=True)
class Task:
    """A problem as an environment and a verdict get it.

    Args:
        id: Unique within its set.
        problem: The text that the model sees.
        answer: The reference; empty where there is none.
        setup: What the field's own code needs to set the problem up (a seed, tables, prices): any JSON. A row has it in
            its column `setup`, a trajectory in `meta["setup"]`. The model never sees it.
    """

    id: str
    problem: str
    answer: str = ""
    setup: Any = None


@dataclass(frozen=True)
class Attempt:
    """What a model, or an expert, did with a task, as a verdict gets it.

    Args:
        actions: In order: the steps of the loop, or what `Domain.split` finds in a whole solution.
        observations: What the environment answered to each; empty without one.
        answer: What `\\boxed{}` holds, `None` without a box.
        text: All that was written, thoughts left out.
    """

    actions: tuple[str, ...]
    observations: tuple[str, ...] = ()
    answer: str | None = None
    text: str = ""


@dataclass(frozen=True)
class Limits:
    """Of one call into a domain's code, which runs in a process of its own that is killed beyond them.

    Args:
        seconds: Of processor time; on the clock four times as long.
        memory_mb: Address space of the process.
    """

    seconds: float = 5.0
    memory_mb: int = 2048


@dataclass(frozen=True)
class Graded:
    """A verdict by treadle's own grader of final answers.

    Args:
        kind: How answers are graded, one of `treadle.scoring.grading.KINDS`.
    """

    kind: str = "math"


@dataclass(frozen=True)
class Hosted:
    """Code of the domain that runs in a process of its own: a verdict's function, or an environment's class.

    Args:
        place: `package.module:name`, or `file.py:name` in the domain's folder.
        limits: Of a call.
    """

    place: str
    limits: Limits = field(default_factory=Limits)


@dataclass(frozen=True)
class Command:
    """A verdict by a command which gets `{"task": {...}, "attempt": {...}}`, gives `{"verdict": "right", "why": ""}`.

    Args:
        command: Program and arguments, run in the domain's folder.
        limits: Of one run.
    """

    command: tuple[str, ...]
    limits: Limits = field(default_factory=Limits)


@dataclass(frozen=True)
class ProblemSet:
    """Problems for evaluation.

    Args:
        file: In the domain's folder.
        count: Problems that it has to hold; `None` for any.
        sha256: Beginning of their content hash, as results have it; `None` for any.
    """

    file: str
    count: int | None = None
    sha256: str | None = None


@dataclass(frozen=True)
class Domain:
    """A field.

    Args:
        name: As trajectories and problems name it.
        folder: Holds the templates `step.j2`, `solve.j2`, `solve_guided.j2` and `system.j2`, those that there are.
        about: In a few words.
        steps: Whether its steps are texts, or calls of tools and commands (`treadle.scoring.step_actions`).
        ends: What ends an attempt in the loop: a box, the environment, or neither.
        split: How a whole solution is cut into actions: `lines`, `blocks` (parted by empty lines), or a place
            `file.py:name` of a function from a text to a list of texts.
        reward: By which reward its actions are compared, by name (`reward: domain` in a recipe).
        same: What counts as the same action: `text`, `call` (`treadle.scoring.step_actions.same`), or a place of a
            function of two texts.
        shown: How reports show an action: as text with formulas, or as code.
        verdict: Who says whether an attempt is right; `None` where nobody can.
        environment: The class of its environment (`treadle.domains.environment`), `None` where there is none.
        problems: Sets for evaluation by name.
    """

    name: str
    folder: Path
    about: str = ""
    steps: Literal["text", "calls"] = "text"
    ends: Literal["boxed", "environment", "none"] = "boxed"
    split: str = "lines"
    reward: str = "similarity"
    same: str = "text"
    shown: Literal["text", "code"] = "text"
    verdict: Graded | Hosted | Command | None = field(default_factory=Graded)
    environment: Hosted | None = None
    problems: Mapping[str, ProblemSet] = field(default_factory=dict)

    @property
    def of_calls(self) -> bool:
        """Whether steps are calls, which have no natural language and give no final answer in a box."""
        return self.steps == "calls"

    @property
    def acts(self) -> bool:
        """Whether steps are carried out by something that answers: its tools, or its environment."""
        return self.of_calls or self.environment is not None

    @property
    def boxed(self) -> bool:
        """Whether a whole solution ends with its final answer in a box."""
        return self.ends == "boxed"

    @property
    def written(self) -> bool:
        """Whether a solution is a text with its answer in a box, which a teacher can write anew."""
        return self.boxed and not self.acts and not self.as_code

    @property
    def compares(self) -> bool:
        """Whether it has a function of its own that says which actions are the same."""
        return self.same not in ("text", "call")

    @property
    def as_code(self) -> bool:
        """Whether reports show actions as code, in which nothing is a formula."""
        return self.shown == "code"
