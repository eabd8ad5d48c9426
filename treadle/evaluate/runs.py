"""A run folder: opened by `treadle evaluate`, and read by everything that looks at runs.

run.json            model, back end, settings, benchmarks, versions, and all that changes results
problems.jsonl      the problems, in order
generations.jsonl   the journal: each generation, appended as it finishes
samples.jsonl       the attempts with their grades, made from the journal
steps.jsonl         single next steps beside the expert's
results.json        the figures
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from treadle.errors import OutputError
from treadle.evaluate.records import Decoding, Mode, Problem, Sample, StepSample
from treadle.evaluate.sample_lines import sample_from
from treadle.evaluate.settings import BEFORE, fingerprint, read_tags
from treadle.evaluate.step_lines import steps_from
from treadle.evaluate.store import ANEW, Journal, read_json, read_lines, write_json, write_lines
from treadle.evaluate.typed import Results, RunInfo
from treadle.files.digests import problem_in
from treadle.files.output import check_out, make_empty
from treadle.files.same import other_keys, refuse_others
from treadle.files.secrets import refuse_secrets
from treadle.files.typed import checked, record_of
from treadle.scoring.thoughts import ThoughtTags

INFO, PROBLEMS, GENERATIONS = "run.json", "problems.jsonl", "generations.jsonl"
SAMPLES, STEPS, RESULTS = "samples.jsonl", "steps.jsonl", "results.json"
"""What mends a file that was made with the run."""


@dataclass
class Run:
    """A finished run.

    Args:
        info: run.json.
        problems: By benchmark, in order.
        results: results.json.
    """

    folder: Path
    info: dict[str, Any]
    problems: dict[str, list[Problem]]
    results: dict[str, Any] = field(default_factory=dict)

    @property
    def thought_tags(self) -> ThoughtTags:
        """Where thoughts begin and end in what was generated."""
        return read_tags(self.info["settings"])

    def samples(self) -> Iterator[Sample]:
        """The attempts, one at a time.

        Raises:
            OutputError: A line is no attempt at a problem of the run.
        """
        path, known = self.folder / SAMPLES, {(name, p.id) for name, found in self.problems.items() for p in found}
        for number, record in enumerate(read_lines(path), 1):
            sample = sample_from(record, f"{path}, attempt {number}", self._again)
            if sample.key[:2] not in known:
                raise OutputError(
                    f"{path}, attempt {number}: is at {sample.key[:2]}, no problem of the run; {self._again}"
                )
            yield sample

    @property
    def _again(self) -> str:
        return f"make the file again with `treadle evaluate --regrade {self.folder}`"

    def steps(self) -> Iterator[StepSample]:
        """The single next steps, one at a time; none where they were not evaluated.

        Raises:
            OutputError: A line is none, or its step is there already.
        """
        if (self.folder / STEPS).exists():
            yield from steps_from(read_lines(self.folder / STEPS), self.folder / STEPS)

    def right(self, benchmark: str, mode: Mode, decoding: Decoding) -> np.ndarray:
        """1 for right and 0 for wrong, `[P, K]`, in the order of `problems[benchmark]`.

        Raises:
            OutputError: The run has no such attempts, or some of them are missing.
        """
        found = self._right.get((benchmark, mode, decoding))
        if found is None:
            have = ", ".join(" ".join(arm) for arm in self._right) or "none"
            raise OutputError(f"{self.folder}: no {decoding} attempts of {benchmark} in mode {mode}; it has {have}")
        if missing := int(np.isnan(found).sum()):
            raise OutputError(
                f"{self.folder}: {missing} of {found.size} {decoding} attempts of {benchmark}, mode {mode}, are "
                "missing, because the back end did not give them; the same `treadle evaluate` tries them again"
            )
        return found

    @cached_property
    def _right(self) -> dict[tuple[str, str, str], np.ndarray]:
        rows = {name: {p.id: i for i, p in enumerate(problems)} for name, problems in self.problems.items()}
        found = {
            (name, mode, decoding): np.full((len(rows[name]), figures["samples"]), np.nan)
            for name, of_benchmark in self.results["benchmarks"].items()
            for mode, decodings in of_benchmark["modes"].items()
            for decoding, figures in decodings.items()
        }
        for number, sample in enumerate(self.samples(), 1):
            key = sample.key
            right_PK = found.get((key.benchmark, key.mode, key.decoding))
            if right_PK is None or not 0 <= key.index < right_PK.shape[1]:
                raise OutputError(
                    f"{self.folder / SAMPLES}, attempt {number}: is {' '.join(map(str, key))}, of which {RESULTS} says "
                    f"nothing; {self._again}"
                )
            right_PK[rows[key.benchmark][key.problem], key.index] = sample.right
        return found


def read_run(folder: str | Path) -> Run:
    """Open a finished run.

    Raises:
        OutputError: A file of it is missing or damaged.
    """
    folder = Path(folder)
    run = read_started(folder)
    path = folder / RESULTS
    run.results = read_json(path, "the run has no results yet; run the same `treadle evaluate` again", run._again)
    checked(Results, run.results, str(path), run._again)
    if unknown := run.results["benchmarks"].keys() - run.problems.keys():
        raise OutputError(f"{path}: benchmark {min(unknown)!r} is none of the run; {run._again}")
    if not (folder / SAMPLES).is_file():
        raise OutputError(f"{folder}: no {SAMPLES}; make it with `treadle evaluate --regrade {folder}`")
    made_of = {name: entry for name, entry in run.results.get("files", {}).items() if name != GENERATIONS}
    if (problem := problem_in(folder, made_of)) is not None:
        raise OutputError(f"{folder}: not what {RESULTS} was made from: {problem}; {run._again}")
    return run


def read_started(folder: Path) -> Run:
    """Open a run that need not have results."""
    info = read_json(folder / INFO, "expected a folder written by `treadle evaluate MODEL -o FOLDER`")
    checked(RunInfo, info, str(folder / INFO), ANEW)
    problems: dict[str, list[Problem]] = {entry["name"]: [] for entry in info["benchmarks"]}
    for number, record in enumerate(read_lines(folder / PROBLEMS), 1):
        where = f"{folder / PROBLEMS}, line {number}"
        problem = record_of(Problem, record, where, ANEW)
        if problem.benchmark not in problems:
            raise OutputError(f"{where}: benchmark {problem.benchmark!r} is none of {folder / INFO}; {ANEW}")
        problems[problem.benchmark].append(problem)
    return Run(folder, info, problems)


def open_run(out: Path, info: Mapping[str, Any], problems: Sequence[Problem], overwrite: bool = False) -> Journal:
    """Make a run folder, or open one for the same run to be continued; the caller holds its lock.

    Args:
        info: What goes into run.json; `info["identity"]` is all that changes results.
        overwrite: Whether a run with other settings is replaced.

    Returns:
        The journal.

    Raises:
        OutputError: The folder holds another run or something else, or cannot be written; or `info` holds a secret.
    """
    refuse_secrets(info, "run.json", OutputError)
    content = {**info, "fingerprint": fingerprint(info["identity"])}
    if overwrite:
        check_out(out, overwrite, INFO)
        make_empty(out, INFO)
    check_same(out, info["identity"])
    begun = (out / INFO).is_file()
    if not begun:
        check_out(out, False, INFO)
    try:
        write_json(out / INFO, content)
        write_lines(out / PROBLEMS, map(_record, problems))
        return Journal(out / GENERATIONS)
    except OutputError:
        if not begun:
            make_empty(out, INFO)
        raise


def _record(problem: Problem) -> dict[str, Any]:
    """A line of problems.jsonl; most problems have nothing to set up."""
    record = asdict(problem)
    if problem.setup is None:
        del record["setup"]
    return record


def record_extract(run: Run, extract: str) -> None:
    """Write the rule by which answers are taken into run.json, where it changes."""
    identity = {**run.info.get("identity", {}), "settings.extract": extract}
    settings = {**run.info["settings"], "extract": extract}
    run.info.update(settings=settings, identity=identity, fingerprint=fingerprint(identity))
    write_json(run.folder / INFO, run.info)


def recorded_date(out: Path) -> str | None:
    """The date that the run in `out` has its prompts with; `None` for no run, and where prompts show no date."""
    if not (out / INFO).is_file():
        return None
    chat = checked(RunInfo, read_json(out / INFO, ""), str(out / INFO), ANEW).get("backend", {}).get("chat", {})
    return chat.get("date") if isinstance(chat, dict) else None


def check_same(out: Path, identity: Mapping[str, Any], but: Sequence[str] = ()) -> None:
    """Raise `OutputError` if `out` holds a run of which anything differs that changes results.

    Args:
        but: Beginnings of keys that are left out.
    """
    if not (out / INFO).is_file():
        return
    old = checked(RunInfo, read_json(out / INFO, ""), str(out / INFO), ANEW).get("identity", {})
    old = {**BEFORE, **old}
    keys = [key for key in other_keys(old, identity) if not key.startswith(tuple(but))]
    if keys == ["settings.extract"]:
        now = identity[keys[0]]
        raise OutputError(
            f"{out}: takes answers by the rule {old[keys[0]]!r}, not {now!r}; `treadle evaluate --regrade {out} "
            f"--extract {now}` changes that without a model"
        )
    refuse_others(out, keys, old, identity)
