"""How the model is spoken to: its chat template, the rows that it is given, and the end of its turn."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from treadle.chat.probes import left_out_of_prompts
from treadle.check.results import Check, error, ok, warning
from treadle.check.subject import Subject
from treadle.errors import ModelError, TreadleError
from treadle.recipe.example_turns import describe_lost, examples_key
from treadle.recipe.schema import AnyStage, SFTStage, WarmupStage
from treadle.recipe.speaking import check_prompts, rewritten
from treadle.recipe.thoughts import check_thoughts, describe_thoughts, untaught
from treadle.recipe.warmup import Warmup
from treadle.scoring.thoughts import PLAIN
from treadle.trajectory import Message


def template(subject: Subject) -> Iterator[Check]:
    """The chat template can be read, and takes a user's message and a system message."""
    try:
        chat = subject.chat
    except TreadleError as problem:
        yield error("template", problem)
        return
    system = {
        "template": "system messages are rendered as the template has them",
        "user": "system messages are put before the first user's",
    }[chat.settings.system_role]
    dated = f"; the template shows the date, which stays {chat.settings.date} in a run" if chat.dated else ""
    yield ok("template", f"{system}{dated}")


def end_of_turn(subject: Subject) -> Iterator[Check]:
    """What SFT teaches as the end, and at what tokens completions end."""
    chat, tokenizer = subject.chat, subject.tokenizer
    if not chat.end:
        yield error(
            "end_of_turn",
            f"{subject.tokenizer_name}: neither chat template nor tokenizer says what ends a turn; set the tokenizer's "
            "eos_token and save it again",
        )
        return
    ends = ", ".join(repr(token) for token in tokenizer.convert_ids_to_tokens(chat.ends))
    turn = tokenizer.convert_ids_to_tokens(chat.end[-1])
    own = "" if chat.end[-1] == tokenizer.eos_token_id else f", not the tokenizer's {tokenizer.eos_token!r}"
    yield ok("end_of_turn", f"the template ends a turn with {turn!r}{own}; completions end at {ends}")


def begin_of_turn(subject: Subject) -> Iterator[Check]:
    """Prompts end where an assistant's text begins in the template's own turns, an empty thought aside."""
    chat = subject.chat
    missing = left_out_of_prompts(chat.template)
    tags = (*chat.thought_tags.pair, *PLAIN.pair)
    if re.sub("|".join(map(re.escape, tags)), "", missing).strip():
        yield warning(
            "begin_of_turn",
            f"the chat template puts {missing!r} before an assistant's text and does not end prompts with it, so texts "
            "follow prompts without it, in training as in rollouts; if that is not meant, take a template that ends "
            "prompts with it where add_generation_prompt is set",
        )
        return
    yield ok("begin_of_turn", "prompts end where the template's turns have the assistant's text")


def thoughts(subject: Subject) -> Iterator[Check]:
    """Thought tags, what the template does with them in the prompt, and whether each stage has a place for thoughts."""
    chat = subject.chat
    for stage in subject.stages:
        try:
            check_thoughts(stage, chat.thought_tags)
        except TreadleError as problem:
            yield error("thoughts", problem)
            return
    tags = chat.thought_tags
    plain = f"thoughts stand between {tags.open} and {tags.close}, which prompts leave to the model"
    first = next(filter(None, (untaught(stage, subject.stages, tags) for stage in subject.stages)), "")
    yield ok("thoughts", "; ".join(filter(None, (describe_thoughts(chat) or plain, first))))


def prompts(subject: Subject) -> Iterator[Check]:
    """The template takes rows of each stage."""
    if not subject.has_data:
        return
    for stage in subject.stages:
        id = f"prompts.{stage.name}"
        try:
            check_prompts(stage, subject.picked_rows(stage), subject.chat)
            changed = rewritten(subject.picked_rows(stage), subject.chat)
        except TreadleError as problem:
            yield error(id, problem)
            continue
        if changed:
            yield warning(
                id,
                f"{stage.name}: the chat template rewrites prompts, and the model is not shown {changed!r} as it "
                "stands there; take a template that leaves texts as they are",
            )
        else:
            yield ok(id, "the chat template takes rows of every kind")


def examples(subject: Subject) -> Iterator[Check]:
    """Worked examples stand in the prompts of a stage as they are."""
    if not subject.has_data:
        return
    for stage in subject.stages:
        id = f"examples.{stage.name}"
        try:
            prompt = _longest_prompt(subject, stage)
            shown = sum(turn["role"] == "assistant" for turn in prompt)
            lost = describe_lost(stage, prompt, subject.chat) if shown else None
        except ModelError as problem:
            yield error(id, f"{problem}; without worked examples: {examples_key(stage)}=0")
            continue
        except TreadleError as problem:
            yield error(id, problem)
            continue
        if lost:
            yield warning(id, lost)
        elif shown:
            yield ok(id, f"worked examples stand in prompts as they are: {shown}")


def _longest_prompt(subject: Subject, stage: AnyStage) -> list[Message]:
    """A prompt of the stage with its worked examples: of a warm-up one that it samples with."""
    if not isinstance(stage, WarmupStage) or not stage.examples:
        return subject.rows(stage)[0]["prompt"]
    recipe = subject.recipe
    return Warmup(stage, recipe, subject.prepared, subject.shown, subject.chat, recipe.output).first_prompt


def round_trip(subject: Subject) -> Iterator[Check]:
    """What the expert wrote comes back whole from its tokens, as completions are decoded."""
    if not subject.has_data:
        return
    for stage in subject.stages:
        yield from _round_trip(subject, stage)


def _round_trip(subject: Subject, stage: AnyStage) -> Iterator[Check]:
    id = f"round_trip.{stage.name}"
    try:
        rows = subject.picked_rows(stage)
    except TreadleError:  # which the check of prompts says
        return
    # Problems that their domain's verdict judges without an answer have no text.
    texts = [text for row in rows if (text := _expert_text(row, stage))]
    pairs = [(text, subject.chat.decode(subject.chat.text_ids(text))) for text in texts]
    changed = [pair for pair in pairs if pair[0] != pair[1]]
    if not changed:
        if texts:
            yield ok(id, f"{len(texts):,} texts come back from their tokens as they were")
        return
    text, back = changed[0]
    place = next((i for i, (a, b) in enumerate(zip(text, back, strict=False)) if a != b), min(len(text), len(back)))
    around = slice(max(0, place - 10), place + 20)
    yield warning(
        id,
        f"{stage.name}: the tokenizer does not keep {len(changed):,} of {len(texts):,} texts as they are: "
        f"{text[around]!r} comes back as {back[around]!r}; what is trained on and rewarded is the latter",
    )


def _expert_text(row: Mapping[str, Any], stage: AnyStage) -> str | None:
    return row["completion"][0]["content"] if isinstance(stage, SFTStage) else row["expert_action"] or row["answer"]
