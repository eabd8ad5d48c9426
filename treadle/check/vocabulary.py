"""Whether the model has an embedding for each token that its tokenizer can give it."""

from __future__ import annotations

from collections.abc import Iterator

from treadle.check.results import Check, error, ok, warning
from treadle.check.subject import Subject


def vocabulary(subject: Subject) -> Iterator[Check]:
    """Tokens against rows of the embedding."""
    tokenizer, network = subject.tokenizer, subject.network
    rows = min(module.weight.shape[0] for module in (network.get_input_embeddings(), network.get_output_embeddings()))
    tokens = tokenizer.get_vocab()
    beyond = sorted((id, token) for token, id in tokens.items() if id >= rows)
    if not beyond:
        spare = rows - 1 - max(tokens.values(), default=-1)
        padded = f", the last {spare:,} without a token" if spare else ""
        yield ok("vocabulary", f"{len(tokens):,} tokens, {rows:,} rows of the embedding{padded}")
        return
    found = (
        f"{len(beyond):,} of {len(tokens):,} tokens have no row in the embedding of {rows:,} rows (the first is "
        f"{beyond[0][1]!r}, {beyond[0][0]})"
    )
    if all(_never_written(subject, id, token) for id, token in beyond):
        yield warning("vocabulary", f"{found}; they are special tokens that neither template nor ends use")
        return
    yield error(
        "vocabulary",
        f"{subject.tokenizer_name}: {found}: the tokenizer is of another model than {subject.model}, or tokens were "
        "added to it; take the model's own (`tokenizer:` in a recipe), or resize the model's embedding to it",
    )


def special_tokens(subject: Subject) -> Iterator[Check]:
    """The ids by which a completion ends and rows are padded, in tokenizer, config and generation config."""
    tokenizer, network = subject.tokenizer, subject.network
    rows = network.get_output_embeddings().weight.shape[0]
    if tokenizer.eos_token_id is None:
        yield error(
            "special_tokens",
            f"{subject.tokenizer_name}: the tokenizer has no end-of-sequence token, so no completion ends; set "
            "tokenizer.eos_token and save it again",
        )
        return
    places = {"config.json": network.config, "generation_config.json": network.generation_config}
    for place, found in places.items():
        for name in ("eos_token_id", "pad_token_id"):
            value = getattr(found, name, None)
            wrong = [
                id for id in (value if isinstance(value, list) else [value]) if id is not None and not 0 <= id < rows
            ]
            if wrong:
                yield error(
                    "special_tokens",
                    f"{subject.model}: {name} {wrong[0]} of {place} has no row in the embedding of {rows:,} rows; "
                    f"set it to a token of the tokenizer, whose {name} is {getattr(tokenizer, name)}",
                )
                return
    end, pad = (f"{token!r} ({id})" for token, id in _ends(tokenizer))
    same = ", the same token: only what a row's mask leaves out is padding" if end == pad else ""
    yield ok("special_tokens", f"sequences end with {end} and are padded with {pad}{same}")


def _ends(tokenizer: object) -> list[tuple[str, int]]:
    return [(getattr(tokenizer, f"{name}_token"), getattr(tokenizer, f"{name}_token_id")) for name in ("eos", "pad")]


def _never_written(subject: Subject, id: int, token: str) -> bool:
    """Whether a token can come only from text that spells it: special, and in no prompt or end of a turn."""
    tokenizer = subject.tokenizer
    used = {tokenizer.bos_token_id, tokenizer.eos_token_id, tokenizer.pad_token_id}
    added = tokenizer.added_tokens_decoder.get(id)
    special = added is not None and added.special
    return special and id not in used and token not in tokenizer.get_chat_template() and "think" not in token.lower()
