"""`treadle swe run`: a model on tasks in one of the modes, and the folder of such a run.

run.json            model, back end, settings, tasks, versions, and all that changes what is handed in
generations.jsonl   the journal: each text as it comes, and each observation of an agent's step
outcomes.jsonl      a journal, too: what each episode ended with
predictions.jsonl   what is handed in, in the form of SWE-bench's harness
steps.jsonl         the steps of agents
trajectories/       of mode `mini`: what mini-swe-agent writes of each episode
summary.json        figures beside the resolve rate

Texts in the journal are never generated again: a run that was stopped or killed ends with the same predictions.
"""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from treadle.errors import Interrupted, ModelError, OutputError, TreadleError
from treadle.evaluate.store import ANEW, Journal, write_json, write_lines
from treadle.evaluate.swe.agent.loop import act
from treadle.evaluate.swe.agent.places import Texts
from treadle.evaluate.swe.agent.tools import Tools
from treadle.evaluate.swe.end_to_end import end_to_end
from treadle.evaluate.swe.episodes import Episode, Outcome
from treadle.evaluate.swe.figures import run_figures
from treadle.evaluate.swe.localise import changed_files
from treadle.evaluate.swe.mini.episode import mini_episode
from treadle.evaluate.swe.opening import open_folder, refuse_other_run
from treadle.evaluate.swe.oracle import oracle
from treadle.evaluate.swe.predictions import PREDICTIONS, write_predictions
from treadle.evaluate.swe.records import MissingError, Prediction, SweInstance, Verdict
from treadle.evaluate.swe.repair import Around
from treadle.evaluate.swe.sandbox import SandboxError
from treadle.evaluate.swe.settings import AGENTS, SweSettings, identity
from treadle.evaluate.swe.sources import TaskSource
from treadle.evaluate.swe.trees import remove_tree
from treadle.evaluate.swe.waves import Told, play
from treadle.evaluate.swe.wording import counted
from treadle.evaluate.swe.working import log_file
from treadle.evaluate.swe.worlds import Worlds
from treadle.files.output import owned
from treadle.files.typed import record_of
from treadle.files.whole import writing
from treadle.trajectory import Message

if TYPE_CHECKING:
    from treadle.evaluate.backends import Backend

GENERATIONS, OUTCOMES = "generations.jsonl", "outcomes.jsonl"
STEPS, SUMMARY, TRAJECTORIES = "steps.jsonl", "summary.json", "trajectories"
WORK = "work"
"""Checkouts while a run goes on."""


@dataclass(frozen=True)
class OutcomeRow:
    """A line of outcomes.jsonl."""

    instance_id: str
    patch: str
    fault: str
    reason: str
    figures: dict[str, Any]
    steps: list[dict[str, Any]]
    tokens: int
    thought_tokens: int
    seconds: float


