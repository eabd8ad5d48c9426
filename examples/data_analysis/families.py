"""Families of questions, and the expert who knows how each is answered.

A family is wordings of a question and the statements that answer it, with slots between braces (`families.yaml`). A
draw fills the slots: columns, words and numbers of a field. Three uses: the expert's statements fill the slots of the
question's own draw; a careless author's fill some slots otherwise, so that the statements are well-formed and answer
something else; and a thought lists what a statement is filled with.
"""

from __future__ import annotations

import random
import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from examples.data_analysis.seeded_tables import PERIODS, Field

Draw = Mapping[str, str | int]

AGGREGATES = {"total": "sum", "average": "avg", "largest": "max", "smallest": "min"}

REASONS = {
    "keep": "Only the {events} whose {kind} is {word} are asked about, so they are kept and all others left out first.",
    "narrow": "Of those only the ones whose {measure} is more than {level} count, a second condition on the rest.",
    "join": "The {entities} are described in a table of their own: each of the {events} is joined with its {entity}.",
    "pick": "Now only what belongs to the {entities} whose {trait} is {mark} matters for the question.",
    "group": "Next comes one row for each of the groups, with the value that the question compares them by.",
    "level": "To say what is above the mean, the mean itself has to be known, so it is worked out in a table.",
    "part": "The share needs two numbers; the first is the part that the question names.",
    "whole": "The second is the whole, over the same {events}, without the condition.",
    "first": "The difference has two sides; this is the first of them.",
    "second": "And this is the second side, worked out in the same way as the first.",
    "early": "The change needs the totals of the earlier {period}, one for each group.",
    "late": "And the same totals for the later {period}, so that the two can be compared.",
    "both": "The two are put side by side and subtracted, group by group.",
    "answer": "All that is needed is there now, and one query gives the answer.",
}
"""How the expert explains a step, at length; no base model has seen it."""


@dataclass(frozen=True)
class Family:
    """Questions of one kind.

    Args:
        wordings: Of the question.
        steps: The expert's, each a title and a statement.
        split: `easy` ones the base has seen; `known` ones are in the demonstrations, as the easy ones are; `validation`
            and `held_out` ones are in neither.
        ordered: Whether the question asks for an order of rows.
    """

    name: str
    split: str
    wordings: tuple[str, ...]
    steps: tuple[tuple[str, str], ...]
    ordered: bool = False

    def question(self, rng: random.Random, draw: Draw) -> str:
        return rng.choice(self.wordings).format(**draw)

    def statements(self, draw: Draw) -> list[str]:
        return [statement.format(**draw) for _, statement in self.steps]

    @property
    def titles(self) -> list[str]:
        return [title for title, _ in self.steps]

    def reasons(self, draw: Draw) -> list[str]:
        """The expert's thoughts."""
        return [REASONS[title].format(**draw) for title in self.titles]

    def slots(self, step: int) -> list[str]:
        """What a step's statement is filled with, in order, each once."""
        return list(dict.fromkeys(name for _, name, _, _ in string.Formatter().parse(self.steps[step][1]) if name))


def _read(path: Path) -> tuple[Family, ...]:
    return tuple(
        Family(
            row["name"],
            row["split"],
            tuple(row["wordings"]),
            tuple(pair for step in row["steps"] for pair in step.items()),
            row.get("ordered", False),
        )
        for row in yaml.safe_load(path.read_text())
    )


FAMILIES = _read(Path(__file__).with_suffix(".yaml"))
_TOGETHER = (
    ("kind", "word", "word2", "group"),
    ("trait", "mark"),
    ("aggregate", "function"),
    ("measure", "level"),
    ("few",),
    ("early", "late"),
)
"""Slots that are filled together: a word is one of its column's."""


def draw_slots(rng: random.Random, field: Field) -> dict[str, str | int]:
    """Fill all slots."""
    kind, group = rng.sample(list(field.kinds), 2)
    word, word2 = rng.sample(field.kinds[kind], 2)
    trait = rng.choice(list(field.traits))
    aggregate = rng.choice(list(AGGREGATES))
    measure = rng.choice(list(field.measures))
    early = rng.randint(1, PERIODS - 1)
    return {
        "events": field.events,
        "entities": field.entities,
        "entity": field.entity,
        "period": field.period,
        "kind": kind,
        "word": word,
        "word2": word2,
        "group": group,
        "trait": trait,
        "mark": rng.choice(field.traits[trait]),
        "aggregate": aggregate,
        "function": AGGREGATES[aggregate],
        "measure": measure,
        "level": max(1, round(field.measures[measure] * rng.uniform(0.2, 0.8))),
        "few": rng.randint(5, 9),
        "early": early,
        "late": rng.randint(early + 1, PERIODS),
    }


def misread(rng: random.Random, field: Field, draw: Draw, rate: float, habit: float = 0.0) -> dict[str, str | int]:
    """The draw as a careless reader takes it.

    Args:
        rate: How often a group of slots is taken for another draw's.
        habit: How often the aggregate is taken for a total, and the measure for the field's first.
    """
    other = draw_slots(rng, field)
    wrong = {name: other[name] for names in _TOGETHER if rng.random() < rate for name in names}
    if rng.random() < habit:
        wrong |= {"aggregate": "total", "function": AGGREGATES["total"]}
    if rng.random() < habit:
        wrong |= {"measure": next(iter(field.measures))}
    return {**draw, **wrong}


def of_split(*splits: str) -> Sequence[Family]:
    return [family for family in FAMILIES if family.split in splits]
