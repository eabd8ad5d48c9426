"""The expert's answers against the same questions worked out in plain Python, without SQL."""

import random
from collections import defaultdict
from statistics import mean

import pytest

from tests.examples.data_analysis.example import of_example, opened, rows

pytest.importorskip("duckdb")
FAMILIES, FIELDS = of_example("families.py:FAMILIES"), of_example("seeded_tables.py:FIELDS")
draw_slots, misread = of_example("families.py:draw_slots"), of_example("families.py:misread")
BY = {"sum": sum, "avg": mean, "max": max, "min": min}


def grouped(found, column):
    groups = defaultdict(list)
    for row in found:
        groups[row[column]].append(row)
    return groups


def highest(groups, value):
    best = max(groups, key=lambda name: value(groups[name]))
    return [(best, value(groups[best]))]


def change(d, found, column):
    totals = {
        period: {
            name: sum(r[d["measure"]] for r in group)
            for name, group in grouped([r for r in found if r[d["period"]] == d[period]], column).items()
        }
        for period in ("early", "late")
    }
    return {
        name: totals["late"][name] - totals["early"][name] for name in totals["early"].keys() & totals["late"].keys()
    }


def answer(name, d, events, entities):
    """Rows of the answer, in any order."""
    kept = [row for row in events if row[d["kind"]] == d["word"]]
    known = {row[d["entity"]]: row for row in entities}
    joined = [{**row, **known[row[d["entity"]]]} for row in events]
    picked = [row for row in joined if row[d["trait"]] == d["mark"]]
    both = [row for row in joined if row[d["kind"]] == d["word"]]
    value = lambda found: BY[d["function"]]([row[d["measure"]] for row in found])  # noqa: E731
    above = lambda found: [(sum(row[d["measure"]] > d["level"] for row in found),)]  # noqa: E731
    total = lambda found: sum(row[d["measure"]] for row in found)  # noqa: E731
    each = lambda found, column: [(name, value(group)) for name, group in grouped(found, column).items()]  # noqa: E731
    counts = lambda found, column: [(name, len(group)) for name, group in grouped(found, column).items()]  # noqa: E731
    numbers = {row[d["entity"]] for row in kept}
    return {
        "total": lambda: [(value(kept),)],
        "count_two": lambda: above(kept),
        "by_group": lambda: each(kept, d["group"]),
        "top_group": lambda: highest(grouped(events, d["group"]), value),
        "join_group": lambda: each(joined, d["trait"]),
        "kept_top": lambda: highest(grouped(kept, d["group"]), value),
        "ranking": lambda: each(events, d["group"]),
        "join_total": lambda: [(value(picked),)],
        "kept_picked": lambda: [(value([row for row in picked if row[d["kind"]] == d["word"]]),)],
        "kept_join_count": lambda: counts(both, d["trait"]),
        "kept_count_ranking": lambda: counts(kept, d["group"]),
        "join_count_top": lambda: highest(grouped(joined, d["trait"]), len),
        "kept_join_count_top": lambda: highest(grouped(both, d["trait"]), len),
        "kept_join_ranking": lambda: each(both, d["trait"]),
        "picked_group": lambda: each(picked, d["group"]),
        "join_ranking": lambda: each(joined, d["trait"]),
        "above_mean": lambda: [(sum(row[d["measure"]] > mean(r[d["measure"]] for r in events) for row in events),)],
        "share": lambda: [(100 * total(kept) / total(events),)],
        "difference": lambda: [(value(kept) - value([r for r in events if r[d["kind"]] == d["word2"]]),)],
        "missing": lambda: [(number,) for number in known if number not in numbers],
        "repeated": lambda: [(sum(len(group) > d["few"] for group in grouped(events, d["entity"]).values()),)],
        "distinct": lambda: [(len(numbers),)],
        "change": lambda: list(change(d, kept, d["group"]).items()),
        "join_kept_group": lambda: each(both, d["trait"]),
        "kept_ranking": lambda: each(kept, d["group"]),
        "join_top": lambda: highest(grouped(joined, d["trait"]), value),
        "kept_join_top": lambda: highest(grouped(both, d["trait"]), value),
        "join_count_two": lambda: above(picked),
        "join_change": lambda: [max(change(d, both, d["trait"]).items(), key=lambda pair: pair[1])],
    }[name]()


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_the_expert_answers_the_question(family):
    solved, compared, rng = of_example("make.py:solved"), 0, random.Random(family.name)
    same_rows = of_example("verdict.py:same_rows")
    for seed in range(12):
        tables = rng.choice(list(FIELDS))
        draw = draw_slots(rng, FIELDS[tables])
        if solved("t", "a question", family, draw, {"tables": tables, "seed": seed}) is None:
            continue  # nothing to add up, or a tie
        world = opened(tables, seed)
        for statement in family.statements(draw):
            world.step(statement)
        expected = answer(family.name, draw, rows(draw["events"], tables, seed), rows(draw["entities"], tables, seed))
        assert same_rows(world.result, expected, ordered=False), draw
        if family.ordered:
            assert [row[-1] for row in world.result] == sorted((row[-1] for row in expected), reverse=True)
        compared += 1
    assert compared >= 4


def test_enough_families_of_two_to_six_steps():
    assert len({family.name for family in FAMILIES}) == len(FAMILIES) >= 12
    assert {len(family.steps) for family in FAMILIES} == {2, 3, 4, 6}
    assert all(len(family.wordings) >= 2 for family in FAMILIES)


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_a_question_says_all_that_the_statements_need(family):
    draw = draw_slots(random.Random(0), FIELDS["orders"]) | {"aggregate": "total", "function": "total"}
    free = {"events", "entities", "entity", "period"}  # the tables' own names
    needed = {name for step in range(len(family.steps)) for name in family.slots(step)} - free
    for wording in family.wordings:
        said = wording.format(**draw)
        assert all(str(draw[name]) in said for name in needed), wording


def test_a_misread_draw_is_one_of_the_same_field():
    field, rng = FIELDS["stock"], random.Random(1)
    draw = draw_slots(rng, field)
    assert misread(rng, field, draw, 0.0) == draw
    read = [misread(rng, field, draw, 0.5) for _ in range(50)]
    assert all(one["word"] in field.kinds[one["kind"]] and one["mark"] in field.traits[one["trait"]] for one in read)
    assert sum(one != draw for one in read) > 25


def test_a_habit_takes_the_total_of_the_first_measure_for_what_is_asked():
    field, rng = FIELDS["stock"], random.Random(2)
    draw = draw_slots(rng, field) | {"aggregate": "average", "function": "avg", "measure": "cost"}
    wrong = {"aggregate": "total", "function": "sum", "measure": "pieces"}
    assert misread(rng, field, draw, 0.0, habit=1.0) == draw | wrong
    assert misread(rng, field, draw, 0.0) == draw
