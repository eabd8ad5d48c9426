"""Floors: the similarity that is earned without reading the problem.

Experts' actions are alike, so a text that fits none of them well fits all of them a little. What it earns is the floor
of the data: a policy at the floor has learned nothing, whatever its similarity. Floors are measured over steps of
trajectories by policies that do not look at the problem at hand, or only copy from the prompt:

    another_action           the action of a step of another trajectory, drawn at random
    constant                 one action for all steps, the best there is
    constant_by_position     one for each position of a step in its trajectory
    constant_by_form         one for each form that the data mixes
    constant_by_tool         one for each tool that the expert calls; it is told which
    most_frequent            where actions are calls: the one that is most often exactly right, for all steps
    step_before              the action before, repeated; at a first step the constant
    problem_first_line       the problem's first line
    problem_last_sentence    its last sentence
    worked_example           where prompts show worked examples (`example_floor`): one of their actions, repeated

Constants are chosen on one half of the trajectories and measured on the other: on the half that it was chosen on, the
best of many looks better than it is. Similarity is the reward's (`step_similarity`, the policy's action first).
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Literal, NotRequired, TypedDict

import numpy as np

from treadle.scoring.rewards import step_similarity
from treadle.statistics.clustered import SHARES, Figure, grouped_mean, pair_mean

Group = Literal["position", "form", "tool"]

TITLES = {
    "another_action": "another expert's action at random",
    "constant": "the best constant action",
    "constant_by_position": "the best constant for each position",
    "constant_by_form": "the best constant for each form",
    "constant_by_tool": "the best constant for each tool, told which",
    "most_frequent": "the most frequent action, exactly repeated",
    "step_before": "the step before, repeated",
    "problem_first_line": "the problem's first line",
    "problem_last_sentence": "the problem's last sentence",
    "worked_example": "the worked example's action, repeated",
    "by_folder": "the best for each prepared folder",
}
TOLD = ("constant_by_tool",)
"""Policies that know a part of the expert's action; they are shown, and are not the floor."""
ENOUGH = 4
"""Steps of a group from which it has a constant of its own."""
PRIOR = 10
"""Steps of all kinds that count for a group's constant beside its own."""
COPIED = 2_000
"""Characters of a problem within which its first line and last sentence are looked for."""

_SENTENCE = re.compile(r"(?<=[.!?])\s+|\n\s*\n")


@dataclass(frozen=True)
class Place:
    """A step as floors look at it.

    Args:
        trajectory: Its id; steps of one trajectory are not independent.
        step: 1-based position.
        action: The expert's.
        problem: The trajectory's.
        before: The action before, `None` at the first step.
        form: The trajectory's form.
        tool: What the action calls; `None` where actions are no calls.
    """

    trajectory: str
    step: int
    action: str
    problem: str
    before: str | None = None
    form: str = ""
    tool: str | None = None

    def group(self, by: Group) -> str | None:
        """The name of its group."""
        return str(self.step) if by == "position" else self.form if by == "form" else self.tool


class Text(TypedDict):
    """A constant with what it earns: `group` is empty for that of all steps, `steps` are those it was measured on."""

    group: str
    text: str
    similarity: float
    steps: int


class Floor(Figure):
    """What a policy earns; `texts`: its constants, most used first; `share`: of steps that it equals."""

    name: str
    texts: list[Text]
    share: NotRequired[float]


@dataclass(frozen=True)
class Constants:
    """Constant actions, chosen.

    Args:
        overall: The best for all steps.
        by: The best for each group that has `ENOUGH` steps, by kind of group and name.
        another: Mean similarity of all pairs of actions of different trajectories; `None` for one trajectory.
        frequent: The action that is most frequent; `None` where actions are no calls, or none of them comes twice.
    """

    overall: str
    by: dict[Group, dict[str, str]] = field(default_factory=dict)
    another: Figure | None = None
    frequent: str | None = None

    def pick(self, place: Place, by: Group) -> tuple[str, str]:
        """The name of a step's group with its constant; where it has none, no name with the overall one."""
        name = place.group(by)
        return (name, self.by[by][name]) if name in self.by[by] else ("", self.overall)

    def answers(self, place: Place) -> dict[str, tuple[str, str]]:
        """What each policy but the random one answers at `place`: the constant's group, and the text."""
        return {
            "constant": ("", self.overall),
            **{f"constant_by_{by}": self.pick(place, by) for by in self.by},
            **({} if self.frequent is None else {"most_frequent": ("", self.frequent)}),
            "step_before": ("", self.overall if place.before is None else place.before),
            "problem_first_line": ("", first_line(place.problem)),
            "problem_last_sentence": ("", last_sentence(place.problem)),
        }


