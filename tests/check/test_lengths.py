"""Positions and max_length, counted by hand against the tiny model's tokenizer, whose tokens are characters."""

import pytest

from tests.check.conftest import SFT, SRL
from treadle.check.lengths import lengths
from treadle.check.results import Status
from treadle.check.rows import shown_rows
from treadle.check.subject import Effort


def by_id(subject):
    return {check.id: check for check in lengths(subject)}


def tokens_of(subject, stage):
    """Lengths of a stage's rows by the tokenizer itself: prompts, and for SFT what follows."""
    rows = subject.rows(stage)
    tokenizer = subject.tokenizer
    counts = [
        len(tokenizer.apply_chat_template(row["prompt"], add_generation_prompt=True)["input_ids"]) for row in rows
    ]
    if "completion" not in rows.column_names:
        return counts, [row["trajectory_id"] for row in rows]
    texts = [row["completion"][0]["content"] for row in rows]
    more = [len(tokenizer(text, add_special_tokens=False)["input_ids"]) + 1 for text in texts]  # the end of the turn
    return [a + b for a, b in zip(counts, more, strict=True)], counts


def positions(tiny_folder, edit, value):
    edit(tiny_folder / "config.json", max_position_embeddings=value)


def test_rows_within_the_positions_are_ok(subject, prepared, tiny_folder, edit):
    it = subject()
    longest = max(tokens_of(it, it.stages[0])[0]) + 8
    positions(tiny_folder, edit, longest)
    found = by_id(subject())["positions.srl"]
    assert found.status is Status.OK
    assert f"takes {longest} of the model's {longest} positions" in found.message


def test_rows_beyond_are_counted_and_their_trajectories_named(subject, prepared, tiny_folder, edit):
    it = subject()
    counts, names = tokens_of(it, it.stages[0])
    limit = max(counts) - 1 + 8
    positions(tiny_folder, edit, limit)
    beyond = [name for count, name in zip(counts, names, strict=True) if count + 8 > limit]
    assert beyond
    found = by_id(subject())["positions.srl"]
    assert found.status is Status.WARNING
    assert f"srl: {len(beyond)} of {len(counts)} rows with max_completion_length 8 exceed the model's" in found.message
    assert beyond[0] in found.message
    assert f"Set stages.srl.max_completion_length={limit - max(counts)}" in found.message


def test_prompts_count_with_the_longest_prefix(subject, prepared, tiny_folder, edit):
    rlvr = {**SRL, "kind": "rlvr", "prefix": "reverse"}
    it = subject(rlvr)
    counts, _ = tokens_of(it, it.stages[0])
    given = [sum(len(text) + 1 for text in row["prefix_texts"][:-1]) for row in it.rows(it.stages[0])]  # and line ends
    longest = max(a + b for a, b in zip(counts, given, strict=True)) + 8
    positions(tiny_folder, edit, longest)
    assert f"takes {longest} of the model's" in by_id(subject(rlvr))["positions.rlvr"].message


def test_all_rows_beyond_are_an_error(subject, prepared, tiny_folder, edit):
    positions(tiny_folder, edit, 20)
    found = by_id(subject(SRL, SFT))
    assert {found["positions.srl"].status, found["positions.sft"].status} == {Status.ERROR}
    assert "Prepare the data with shorter prompts" in found["positions.srl"].message
    assert "Prepare the data with shorter prompts" in found["positions.sft"].message


def test_a_model_that_looks_positions_up_cannot_go_beyond(subject, prepared, tiny_folder, edit):
    it = subject()
    counts, _ = tokens_of(it, it.stages[0])
    positions(tiny_folder, edit, max(counts) - 1)
    it = subject()
    it.config.rope_parameters = None  # as of a GPT-2
    found = by_id(it)["positions.srl"]
    assert found.status is Status.ERROR
    assert "has no embedding for positions beyond" in found.message


