"""Tokens against rows of the embedding, and the ids by which rows end."""

import copy

import pytest

from treadle.check.results import Status
from treadle.check.vocabulary import special_tokens, vocabulary


def only(found):
    (check,) = found
    return check.status, check.message


def grown(tiny_folder, tokenizer, tokens, special=False):
    """Save the tiny model's tokenizer with tokens that its embedding does not have."""
    tokenizer = copy.deepcopy(tokenizer)
    tokenizer.add_tokens(tokens, special_tokens=special)
    tokenizer.save_pretrained(tiny_folder)


def test_each_token_has_a_row(subject, tiny_tokenizer):
    n = len(tiny_tokenizer)
    assert only(vocabulary(subject(data=False))) == (Status.OK, f"{n} tokens, {n} rows of the embedding")


def test_spare_rows_are_ok(subject, tiny_folder, tiny_model, tiny_tokenizer):
    tiny_model.resize_token_embeddings(len(tiny_tokenizer) + 9)
    tiny_model.save_pretrained(tiny_folder)
    status, message = only(vocabulary(subject(data=False)))
    assert status is Status.OK
    assert message.endswith("rows of the embedding, the last 9 without a token")


def test_tokens_without_a_row_are_an_error(subject, tiny_folder, tiny_tokenizer):
    grown(tiny_folder, tiny_tokenizer, ["[one]", "[two]"])
    n = len(tiny_tokenizer)
    status, message = only(vocabulary(subject(data=False)))
    assert status is Status.ERROR
    assert f"2 of {n + 2} tokens have no row in the embedding of {n} rows (the first is '[one]', {n})" in message


@pytest.mark.parametrize(("token", "status"), [("<image_soft>", Status.WARNING), ("<think2>", Status.ERROR)])
def test_special_tokens_that_no_prompt_holds_are_a_warning(subject, tiny_folder, tiny_tokenizer, token, status):
    grown(tiny_folder, tiny_tokenizer, [token], special=True)
    assert only(vocabulary(subject(data=False)))[0] is status


def test_ends_and_padding_are_named(subject, tiny_tokenizer):
    status, message = only(special_tokens(subject(data=False)))
    assert status is Status.OK
    assert repr(tiny_tokenizer.eos_token) in message
    assert repr(tiny_tokenizer.pad_token) in message


@pytest.mark.parametrize("place", ["config.json", "generation_config.json"])
@pytest.mark.parametrize("value", [5000, [1, 5000], -1])
def test_an_end_beyond_the_embedding_is_an_error(subject, tiny_folder, edit, place, value):
    edit(tiny_folder / place, eos_token_id=value)
    status, message = only(special_tokens(subject(data=False)))
    assert status is Status.ERROR
    assert f"eos_token_id {value[1] if isinstance(value, list) else value} of " in message


def test_a_tokenizer_without_end_is_an_error(subject, tiny_folder, edit):
    edit(tiny_folder / "tokenizer_config.json", eos_token=None)
    status, message = only(special_tokens(subject(data=False)))
    assert status is Status.ERROR
    assert "so no completion ends" in message