def choose_constants(places: Sequence[Place]) -> Constants:
    """The best constants among the actions of `places`: all of them against all, but none against its own step.

    A group's constant is the best for its steps where they are many. Where they are few it is that for all steps: these
    count as `PRIOR` more steps of the group.

    Args:
        places: One or more; the order matters no more than by rounding.
    """
    texts = list(dict.fromkeys(place.action for place in places))
    number = {text: k for k, text in enumerate(texts)}
    at_N = [number[place.action] for place in places]
    matrix_UN = np.array([[step_similarity(action, expert) for expert in texts] for action in texts])[:, at_N]
    another = pair_mean(matrix_UN[at_N], [place.trajectory for place in places])
    own_UN = np.arange(len(texts))[:, None] == np.array(at_N)
    others_UN = 1 - own_UN / own_UN.sum(1, keepdims=True)  # an action of m steps is left out as 1/m of each
    overall_U = (matrix_UN * others_UN).sum(1) / np.maximum(others_UN.sum(1), 1)

    def best(members: list[int]) -> str:
        others_UM = others_UN[:, members]
        sums_U = (matrix_UN[:, members] * others_UM).sum(1) + PRIOR * overall_U
        means_U = sums_U / (others_UM.sum(1) + PRIOR)
        # Of equally good ones the first in the alphabet, whatever the order of steps.
        return min(texts, key=lambda text: (-round(means_U[number[text]], 12), text))

    by: dict[Group, dict[str, str]] = {}
    for kind in ("position", "form", "tool"):
        groups: dict[str, list[int]] = defaultdict(list)
        for k, place in enumerate(places):
            if (name := place.group(kind)) is not None:
                groups[name].append(k)
        own = {name: best(members) for name, members in groups.items() if len(members) >= ENOUGH}
        if len(groups) > 1 and own:
            by[kind] = own
    times = Counter(place.action for place in places if place.tool is not None)
    frequent = min((text for text in times if times[text] > 1), key=lambda text: (-times[text], text), default=None)
    return Constants(best(list(range(len(places)))), by, another, frequent)


def measure_floors(constants: Constants, places: Sequence[Place]) -> list[Floor]:
    """What each policy earns on `places`, in the order of `TITLES`.

    Args:
        constants: Chosen on the steps of other trajectories.
        places: One or more.

    Returns:
        Only policies that are something of their own: none by form in data of one form, none by tool where actions are
        no calls, no step before where all steps are first ones.
    """
    similarity: Callable[[str, str], float] = cache(step_similarity)
    trajectories = [place.trajectory for place in places]
    answers = [constants.answers(place) for place in places]
    floors = [Floor(name="another_action", texts=[], **constants.another)] if constants.another else []
    for name in answers[0]:
        if name == "step_before" and all(place.before is None for place in places):
            continue
        given = [answer[name] for answer in answers]
        earned = [similarity(text, place.action) for (_, text), place in zip(given, places, strict=True)]
        texts = _texts(given, earned) if name.startswith("constant") or name == "most_frequent" else []
        floor = Floor(name=name, texts=texts, **grouped_mean(earned, trajectories, within=SHARES))
        if name == "most_frequent":
            floor["share"] = sum(place.action == constants.frequent for place in places) / len(places)
        floors.append(floor)
    return floors


def example_floor(
    examples: Sequence[str], chosen: Sequence[Place], measured: Sequence[Place], own: Collection[str] = ()
) -> Floor | None:
    """What a policy earns that repeats an action of the worked examples in its prompt, the best of them for all steps.

    Args:
        examples: Actions of the examples' steps.
        chosen, measured: Steps of two halves, as for constants: the best is chosen on the first.
        own: Ids of the examples' trajectories. Their steps count in neither half: there an example is the answer.

    Returns:
        `None` without examples or steps to measure on.
    """
    chosen, measured = ([place for place in places if place.trajectory not in own] for places in (chosen, measured))
    if not examples or not measured:
        return None
    sums = {text: sum(step_similarity(text, place.action) for place in chosen) for text in examples}
    best = min(sums, key=lambda text: (-round(sums[text], 9), text))
    earned = [step_similarity(best, place.action) for place in measured]
    texts = _texts([("", best)] * len(measured), earned)
    trajectories = [place.trajectory for place in measured]
    return Floor(name="worked_example", texts=texts, **grouped_mean(earned, trajectories, within=SHARES))


def highest(floors: Sequence[Floor]) -> Floor:
    """The floor of the data: what the best of the policies earns that are not `TOLD` a part of the action."""
    return max((floor for floor in floors if floor["name"] not in TOLD), key=lambda floor: floor["value"])


def first_line(problem: str) -> str:
    """The first line that is not blank."""
    return problem.strip()[:COPIED].split("\n", 1)[0].strip()


def last_sentence(problem: str) -> str:
    """What stands behind the last full stop, question or exclamation mark, or blank line, that something follows."""
    return _SENTENCE.split(problem.strip()[-COPIED:])[-1]


def _texts(used: Sequence[tuple[str, str]], earned: Sequence[float]) -> list[Text]:
    values: dict[tuple[str, str], list[float]] = defaultdict(list)
    for pair, value in zip(used, earned, strict=True):
        values[pair].append(value)
    found = [Text(group=g, text=text, similarity=sum(v) / len(v), steps=len(v)) for (g, text), v in values.items()]
    return sorted(found, key=lambda text: (-text["steps"], text["group"]))
