"""What the study's base learns from: sheets on tables of other seeds than all questions have, most of them careless.

A careless author takes some of the question's columns, words and numbers for others; the thought names only the kind
of step. A careful one lists in the thought what the statement needs, and the statement is right; so are few sheets,
and fewer of the families that are not `easy`. Families of the validation and held-out files do not occur. So the base
writes SQL that runs and is often wrong, and is more often right where it thinks first, which it seldom does.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

from families import REASONS, Draw, Family, draw_slots, misread, of_split
from seeded_tables import FIELDS
from world import World

from treadle.data.prompts import solve_prompt, step_prompt
from treadle.domains.domain import Task
from treadle.domains.registry import use
from treadle.scoring.thoughts import PLAIN
from treadle.trajectory import Step

DOMAIN = use(str(Path(__file__).parent)).name
CAREFUL = {"easy": 0.3, "known": 0.1}
MISREAD = 0.25
"""How often a careless author fills a group of slots with another."""
WHOLE = 0.5
"""Share of sheets with a whole solution; the others have one step of it."""
SEEDS = range(1000, 1008)
"""Of the tables."""


def sheet(rng: random.Random) -> tuple[str, str, str]:
    """What the user asks, what is given of the answer (nothing), and what the author wrote."""
    family, tables = rng.choice(of_split(*CAREFUL)), rng.choice(list(FIELDS))
    field = FIELDS[tables]
    draw, careful = draw_slots(rng, field), rng.random() < CAREFUL[family.split]
    problem = f"{field.schema}\nQuestion: {family.question(rng, draw)}"
    read = draw if careful else misread(rng, field, draw, MISREAD)
    actions = family.statements(read)
    written = [PLAIN.written(thought(family, step, read, careful), action) for step, action in enumerate(actions)]
    if rng.random() < WHOLE:
        return solve_prompt(DOMAIN, problem)[-1]["content"], "", "\n\n".join(written)
    shown = rng.randrange(len(actions))
    before = played(tables, rng.choice(SEEDS), tuple(family.statements(draw)[:shown]))
    return step_prompt(DOMAIN, problem, before)[-1]["content"], "", written[shown]


def thought(family: Family, step: int, draw: Draw, careful: bool) -> str:
    """A step's: its kind, and of a careful one what the statement is filled with."""
    title = family.titles[step]
    return " ".join([title, *(str(draw[name]) for name in family.slots(step))]) if careful else title


@cache
def played(tables: str, seed: int, actions: tuple[str, ...]) -> Sequence[Step]:
    """The steps, each with what the world answers to it."""
    world = World()
    world.reset(Task("", "", setup={"tables": tables, "seed": seed}))
    steps = [Step(action, observation=world.step(action)[0]) for action in actions]
    world.close()
    return steps


def texts(count: int = 3000) -> Iterator[str]:
    """What a tokenizer has to know: sheets, careful thoughts, all words of the tables, and the expert's language."""
    rng = random.Random("tokenizer")
    yield from REASONS.values()
    for _ in range(count):
        user, _, written = sheet(rng)
        yield from (user, written)
    for field in FIELDS.values():
        words = [word for words in (*field.kinds.values(), *field.traits.values()) for word in words]
        yield from (f"{word} '{word}', {word}" for word in words for _ in range(50))
