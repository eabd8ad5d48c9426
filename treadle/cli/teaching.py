"""Options that the commands of `treadle teach` share: what is asked, what is checked, what it may cost."""

from __future__ import annotations

import shlex
from dataclasses import fields
from typing import TYPE_CHECKING, Annotated

import typer

from treadle.cli.options import DOMAIN, option
from treadle.errors import TreadleError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    from treadle.teacher.assignments import Assignments
    from treadle.teacher.costs import Prices
    from treadle.teacher.settings import TeachSettings
    from treadle.trajectory import Trajectory

ASKING, CHECKS, COSTS = "Asking", "Checks", "Costs"


Temperature = Annotated[float, option("Of the answers.", ASKING, min=0)]
TopP = Annotated[float, option("Of the answers.", ASKING, min=0, max=1)]
TopK = Annotated[int, option("Of the answers; 0 for no limit.", ASKING, min=0)]
MaxNewTokens = Annotated[int, option("Tokens of an answer, thoughts included.", ASKING, min=1)]
Seed = Annotated[int, option("Of the answers.", ASKING)]
Tries = Annotated[int, option("Times that one sample is asked for, with the fault named.", ASKING, min=1)]
Limit = Annotated[int | None, option("Only the first rows.", ASKING, min=1)]
Domain = Annotated[str | None, option(DOMAIN, ASKING, metavar="NAME|FOLDER")]
Kind = Annotated[str, option("How answers are graded: math, integer, minerva, text, choice.", CHECKS)]
MinSteps = Annotated[int, option("Numbered, titled steps of a solution.", CHECKS, min=1)]
Chars = Annotated[str, option("Band of a solution's characters, as LEAST:MOST.", CHECKS)]
Language = Annotated[str | None, option("Drop solutions in another language than this (en, de, ...).", CHECKS)]
Repetition = Annotated[float, option("Most runs of ten words that come again, as a share.", CHECKS, min=0, max=1)]
Duplicates = Annotated[str, option("drop or keep, exact and near ones.", CHECKS)]
NearThreshold = Annotated[float, option("Similarity from which on two solutions are near duplicates.", CHECKS)]
Known = Annotated[
    list[str] | None, option("File or folder of trajectories that are there; what is like them is dropped.", CHECKS)
]
Against = Annotated[
    list[str] | None,
    option("Evaluation sets (amc23, ... or files); problems that overlap are not given to the teacher.", CHECKS),
]
Unverified = Annotated[bool, option("Take what has no reference answer, too.", CHECKS, "--unverified")]
PriceIn = Annotated[float | None, option("Of a million tokens that are sent.", COSTS, min=0)]
PriceOut = Annotated[float | None, option("Of a million tokens that come back.", COSTS, min=0)]
Budget = Annotated[float | None, option("Stop before the folder's answers can cost more.", COSTS, min=0)]
Overwrite = Annotated[
    bool, typer.Option("--overwrite", help="Replace a run with other settings, and the answers that it paid for.")
]


def band(text: str) -> tuple[int, int]:
    """The value of `--chars`.

    Raises:
        TreadleError: It is no band.
    """
    least, colon, most = text.partition(":")
    if not colon or not least.isdecimal() or not most.isdecimal() or len(text) > 20:
        raise TreadleError(f"--chars {text:.40}: expected LEAST:MOST, such as 100:20000")
    return int(least), int(most)


def prices_of(parameters: Mapping[str, Any]) -> Prices:
    """The prices and the budget among a command's parameters."""
    from treadle.teacher.costs import Prices

    return Prices(parameters["price_in"], parameters["price_out"], parameters["budget"])


def settings_of(parameters: Mapping[str, Any]) -> TeachSettings:
    """The settings among a command's parameters, checked; those that it does not have are at their defaults.

    Raises:
        TreadleError: They cannot work together, or `--chars` is no band.
    """
    from treadle.teacher.settings import TeachSettings

    given = {field.name: parameters[field.name] for field in fields(TeachSettings) if field.name in parameters}
    given |= {"chars": band(parameters["chars"]), "duplicates": parameters["duplicates"] == "drop"}
    settings = TeachSettings(**given)
    settings.check()
    return settings


def known_of(given: list[str] | None) -> Iterator[Trajectory]:
    """The trajectories of all of `--known`, one at a time; prose is cut, so that all solutions count."""
    from treadle.data.sources.reading import read_trajectories

    for source in given or ():
        yield from read_trajectories(source, untitled="keep", segment="prose", keep_unverified=True)


def carry_out(
    given: Assignments,
    settings: TeachSettings,
    parameters: Mapping[str, Any],
    options: Mapping[str, Any],
    prices: Prices,
) -> None:
    """Teach what is left of the assignments, print what became of it, and end with code 1 where the same command would
    ask for more.

    Args:
        parameters: The command's.
        options: Of its back end.
    """
    from treadle.teacher.assignments import first, without_overlap
    from treadle.teacher.outcomes import missing
    from treadle.teacher.report import as_text
    from treadle.teacher.run import teach

    out, kind = parameters["out"], parameters["back_end"].kind
    given = first(without_overlap(given, parameters["against"] or ()), parameters["limit"])
    known, overwrite = known_of(parameters["known"]), parameters["overwrite"]
    report = teach(parameters["model"], given, settings, out, kind, options, prices, known, overwrite)
    print(as_text(report))
    domain = f" --domain {shlex.quote(parameters['domain'])}" if parameters["domain"] else ""
    print(f"written to {out}; go on with `treadle prepare {out}{domain} -o DATA`")
    samples, budget = report["samples"], report["prices"]["budget"]
    if samples["not_asked"]:
        print(
            f"stopped at the budget of {budget:g}: {samples['not_asked']:,} of {samples['all']:,} samples are not "
            "asked; the same command with a larger --budget goes on"
        )
    if missing(report):
        raise typer.Exit(1)
