"""What engines' own loops do alike with the groups that `treadle.training.groups.Collected` has kept and dropped."""

from __future__ import annotations

from treadle.errors import TrainingFault
from treadle.training.groups import Collected
from treadle.training.sampling import Drop, WhenShort


def check_enough(found: Collected, when_short: WhenShort) -> None:
    """Raise `TrainingFault` where too few groups carry a signal and `when_short` is `stop`."""
    if found.missing and when_short == "stop":
        raise TrainingFault(
            f"{len(found.kept)} of {found.wanted} groups carry a signal after {found.rounds} sampling rounds of "
            f"{found.sampled} groups (dropped: {', '.join(f'{r} {n}' for r, n in found.reasons.most_common())}), "
            "and when_short is stop"
        )


def counts(found: Collected, trained: int, surplus: int) -> dict[str, int]:
    """Metrics of a step by name.

    Args:
        trained: Groups that the step learns from.
        surplus: Groups with a signal that are discarded.
    """
    return {
        "sampling/kept_groups": trained,
        "sampling/missing_groups": found.missing,
        "sampling/discarded_surplus_groups": surplus,
        "sampling/rounds": found.rounds,
        "sampling/sampled_groups": found.sampled,
        **{f"sampling/dropped/{reason}": found.reasons[reason] for reason in Drop},
    }
