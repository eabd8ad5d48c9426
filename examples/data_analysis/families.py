"""Families of questions, and the expert who knows how each is answered.

A family is wordings of a question and the statements that answer it, with slots between braces. `Draw` fills the slots:
columns, words and numbers of a field. Three uses: the expert's statements fill the slots of the question's own draw; a
sloppy author's fill some slots with another draw's, so that the statements are well-formed and answer something else;
and a thought lists what a statement is filled with.
"""

from __future__ import annotations

import random
import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from seeded_tables import ENTITIES, FIELDS, PERIODS, Field

Draw = Mapping[str, str | int]

AGGREGATES = {"total": "sum", "average": "avg", "largest": "max", "smallest": "min"}

REASONS = {
    "keep": "Only the {events} whose {kind} is {word} are asked about, so they are kept and all others left out first.",
    "narrow": "Of those only the ones whose {measure} is more than {level} count, which is a second condition on the rest.",
    "join": "The {entities} are described in a table of their own, so each of the {events} has to be joined with its {entity}.",
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

_KEEP = ("keep", "CREATE TEMP TABLE kept AS SELECT * FROM {events} WHERE {kind} = '{word}'")
_JOIN = ("join", "CREATE TEMP TABLE joined AS SELECT * FROM {events} JOIN {entities} USING ({entity})")
_TOP = ("answer", "SELECT {group}, value FROM grouped ORDER BY value DESC LIMIT 1")


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


FAMILIES = (
    Family(
        "total",
        "easy",
        (
            "What is the {aggregate} {measure} of {events} whose {kind} is {word}?",
            "Give the {aggregate} {measure} over all {events} with {kind} {word}.",
            "Looking only at {events} where {kind} is {word}, find the {aggregate} {measure}.",
        ),
        (_KEEP, ("answer", "SELECT {function}({measure}) FROM kept")),
    ),
    Family(
        "count_two",
        "easy",
        (
            "How many {events} have {kind} {word} and {measure} above {level}?",
            "Count the {events} whose {kind} is {word} and whose {measure} is more than {level}.",
            "Of the {events} with {kind} {word}, how many have more than {level} {measure}?",
        ),
        (
            _KEEP,
            ("narrow", "CREATE TEMP TABLE narrowed AS SELECT * FROM kept WHERE {measure} > {level}"),
            ("answer", "SELECT count(*) FROM narrowed"),
        ),
    ),
    Family(
        "by_group",
        "easy",
        (
            "For {events} whose {kind} is {word}, give each {group} and its {aggregate} {measure}.",
            "List every {group} with the {aggregate} {measure} of its {events} with {kind} {word}.",
            "By {group}, what is the {aggregate} {measure} of the {events} where {kind} is {word}?",
        ),
        (_KEEP, ("answer", "SELECT {group}, {function}({measure}) FROM kept GROUP BY {group}")),
    ),
    Family(
        "top_group",
        "easy",
        (
            "Which {group} has the highest {aggregate} {measure} over all {events}? Give it and the value.",
            "Name the {group} whose {events} have the greatest {aggregate} {measure}, with that value.",
            "Over all {events}, find the {group} that leads in {aggregate} {measure}, and the value.",
        ),
        (
            ("group", "CREATE TEMP TABLE grouped AS SELECT {group}, {function}({measure}) AS value FROM {events} GROUP BY {group}"),
            _TOP,
        ),
    ),
    Family(
        "join_group",
        "easy",
        (
            "For each {trait} of the {entities}, give the {aggregate} {measure} of their {events}.",
            "List every {trait} with the {aggregate} {measure} of the {events} of its {entities}.",
            "By {trait}, what is the {aggregate} {measure} of {events}?",
        ),
        (_JOIN, ("answer", "SELECT {trait}, {function}({measure}) FROM joined GROUP BY {trait}")),
    ),
    Family(
        "kept_top",
        "known",
        (
            "Among {events} whose {kind} is {word}, which {group} has the highest {aggregate} {measure}? Give it and the value.",
            "Looking only at {events} with {kind} {word}, name the {group} that leads in {aggregate} {measure}, and the value.",
            "Find the {group} with the greatest {aggregate} {measure} where {kind} is {word}, with that value.",
        ),
        (
            _KEEP,
            ("group", "CREATE TEMP TABLE grouped AS SELECT {group}, {function}({measure}) AS value FROM kept GROUP BY {group}"),
            _TOP,
        ),
    ),
    Family(
        "ranking",
        "known",
        (
            "Rank the {group} values by {aggregate} {measure} over all {events}, highest first, with the values.",
            "Over all {events}, list every {group} and its {aggregate} {measure} from highest to lowest.",
        ),
        (
            ("group", "CREATE TEMP TABLE grouped AS SELECT {group}, {function}({measure}) AS value FROM {events} GROUP BY {group}"),
            ("answer", "SELECT {group}, value FROM grouped ORDER BY value DESC"),
        ),
        ordered=True,
    ),
    Family(
        "join_total",
        "known",
        (
            "What is the {aggregate} {measure} of the {events} of {entities} whose {trait} is {mark}?",
            "Give the {aggregate} {measure} over {events} of {entities} with {trait} {mark}.",
            "Looking only at {entities} where {trait} is {mark}, find the {aggregate} {measure} of their {events}.",
        ),
        (
            _JOIN,
            ("pick", "CREATE TEMP TABLE picked AS SELECT * FROM joined WHERE {trait} = '{mark}'"),
            ("answer", "SELECT {function}({measure}) FROM picked"),
        ),
    ),
    Family(
        "above_mean",
        "known",
        (
            "How many {events} have a {measure} above the average of all {events}?",
            "Count the {events} whose {measure} is more than the mean {measure}.",
        ),
        (
            ("level", "CREATE TEMP TABLE level AS SELECT avg({measure}) AS mean FROM {events}"),
            ("answer", "SELECT count(*) FROM {events}, level WHERE {measure} > mean"),
        ),
    ),
    Family(
        "share",
        "known",
        (
            "What percentage of the total {measure} of all {events} comes from those whose {kind} is {word}?",
            "In percent, how much of all {measure} belongs to {events} with {kind} {word}?",
        ),
        (
            ("part", "CREATE TEMP TABLE part AS SELECT sum({measure}) AS part FROM {events} WHERE {kind} = '{word}'"),
            ("whole", "CREATE TEMP TABLE whole AS SELECT sum({measure}) AS whole FROM {events}"),
            ("answer", "SELECT 100.0 * part / whole FROM part, whole"),
        ),
    ),
    Family(
        "difference",
        "known",
        (
            "By how much is the {aggregate} {measure} of {events} with {kind} {word} above that with {kind} {word2}?",
            "Take the {aggregate} {measure} where {kind} is {word} and subtract the one where {kind} is {word2}.",
        ),
        (
            ("first", "CREATE TEMP TABLE one AS SELECT {function}({measure}) AS one FROM {events} WHERE {kind} = '{word}'"),
            ("second", "CREATE TEMP TABLE two AS SELECT {function}({measure}) AS two FROM {events} WHERE {kind} = '{word2}'"),
            ("answer", "SELECT one - two FROM one, two"),
        ),
    ),
    Family(
        "missing",
        "known",
        (
            "Which {entity} numbers have no {events} whose {kind} is {word}?",
            "List each {entity} of the {entities} without any {events} with {kind} {word}.",
        ),
        (_KEEP, ("answer", "SELECT {entity} FROM {entities} WHERE {entity} NOT IN (SELECT {entity} FROM kept)")),
    ),
    Family(
        "repeated",
        "known",
        (
            "How many {entities} have more than {few} {events}?",
            "Count the {entities} that occur in more than {few} of the {events}.",
        ),
        (
            ("group", "CREATE TEMP TABLE grouped AS SELECT {entity}, count(*) AS value FROM {events} GROUP BY {entity}"),
            ("answer", "SELECT count(*) FROM grouped WHERE value > {few}"),
        ),
    ),
    Family(
        "distinct",
        "known",
        (
            "How many different {entities} have {events} whose {kind} is {word}?",
            "Count the distinct {entities} among {events} with {kind} {word}.",
        ),
        (_KEEP, ("answer", "SELECT count(DISTINCT {entity}) FROM kept")),
    ),
    Family(
        "change",
        "known",
        (
            "For {events} whose {kind} is {word}, how did the total {measure} of each {group} change from {period} {early} to {period} {late}?",
            "Looking only at {events} with {kind} {word}, give each {group} and the change of its total {measure} from {period} {early} to {late}.",
        ),
        (
            _KEEP,
            ("early", "CREATE TEMP TABLE early AS SELECT {group}, sum({measure}) AS one FROM kept WHERE {period} = {early} GROUP BY {group}"),
            ("late", "CREATE TEMP TABLE late AS SELECT {group}, sum({measure}) AS two FROM kept WHERE {period} = {late} GROUP BY {group}"),
            ("answer", "SELECT {group}, two - one FROM early JOIN late USING ({group})"),
        ),
    ),
    Family(
        "join_kept_group",
        "validation",
        (
            "For each {trait} of the {entities}, give the {aggregate} {measure} of their {events} whose {kind} is {word}.",
            "By {trait}, what is the {aggregate} {measure} of {events} with {kind} {word}?",
        ),
        (
            _KEEP,
            ("join", "CREATE TEMP TABLE joined AS SELECT * FROM kept JOIN {entities} USING ({entity})"),
            ("answer", "SELECT {trait}, {function}({measure}) FROM joined GROUP BY {trait}"),
        ),
    ),
    Family(
        "kept_ranking",
        "validation",
        (
            "Rank the {group} values by {aggregate} {measure} of {events} whose {kind} is {word}, highest first, with the values.",
            "Looking only at {events} with {kind} {word}, list every {group} and its {aggregate} {measure} from highest to lowest.",
        ),
        (
            _KEEP,
            ("group", "CREATE TEMP TABLE grouped AS SELECT {group}, {function}({measure}) AS value FROM kept GROUP BY {group}"),
            ("answer", "SELECT {group}, value FROM grouped ORDER BY value DESC"),
        ),
        ordered=True,
    ),
    Family(
        "join_top",
        "held_out",
        (
            "Which {trait} of the {entities} has the highest {aggregate} {measure} over all {events}? Give it and the value.",
            "Name the {trait} whose {entities} have {events} with the greatest {aggregate} {measure}, with that value.",
        ),
        (
            _JOIN,
            ("group", "CREATE TEMP TABLE grouped AS SELECT {trait}, {function}({measure}) AS value FROM joined GROUP BY {trait}"),
            ("answer", "SELECT {trait}, value FROM grouped ORDER BY value DESC LIMIT 1"),
        ),
    ),
    Family(
        "kept_join_top",
        "held_out",
        (
            "Among {events} whose {kind} is {word}, which {trait} of the {entities} has the highest {aggregate} {measure}? Give it and the value.",
            "Looking only at {events} with {kind} {word}, name the {trait} that leads in {aggregate} {measure}, and the value.",
        ),
        (
            _KEEP,
            ("join", "CREATE TEMP TABLE joined AS SELECT * FROM kept JOIN {entities} USING ({entity})"),
            ("group", "CREATE TEMP TABLE grouped AS SELECT {trait}, {function}({measure}) AS value FROM joined GROUP BY {trait}"),
            ("answer", "SELECT {trait}, value FROM grouped ORDER BY value DESC LIMIT 1"),
        ),
    ),
    Family(
        "join_count_two",
        "held_out",
        (
            "How many {events} of {entities} with {trait} {mark} have {measure} above {level}?",
            "Count the {events} of {entities} whose {trait} is {mark} and whose {measure} is more than {level}.",
        ),
        (
            _JOIN,
            ("pick", "CREATE TEMP TABLE picked AS SELECT * FROM joined WHERE {trait} = '{mark}'"),
            ("narrow", "CREATE TEMP TABLE narrowed AS SELECT * FROM picked WHERE {measure} > {level}"),
            ("answer", "SELECT count(*) FROM narrowed"),
        ),
    ),
    Family(
        "join_change",
        "held_out",
        (
            "For {events} whose {kind} is {word}, which {trait} of the {entities} gained most total {measure} from {period} {early} to {period} {late}? Give it and the change.",
            "Looking only at {events} with {kind} {word}, name the {trait} whose total {measure} rose most from {period} {early} to {late}, and the change.",
        ),
        (
            _KEEP,
            ("join", "CREATE TEMP TABLE joined AS SELECT * FROM kept JOIN {entities} USING ({entity})"),
            ("early", "CREATE TEMP TABLE early AS SELECT {trait}, sum({measure}) AS one FROM joined WHERE {period} = {early} GROUP BY {trait}"),
            ("late", "CREATE TEMP TABLE late AS SELECT {trait}, sum({measure}) AS two FROM joined WHERE {period} = {late} GROUP BY {trait}"),
            ("both", "CREATE TEMP TABLE grouped AS SELECT {trait}, two - one AS value FROM early JOIN late USING ({trait})"),
            ("answer", "SELECT {trait}, value FROM grouped ORDER BY value DESC LIMIT 1"),
        ),
    ),
)

NAMES = {family.name: family for family in FAMILIES}
_TOGETHER = (("kind", "word", "word2", "group"), ("trait", "mark"), ("aggregate", "function"), ("measure", "level"), ("few",), ("early", "late"))
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


def misread(rng: random.Random, field: Field, draw: Draw, rate: float) -> dict[str, str | int]:
    """The draw as a careless reader takes it: each group of slots is another one's at this rate."""
    other = draw_slots(rng, field)
    wrong = {name for names in _TOGETHER if rng.random() < rate for name in names}
    return {name: other[name] if name in wrong else value for name, value in draw.items()}


def of_split(*splits: str) -> Sequence[Family]:
    return [family for family in FAMILIES if family.split in splits]


__all__ = ["AGGREGATES", "ENTITIES", "FAMILIES", "FIELDS", "NAMES", "Draw", "Family", "draw_slots", "misread", "of_split"]
