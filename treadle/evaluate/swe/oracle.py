"""Mode `oracle`: the issue and the files that the gold patch changes, and nothing to search for.

The paper's first figure for software engineering: what a model can repair where it is shown what to repair.
"""

from __future__ import annotations

from treadle.evaluate.swe.episodes import Episode, Outcome
from treadle.evaluate.swe.localise import gold_files
from treadle.evaluate.swe.records import SweInstance, Verdict
from treadle.evaluate.swe.repair import Around, Shown, repair


def oracle(instance: SweInstance, around: Around) -> Episode:
    """The episode of an instance; files that the gold patch makes anew are not shown."""
    files = gold_files(instance, around.texts)
    if not files:
        reason = "the gold patch changes no text file that the repository has at the base"
        return Outcome(fault=Verdict.ENVIRONMENT, reason=reason)
    shown = [Shown(path, around.texts[path].rstrip("\n")) for path in files]
    return (yield from repair(instance, shown, True, around, gold=files))