def run(
    model: str,
    instances: Sequence[SweInstance],
    settings: SweSettings,
    out: Path,
    worlds: Worlds,
    kind: str = "transformers",
    options: Mapping[str, Any] | None = None,
    left_out: Mapping[str, str] | None = None,
    overwrite: bool = False,
    together: int = 16,
    workers: int = 4,
    say: Callable[[str], object] = print,
    tasks: TaskSource | None = None,
    grows: bool = False,
) -> dict[str, Any]:
    """Run a model on tasks, as far as `out` does not hold that yet.

    Args:
        model: Folder or hub id; for a server the name under which it serves the model.
        worlds: Where checkouts, environments and sandboxes come from.
        kind, options: The back end, see `treadle.evaluate.backends.open_backend`.
        left_out: Tasks that were left out before, with the reason, for run.json.
        overwrite: Whether a run with other settings in `out` is replaced.
        together: Episodes played side by side, each with a checkout.
        workers: Threads in which the tools of agents work.
        say: Takes lines for the user.
        tasks: Where the tasks were read, for run.json: `treadle view` finds them there.
        grows: Whether `out` may hold a run on other tasks; their episodes stay in its journals, and those of tasks that
            both have are not played again. The caller sees to it that equal ids are equal tasks.

    Returns:
        The content of summary.json; `failed` counts the tasks that the back end did not answer.

    Raises:
        ModelError: The model cannot be loaded or reached, or it gave nothing at all.
        OutputError: `out` holds another run or something else, or cannot be written.
        SandboxError: An agent's commands cannot be run safely here.
        Interrupted: The user stopped the run; it can be continued.
    """
    if not instances:
        raise TreadleError("there are no tasks to run; expected at least one")
    if settings.mode in AGENTS or settings.choice == "tests":
        worlds.check()
    from treadle.evaluate.backends import open_backend
    from treadle.evaluate.settings import fingerprint, model_digest

    compared = () if grows else instances
    refuse_other_run(out, settings, compared, overwrite)
    with owned(out), closing(open_backend(model, kind, **dict(options or {}))) as backend:
        known = identity(model, model_digest(model), backend.describe(), settings, compared)
        info = {
            "kind": "swe",
            "model": model,
            "backend": backend.describe(),
            "settings": asdict(settings),
            "instances": [instance.instance_id for instance in instances],
            "left_out": dict(left_out or {}),
            **({"tasks": tasks.recorded(out)} if tasks else {}),
            "versions": {"treadle": version("treadle"), "python": platform.python_version()},
            "identity": known,
            "fingerprint": fingerprint(known),
        }
        open_folder(out, info, overwrite)
        try:
            return _Run(backend, instances, settings, out, worlds, model, together, workers, say).all()
        except KeyboardInterrupt:
            raise Interrupted(f"stopped; the same command goes on from {out}") from None
        except ModelError as error:
            raise ModelError(f"{error}; what there is stays in {out}, the same command goes on from there") from error
        finally:
            remove_tree(out / WORK)