def test_of_many_rows_some_are_measured_and_it_is_said(subject, prepared):
    it = subject()
    it.effort = Effort(10, 60.0)
    total = len(it.rows(it.stages[0]))
    assert f"the longest of 10 rows drawn evenly from {total} " in by_id(it)["positions.srl"].message
    it.effort = Effort(10_000, 0.0)
    assert f"64 rows drawn evenly from {total} " in by_id(it)["positions.srl"].message


@pytest.mark.parametrize("loses", [False, True])
@pytest.mark.parametrize("unit", ["solutions", "steps", "both"])
def test_what_max_length_cuts_is_counted_and_positions_are_of_what_is_left(
    subject, prepared, tiny_folder, edit, unit, loses
):
    it = subject({**SFT, "unit": unit})
    totals, prompts = tokens_of(it, it.stages[0])
    limit = max(prompts) if loses else max(totals) - 1
    cut, lost = sum(t > limit for t in totals), sum(p >= limit for p in prompts)
    positions(tiny_folder, edit, limit)
    found = by_id(subject({**SFT, "unit": unit, "max_length": limit}))
    if lost == len(totals):
        assert "leaves none" in found["max_length.sft"].message
        return
    assert found["max_length.sft"].status is Status.WARNING
    assert f"{cut} of {len(totals)} rows are longer than max_length {limit}" in found["max_length.sft"].message
    assert (f"{lost} of them lose all" in found["max_length.sft"].message) == (lost > 0)
    assert found["positions.sft"].status is Status.OK

    found = by_id(subject({**SFT, "unit": unit}))["positions.sft"]  # without max_length the same rows are beyond
    assert found.status is (Status.ERROR if cut == len(totals) else Status.WARNING)
    assert f"sft: {cut} of {len(totals)} rows exceed the model's {limit} positions" in found.message


def test_the_trajectory_of_a_conversation_is_named(subject, prepared, tiny_folder, edit):
    it = subject({**SFT, "unit": "both"})
    totals, _ = tokens_of(it, it.stages[0])
    place = totals.index(max(totals))
    positions(tiny_folder, edit, max(totals) - 1)
    owners = [t.id for t in it.prepared.trajectories() for _ in range(1 + len(t.steps))]
    assert f"(trajectories {owners[place]}" in by_id(subject({**SFT, "unit": "both"}))["positions.sft"].message


def test_max_length_that_leaves_nothing_is_an_error(subject, prepared):
    found = by_id(subject({**SFT, "max_length": 5}))["max_length.sft"]
    assert found.status is Status.ERROR
    assert "max_length=5 leaves none of the 16 rows" in found.message


def test_a_stage_without_rows_is_an_error(subject, prepared, tmp_path):
    import pyarrow.parquet as pq

    file = tmp_path / "data" / "trajectories_train.parquet"
    table = pq.read_table(file)
    column = table.schema.get_field_index("answer")
    pq.write_table(table.set_column(column, "answer", [[None] * len(table)]), file)
    found = by_id(subject({**SRL, "kind": "rlvr"}))
    assert found["rows.rlvr"].status is Status.ERROR
    assert "no trajectory has a final answer" in found["rows.rlvr"].message


def test_of_a_warmup_prompts_are_measured_with_what_the_model_may_write(subject, prepared, tiny_folder, edit):
    warmup = {"kind": "warmup", "max_completion_length": 9, "max_length": 5}
    it = subject(warmup)
    prompts = tokens_of(it, it.stages[0])[1]
    positions(tiny_folder, edit, max(prompts) + 9)
    found = by_id(subject(warmup))
    assert set(found) == {"positions.warmup"}  # what max_length takes is known when completions are
    assert found["positions.warmup"].status is Status.OK
    assert shown_rows(subject(warmup))["warmup"].trained is None


def test_prompts_that_are_too_long_themselves_are_not_mended_by_max_length(subject, prepared, tiny_folder, edit):
    it = subject(SFT)
    whole, prompts = tokens_of(it, it.stages[0])
    for limit, remedy in ((min(prompts), "Prepare the data"), (min(prompts) + 1, "Set stages.sft.max_length=")):
        positions(tiny_folder, edit, limit)
        assert remedy in by_id(subject(SFT))["positions.sft"].message
    assert max(whole) > min(prompts) + 1
