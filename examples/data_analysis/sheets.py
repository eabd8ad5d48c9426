"""What the study's base learns from: sheets of the families that experts answer, most of them careless.

A careless author has two habits: whatever is asked, the total of the first column of numbers is often taken; and now
and then a word or a number is another. The thought names only the kind of step. A careful one lists in the thought
what the statement needs, and the statement is right. So the base writes SQL that runs and is often wrong, and is more
often right where it thinks first, which it seldom does. Families of the validation and held-out files do not occur.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

from examples.data_analysis.families import REASONS, Draw, Family, draw_slots, misread, of_split
from examples.data_analysis.seeded_tables import FIELDS, ROWS
from examples.scratch import Sheet
from treadle.data.prompts import solve_prompt, step_prompt
from treadle.domains.registry import use
from treadle.scoring.thoughts import PLAIN
from treadle.trajectory import Step

DOMAIN = use(str(Path(__file__).parent)).name
CAREFUL = 0.15
"""Share of careful sheets."""
MISREAD, HABIT = 0.05, 0.5
"""How often a careless author fills a group of slots with another, and has each of the habits."""
WHOLE = 0.2
"""Share of sheets with a whole solution; the others have one step of it."""


def sheet(rng: random.Random) -> Sheet:
    """What the user asks, what is given of the answer (nothing), and what the author wrote."""
    family, field = rng.choice(of_split("easy", "known")), FIELDS[rng.choice(list(FIELDS))]
    draw, careful = draw_slots(rng, field), rng.random() < CAREFUL
    problem = f"{field.schema}\nQuestion: {family.question(rng, draw)}"
    read = draw if careful else misread(rng, field, draw, MISREAD, HABIT)
    actions = family.statements(read)
    written = [PLAIN.written(thought(family, step, read, careful), action) for step, action in enumerate(actions)]
    if rng.random() < WHOLE:
        return solve_prompt(DOMAIN, problem)[-1]["content"], "", "\n".join(written)
    shown = rng.randrange(len(actions))
    before = [Step(action, observation=_answered(rng, action)) for action in actions[:shown]]
    return step_prompt(DOMAIN, problem, before)[-1]["content"], "", written[shown]


def thought(family: Family, step: int, draw: Draw, careful: bool) -> str:
    """A step's: its kind, and of a careful one what the statement is filled with."""
    title = family.titles[step]
    return " ".join([title, *(str(draw[name]) for name in family.slots(step))]) if careful else title


def _answered(rng: random.Random, action: str) -> str:
    """As the world answers to a table that is created, with any number of rows: no step depends on it."""
    return f"{action.split()[3]}: {rng.randint(1, ROWS)} rows"


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