@dataclass
class _Run:
    backend: Backend
    instances: Sequence[SweInstance]
    settings: SweSettings
    out: Path
    worlds: Worlds
    model: str
    together: int
    workers: int
    say: Callable[[str], object]

    def __post_init__(self) -> None:
        self.by_id = {instance.instance_id: instance for instance in self.instances}
        self.asking = replace(self.backend.asking, tags=self.backend.thought_tags.pair)
        self.begun: dict[str, float] = {}
        self.rows: dict[str, OutcomeRow] = {}
        self.failed: dict[str, str] = {}

    def all(self) -> dict[str, Any]:
        """Play what is left, and write what follows from the outcomes."""
        remove_tree(self.out / WORK)
        with (
            closing(Journal(self.out / OUTCOMES)) as outcomes,
            closing(Journal(self.out / GENERATIONS)) as generations,
        ):
            for number, record in enumerate(outcomes, 1):
                row = record_of(OutcomeRow, record, f"{self.out / OUTCOMES}, line {number}", ANEW)
                if row.instance_id in self.by_id:
                    self.rows[row.instance_id] = row
            self.told = Told(generations)
            if len(self.told):
                done, texts = counted(len(self.rows), "task"), counted(len(self.told), "text")
                self.say(f"{self.out}: done before: {done}, {texts}")
            left = [name for name in self.by_id if name not in self.rows]
            played = play(self.backend, left, self.opening, self.told, self.settings.seed, self.together, self.workers)
            with closing(played):
                for name, outcome in played:
                    self._take(name, outcome, outcomes)
        return self._conclude()

    def _take(self, name: str, outcome: Outcome | str, outcomes: Journal) -> None:
        done = len(self.rows) + len(self.failed) + 1
        if isinstance(outcome, str):
            self.failed[name] = outcome
            self.say(f"{done}/{len(self.instances)} {name}: no answer of the back end: {outcome}")
            return
        tokens, thoughts = self.told.tokens(name)
        seconds = round(time.monotonic() - self.begun[name], 3)
        if self.settings.mode in AGENTS:
            gold, found = changed_files(self.by_id[name].patch), changed_files(outcome.patch)
            outcome.figures |= {"gold": gold, "found": found}
        row = OutcomeRow(
            name,
            outcome.patch,
            str(outcome.fault),
            " ".join(outcome.reason.split()),
            outcome.figures,
            outcome.steps,
            tokens,
            thoughts,
            seconds,
        )
        self.rows[name] = row
        if outcome.fault != Verdict.ENVIRONMENT:  # which the user may mend: it is tried again
            outcomes.append(asdict(row))
        said = f"{row.fault}: {row.reason}" if outcome.fault else f"a patch of {len(outcome.patch)} characters"
        self.say(f"{done}/{len(self.instances)} {name}: {said}")

    def _conclude(self) -> dict[str, Any]:
        rows = [self.rows[name] for name in self.by_id if name in self.rows]
        predictions = [Prediction(r.instance_id, self.model, r.patch, r.fault, r.reason) for r in rows]
        write_predictions(self.out / PREDICTIONS, predictions)
        if self.settings.mode in AGENTS:
            steps = ({"instance_id": r.instance_id, **step} for r in rows for step in r.steps)
            write_lines(self.out / STEPS, steps)
        summary = run_figures({row.instance_id: asdict(row) for row in rows}, self.failed)
        write_json(self.out / SUMMARY, summary)
        if self.failed and not rows:
            last = next(reversed(self.failed.values()))
            raise ModelError(f"none of {len(self.failed)} tasks has an answer of the back end; the last: {last}")
        return summary

    @contextmanager
    def opening(self, name: str) -> Iterator[Episode]:
        """The episode of an instance, in a checkout that goes when it is over."""
        self.begun.setdefault(name, time.monotonic())
        instance = self.by_id[name]
        with self._checkout(instance) as pristine:
            yield (
                _environment_fault(pristine)
                if isinstance(pristine, TreadleError)
                else self._episode(instance, pristine)
            )

    @contextmanager
    def _checkout(self, instance: SweInstance) -> Iterator[Path | TreadleError]:
        """The checkout, or why there is none: the run goes on with the other tasks."""
        opened = self.worlds.pristine(instance, self.out / WORK)
        try:
            pristine = opened.__enter__()
        except (OutputError, MissingError):
            raise
        except TreadleError as error:
            yield error
            return
        try:
            yield pristine
        finally:
            opened.__exit__(None, None, None)

    def _episode(self, instance: SweInstance, pristine: Path) -> Episode:
        settings = self.settings
        if settings.mode in AGENTS:
            try:
                sandbox = self.worlds.workplace(instance, pristine)
            except (OutputError, SandboxError, MissingError):
                raise
            except TreadleError as error:
                return _environment_fault(error)
            memory = self.told.memory(instance.instance_id)
            if settings.mode == "mini":
                tags, keep = self.backend.thought_tags, partial(self._keep, instance.instance_id)
                return mini_episode(instance, self.model, sandbox, pristine, settings, tags, memory, self._fits, keep)
            tools = Tools(sandbox.root, sandbox, pristine, settings.review, settings.observation_chars)
            return act(instance, tools, settings, self.asking, memory, self._fits)
        breaks = self.worlds.breaks(instance) if settings.choice == "tests" else None
        around = Around(Texts(pristine), settings, self.asking, self._count, breaks)
        return oracle(instance, around) if settings.mode == "oracle" else end_to_end(instance, around)

    def _keep(self, name: str, trajectory: dict[str, Any]) -> None:
        """Under the name that mini-swe-agent's own inspector looks for."""
        folder = self.out / TRAJECTORIES
        with writing(folder):
            folder.mkdir(exist_ok=True)
        write_json(log_file(folder, name, ".traj.json"), trajectory)

    def _count(self, prompt: list[Message]) -> int:
        return sum(self.backend.count_tokens([message["content"] for message in prompt]))

    def _fits(self, prompt: list[Message]) -> bool:
        limit = self.settings.max_prompt_tokens
        return limit is None or self._count(prompt) <= limit


def _environment_fault(error: TreadleError) -> Episode:
    """The episode of a task that cannot begin: it asks for nothing."""
    yield from ()
    return Outcome(fault=Verdict.ENVIRONMENT, reason=str(error).splitlines()[0][:500])
