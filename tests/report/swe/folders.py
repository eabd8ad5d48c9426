"""Folders of tasks, runs and grades, written by the commands' own writers from given outcomes and verdicts."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from treadle.evaluate.settings import fingerprint
from treadle.evaluate.store import write_json, write_lines
from treadle.evaluate.swe.agent.prompts import call_text
from treadle.evaluate.swe.instances import TASKS, read_instances
from treadle.evaluate.swe.opening import INFO
from treadle.evaluate.swe.predictions import PREDICTIONS, write_predictions
from treadle.evaluate.swe.records import Graded, Prediction, SweInstance, Verdict
from treadle.evaluate.swe.results import GRADED, RESULTS, begin, digest, digest_of, digest_of_predictions, summarise
from treadle.evaluate.swe.run import OUTCOMES, OutcomeRow
from treadle.evaluate.swe.settings import SweSettings, identity
from treadle.evaluate.swe.sources import TaskSource, recorded

GOLD = "--- a/m.py\n+++ b/m.py\n@@ -1,2 +1,2 @@\n def f():\n-    return 1\n+    return 2\n"
OTHER = GOLD.replace("m.py", "n.py").replace("return 2", "return 3")


def write_tasks(folder: Path, names: Sequence[str], **changes: Any) -> Path:
    """A folder of tasks, each of which one test fails and two others pass."""
    row = {
        "repo": "owner/lib",
        "base_commit": "c0ffee",
        "problem_statement": "f() gives 1 and not 2",
        "patch": GOLD,
        "FAIL_TO_PASS": ["t.py::test_f"],
        "PASS_TO_PASS": ["t.py::test_g", "t.py::test_h"],
        **changes,
    }
    folder.mkdir(parents=True, exist_ok=True)
    rows = [{"instance_id": name, **row} for name in names]
    (folder / TASKS).write_text("".join(json.dumps(each) + "\n" for each in rows))
    return folder


def step(number: int, action: str = "", thought: str = "hm", observation: str = "ok", **more: Any) -> dict[str, Any]:
    """A step of an agent as outcomes.jsonl has it."""
    record = {"step": number, "thought": thought, "action": action or call_text("bash", command="ls")}
    record |= {"observation": observation, "fault": "", "n_tokens": 12, "thought_tokens": 3, "seconds": 0.5}
    return {**record, **more}


def outcome(name: str, patch: str = GOLD, steps: Sequence[dict[str, Any]] = (), **more: Any) -> OutcomeRow:
    """How an episode of an agent ended."""
    figures = {"steps": len(steps), "faulty_steps": 0, "tool_seconds": 1.0, "stop": "submitted", "gold": ["m.py"]}
    figures |= {"found": ["m.py"] if "m.py" in patch else [], **more.pop("figures", {})}
    fault = more.pop("fault", "" if patch else "empty")
    reason = more.pop("reason", "" if patch else "nothing was changed")
    tokens = more.pop("tokens", 100)
    return OutcomeRow(name, patch, fault, reason, figures, list(steps), tokens, 10, more.pop("seconds", 2.0))


def write_run(
    folder: Path,
    tasks: Path,
    outcomes: Sequence[OutcomeRow],
    model: str = "org/model",
    finished: bool = True,
    **more: Any,
) -> Path:
    """A run of an agent.

    Args:
        finished: Whether predictions are handed in.
        more: Settings.
    """
    instances, settings = read_instances(tasks), SweSettings(mode="agent", **more)
    known = identity(model, None, {"kind": "openai"}, settings, instances)
    info = {
        "kind": "swe",
        "model": model,
        "backend": {"kind": "openai"},
        "settings": asdict(settings),
        "instances": [one.instance_id for one in instances],
        "left_out": {},
        "identity": known,
        "fingerprint": fingerprint(known),
    }
    folder.mkdir(parents=True)
    write_json(folder / INFO, {**info, "tasks": TaskSource(str(tasks)).recorded(folder)})
    write_lines(folder / OUTCOMES, map(asdict, outcomes))
    if finished:
        handed_in = [Prediction(one.instance_id, model, one.patch, one.fault, one.reason) for one in outcomes]
        write_predictions(folder / PREDICTIONS, handed_in)
    return folder


def graded(instance: SweInstance, verdict: str, reason: str = "", broken: Sequence[str] = ()) -> Graded:
    """A verdict with the tests that belong to it; `broken` tests have failed that passed before."""
    before = dict.fromkeys(instance.fail_to_pass, "failed") | dict.fromkeys(instance.pass_to_pass, "passed")
    after = {}
    if verdict in (Verdict.RESOLVED, Verdict.UNRESOLVED):
        mended = "passed" if verdict == Verdict.RESOLVED else "failed"
        after = before | dict.fromkeys(instance.fail_to_pass, mended) | dict.fromkeys(broken, "failed")
    rung = "exact" if after else ""
    return Graded(instance.instance_id, Verdict(verdict), reason, before, after, rung, 1.5 if after else 0.0)


def write_grades(
    folder: Path,
    predictions: Path,
    tasks: Path,
    verdicts: Mapping[str, str | Graded],
    left_out: Mapping[str, str] | None = None,
    grader: str = "local",
    handed_in: Sequence[Prediction] | None = None,
) -> Path:
    """Grades of the predictions of a run, with a verdict, or all that is graded, for each task that is graded."""
    from treadle.evaluate.swe.predictions import read_predictions

    handed_in = read_predictions(predictions) if handed_in is None else handed_in
    instances = [one for one in read_instances(tasks) if one.instance_id in verdicts]
    rows = [v if isinstance(v := verdicts[i.instance_id], Graded) else graded(i, v) for i in instances]
    known = {*verdicts, *(left_out or {})}
    some = [one for one in handed_in if one.instance_id in known]
    folder.mkdir(parents=True)
    tasks_digest = digest(sorted(digest_of(one) for one in instances))
    begin(folder, {"predictions": digest_of_predictions(some), "tasks": tasks_digest, "limits": "-"}, False)
    sources = {"predictions": recorded(predictions, folder), "tasks": TaskSource(str(tasks)).recorded(folder)}
    write_lines(folder / GRADED, map(asdict, rows))
    write_json(folder / RESULTS, summarise(rows, instances, left_out or {}, some, grader, sources))
    return folder
