"""What a sample is too small to tell, each doubt with the sample that would settle it."""

from __future__ import annotations

from treadle.check.figures import cut_short, more_room, shares, similarities
from treadle.check.measured import Answers, Measured, Steps
from treadle.check.state import SIGNAL, Signal, above, at_floor, mostly_cut, signal
from treadle.statistics.power import about, problems_for_mean, trials_for_share


def doubts(measured: Measured) -> list[str]:
    """One line for each thing that the sample does not decide."""
    kinds = (measured.answers is not None) + (measured.steps is not None)
    answers, steps = measured.answers, measured.steps
    found = []
    if answers and signal(answers) is Signal.UNSURE:
        found.append(_of_answers(answers, kinds))
    if steps and above(steps.differing, steps.groups, SIGNAL) is None:
        found.append(_of_share(steps.differing, steps, "steps that differ in similarity", kinds))
    if steps and (line := _of_floor(steps, kinds)):
        found.append(line)
    return found


def _of_answers(answers: Answers, kinds: int) -> str:
    if mostly_cut(answers):
        said = f"{cut_short(answers, 'whole solutions')}, so those that are not right say little"
        return f"{said}; give {more_room(answers)}"
    if above(answers.solved, answers.groups, SIGNAL) is None:
        return _of_share(answers.solved, answers, "a right rollout", kinds)
    return _of_share(answers.mixed, answers, "right and wrong rollouts", kinds)


def _of_share(count: int, of: Answers | Steps, what: str, kinds: int) -> str:
    enough = _enough(trials_for_share(count / of.groups, SIGNAL), of, kinds)
    return f"{shares(count, of.groups)} have {what}, which may be more or less than {SIGNAL:.0%} of all; {enough}"


def _of_floor(steps: Steps, kinds: int) -> str | None:
    if steps.similarity is None or steps.floor is None or at_floor(steps) or steps.similarity.low > steps.floor:
        return None
    value, low, high = steps.similarity
    # An interval is four standard errors wide; the error of a mean falls with the root of the groups.
    spread = (high - low) / 4 * steps.groups**0.5
    apart = round(value - steps.floor, 2)  # as far as is shown
    enough = _enough(problems_for_mean(spread, apart), steps, kinds)
    return f"{similarities(steps)} may be at its floor or not; {enough}"


def _enough(groups: int | None, of: Answers | Steps, kinds: int) -> str:
    if groups is None:
        return "it lies at the limit, so that no sample would tell"
    if groups <= of.groups:
        return "chance may still turn it, so take twice as many groups"
    return f"about {about(groups)} groups would tell if it stayed so (--sample {groups * of.rollouts * kinds})"
