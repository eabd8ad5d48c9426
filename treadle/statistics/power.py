"""How many problems a comparison would need: 80% power at 5%, two-sided, if what was observed were the truth; and how
many trials tell a share from a limit.

An observed difference is a noisy guess of the true one, and so is the number that follows from it: read it as an order
of magnitude.
"""

from __future__ import annotations

import math

from treadle.statistics.estimates import Z95

Z80 = 0.8416212335729143  # the normal distribution's 80% point


def problems_for_mcnemar(discordant: float, difference: float) -> int | None:
    """Problems for McNemar's exact test on one greedy sample a problem.

    Source: R. J. Connor, Biometrics 43 (1987), 207-211, for the test without continuity correction; the exact one
    needs about 1 / difference more.

    Args:
        discordant: Share of problems that exactly one of the two solves.
        difference: Share that only the first solves minus share that only the second solves.

    Returns:
        Their number; `None` for no difference, which no number of problems shows.

    Raises:
        ValueError: The difference is larger than the discordant share allows.
    """
    if not abs(difference) <= discordant <= 1:
        raise ValueError(f"difference {difference} at a discordant share of {discordant}: expected it within the share")
    if not difference:
        return None
    root = Z95 * math.sqrt(discordant) + Z80 * math.sqrt(discordant - difference**2)
    return math.ceil((root / difference) ** 2 + 1 / abs(difference))


def problems_for_mean(spread: float, difference: float) -> int | None:
    """Problems for a paired comparison of mean scores: ((z_0.975 + z_0.8) spread / difference)^2.

    Source: any text on sample size, such as Chow, Shao and Wang, Sample Size Calculations in Clinical Research, 3.1.

    Args:
        spread: Standard deviation, over problems, of the difference of the two scores.
        difference: Mean of that difference.

    Returns:
        Their number; `None` for no difference.
    """
    if not difference:
        return None
    return max(2, math.ceil(((Z95 + Z80) * spread / difference) ** 2))


def trials_for_share(share: float, against: float) -> int | None:
    """Trials after which Wilson's interval of a share leaves `against` out, if the share stays what it is.

    That is the score test's, n = z_0.975^2 against (1 - against) / (share - against)^2. It leaves nothing to chance: a
    share that was observed in few trials may move.

    Source: E. B. Wilson, JASA 22 (1927), 209-212, solved for n.

    Args:
        share: As it was observed, 0 to 1.
        against: What it is to be told from, above 0 and below 1.

    Returns:
        Their number; `None` for a share that is `against`.
    """
    if share == against:
        return None
    return math.floor((Z95 / (share - against)) ** 2 * against * (1 - against)) + 1


def about(problems: int) -> str:
    """Two digits of a number, with thousands set apart: the third means nothing here."""
    if problems > 1_000_000:
        return "a million or more"
    return f"{round(problems, 2 - len(str(problems))):,}" if problems >= 100 else str(problems)
