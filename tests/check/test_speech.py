"""Template, end of turn, thoughts, and texts that come back from their tokens."""

import json
import re

import pytest
from tokenizers import Regex, normalizers

from tests.chat.tokenizers import TEMPLATES as TRL_TEMPLATES
from tests.check.conftest import SFT, SRL
from treadle.check import look
from treadle.check.results import Status
from treadle.check.speech import begin_of_turn, end_of_turn, examples, prompts, round_trip, template, thoughts
from treadle.data.prepare import PrepareSettings, prepare


def only(found):
    (check,) = found
    return check.status, check.message


def test_a_model_that_can_be_spoken_to_is_ok(subject, prepared):
    it = subject(SRL, SFT)
    found = [*template(it), *end_of_turn(it), *thoughts(it), *prompts(it), *round_trip(it)]
    assert {check.status for check in found} == {Status.OK}
    ids = ["template", "end_of_turn", "thoughts", "prompts.srl", "prompts.sft", "round_trip.srl", "round_trip.sft"]
    assert [check.id for check in found] == ids


TEMPLATES = {
    "unreadable": ("{% if %}", "the chat template cannot be read, line 1"),
    "raises": ("{{ raise_exception('no way') }}", "refuses messages with the roles user (no way)"),
    "adds a number": ("{{ messages[0].content + 3 }}", "TypeError"),
    "drops the text": ("hello", "drops a user's text"),
    "endless": ("{% for i in range(10**9) %}{% endfor %}", "OverflowError"),
}


@pytest.mark.parametrize("kind", TEMPLATES)
def test_a_template_that_cannot_be_used_is_one_line(subject, prepared, tiny_folder, kind):
    text, message = TEMPLATES[kind]
    (tiny_folder / "chat_template.jinja").write_text(text)
    status, found = only(template(subject()))
    assert status is Status.ERROR
    assert message in found
    assert "\n" not in found


EACH = "{% for m in messages %}<|user|>{{ m.content }}<|end|>{% endfor %}"


@pytest.mark.parametrize(
    ("text", "status"),
    [
        (EACH + "{% if add_generation_prompt %}<|assistant|>{% endif %}", Status.OK),
        (TRL_TEMPLATES["qwen3"], Status.OK),  # an empty thought is no header
        (TRL_TEMPLATES["deepseek_r1_distill"], Status.OK),
        (EACH, Status.WARNING),
        (TRL_TEMPLATES["gptoss"], Status.WARNING),
    ],
    ids=["asked", "qwen3", "r1", "never", "channels"],
)
def test_a_template_that_leaves_the_beginning_of_answers_out_of_prompts_is_said(subject, tiny_folder, text, status):
    (tiny_folder / "chat_template.jinja").write_text(text)
    found, message = only(begin_of_turn(subject(data=False)))
    assert found is status
    beginning = "<|channel|>final<|message|>" if "channel" in text else "<|user|>"
    assert (repr(beginning) in message) == (status is Status.WARNING)


def test_an_empty_thought_is_no_header_whatever_the_tags(subject, tiny_folder):
    (tiny_folder / "chat_template.jinja").write_text(TRL_TEMPLATES["qwen3"])
    it = subject(data=False, thought_tags=["<thinking>", "</thinking>"])
    assert only(begin_of_turn(it))[0] is Status.OK


def test_a_template_that_rewrites_prompts_is_said_with_the_words(subject, prepared, tiny_folder):
    rewrites = EACH.replace("m.content", "m.content.replace('next', '')")
    for text, status in ((rewrites, Status.WARNING), (EACH.replace("m.content", "m.content | trim"), Status.OK)):
        (tiny_folder / "chat_template.jinja").write_text(text)
        it = subject()
        found, message = only(prompts(it))
        assert found is status
        word = it.rows(it.stages[0])[0]["prompt"][0]["content"].split()[0]
        assert word == "next"
        assert ("is not shown 'next " in message) == (status is Status.WARNING)


def test_prompts_with_other_roles_are_rendered_or_refused(subject, prepared, tiny_folder):
    refuse = "{% if messages|length > 1 or messages[0].role != 'user' %}{{ raise_exception('only one') }}{% endif %}"
    (tiny_folder / "chat_template.jinja").write_text(refuse + "{{ messages[0].content }}")
    assert only(prompts(subject()))[0] is Status.OK
    picky = "{% if messages[0].content|length > 40 %}{{ raise_exception('too long') }}{% endif %}"
    (tiny_folder / "chat_template.jinja").write_text(picky + "{{ messages[0].content }}")
    status, message = only(prompts(subject()))
    assert status is Status.ERROR
    assert "too long" in message


def test_a_template_that_closes_thoughts_leaves_no_place_for_traces(subject, prepared, tiny_folder):
    text = "{% for m in messages %}{{ m.content }}{% endfor %}{% if add_generation_prompt %}<think></think>{% endif %}"
    (tiny_folder / "chat_template.jinja").write_text(text)
    status, message = only(thoughts(subject({**SFT, "target": "traces"})))
    assert status is Status.ERROR
    assert "target: traces" in message
    assert only(thoughts(subject(SFT)))[0] is Status.OK


def test_a_tokenizer_that_changes_texts_is_named(subject, prepared):
    it = subject()
    it.chat.tokenizer.backend_tokenizer.normalizer = normalizers.Replace(Regex("[0-9]"), "7")
    status, message = only(round_trip(it))
    assert status is Status.WARNING
    assert "comes back as" in message


def test_a_stage_that_the_data_has_no_prompts_for_is_in_the_table(subject, tmp_path):
    call = "<function=bash>\n<parameter=command>ls</parameter>\n</function>"
    turns = [("system", "a shell"), ("user", "mend it"), ("assistant", f"look\n\n{call}"), ("user", "a.py")]
    messages = [{"role": role, "content": content} for role, content in [*turns, ("assistant", f"again\n\n{call}")]]
    source = tmp_path / "agent.jsonl"
    source.write_text(json.dumps({"instance_id": "o__r-1", "messages": messages, "resolved": True}) + "\n")
    prepare(source, tmp_path / "data", PrepareSettings(targets="all", held_out=0))
    found = {check.id: check for check in look(subject(SFT, SRL))}
    assert found["prompts.sft"].status is Status.ERROR
    assert "set `unit` to steps" in found["prompts.sft"].message
    assert found["prompts.srl"].status is Status.OK


def test_a_text_that_the_tokenizer_changes_is_found_beyond_the_first_row(subject, prepared):
    it = subject()
    texts = [row["expert_action"] for row in it.rows(it.stages[0])]
    digit = next(digit for digit in "0123456789" if digit not in texts[0] and any(digit in text for text in texts))
    it.chat.tokenizer.backend_tokenizer.normalizer = normalizers.Replace(digit, "")
    status, message = only(round_trip(it))
    assert status is Status.WARNING
    changed, looked_at = map(int, re.search(r"does not keep (\d+) of (\d+) texts", message).groups())
    assert 0 < changed < looked_at


def test_what_stands_on_an_error_is_said_to_be_left_out(subject, prepared, tiny_folder):
    (tiny_folder / "chat_template.jinja").write_text("{% if %}")
    found = {check.id: check for check in look(subject())}
    assert found["template"].status is Status.ERROR
    assert found["left_out"].message.startswith("not looked at before the error is mended: begin_of_turn, end_of_turn")
    assert "positions.srl" not in found


def spoken(subject, tiny_folder, template, *stages, **changes):
    (tiny_folder / "chat_template.jinja").write_text(TRL_TEMPLATES[template])
    return subject(*stages, **changes)


@pytest.mark.parametrize("template", ["gemma", "qwen2_5", "llama3_2", "qwen3_instruct_2507"])
def test_worked_examples_that_reach_the_model_whole_are_counted(subject, prepared, tiny_folder, template):
    it = spoken(subject, tiny_folder, template, prompts={"examples": 2})
    assert list(examples(it)) == [("examples.srl", Status.OK, "worked examples stand in prompts as they are: 2")]
    _, first, _, second, _ = it.rows(it.stages[0])[0]["prompt"]
    text = it.chat.prompt_text(it.rows(it.stages[0])[0]["prompt"])
    assert text.index(first["content"]) < text.index(second["content"])


REMEDIES = {
    "qwen3": "set prompts.think=false (with think_tags: optional), or prompts.examples=0",
    "glm4moe": "set prompts.think=false (with think_tags: optional), or prompts.examples=0",
    "deepseek_r1_distill": "set prompts.examples=0",
    "qwen3_6": "set chat_template_kwargs: {preserve_thinking: true}",
    "nemotron_3_nano": "set chat_template_kwargs: {truncate_history_thinking: false}",
}
"""Of TRL's templates that take thoughts out of earlier turns."""


@pytest.mark.parametrize("template", REMEDIES)
def test_a_template_that_takes_thoughts_out_of_worked_examples_is_said_with_what_mends_it(
    subject, prepared, tiny_folder, template
):
    it = spoken(subject, tiny_folder, template, prompts={"examples": 2})
    prompt = it.rows(it.stages[0])[0]["prompt"]
    thought = prompt[1]["content"].split("</think>")[0].removeprefix("<think>")
    assert thought not in it.chat.prompt_text(prompt)
    status, message = only(examples(it))
    assert status is Status.WARNING
    assert message.startswith("srl: the chat template takes the thoughts out of worked examples")
    assert message.endswith(REMEDIES[template])


MENDED = {
    "qwen3": {"prompts": {"examples": 2, "think": False}},
    "glm4moe": {"prompts": {"examples": 2, "think": False}},
    "qwen3_6": {"prompts": {"examples": 2}, "chat_template_kwargs": {"preserve_thinking": True}},
    "nemotron_3_nano": {"prompts": {"examples": 2}, "chat_template_kwargs": {"truncate_history_thinking": False}},
}


@pytest.mark.parametrize("template", MENDED)
def test_what_the_warning_of_lost_thoughts_names_mends_it(subject, prepared, tiny_folder, template):
    it = spoken(subject, tiny_folder, template, **MENDED[template])
    assert only(examples(it))[0] is Status.OK


def test_what_a_warm_up_samples_with_is_looked_at_and_not_what_others_are_shown(subject, prepared, tiny_folder):
    warmup = {"kind": "warmup", "examples": 2, "batch_size": 2, "micro_batch": 2}
    (found,) = examples(spoken(subject, tiny_folder, "qwen3", warmup, SRL))
    assert found.id == "examples.warmup"
    assert found.status is Status.WARNING
    assert found.message.endswith("or stages.warmup.examples=0")


def test_a_warm_up_with_more_examples_than_trajectories_names_its_own_key(subject, prepared):
    (found,) = examples(subject({"kind": "warmup", "examples": 1000}))
    assert found.status is Status.ERROR
    assert "stages.warmup.examples=1000" in found.message


ROLES = {
    "refused": (
        "{% for m in messages if m.role == 'assistant' %}{{ raise_exception('one turn') }}{% endfor %}",
        "prompts.examples=0",
        Status.ERROR,
    ),
    "dropped": ("{% set messages = messages | rejectattr('role', 'eq', 'assistant') %}", "drops", Status.WARNING),
    "last only": ("{% set messages = [messages[-1]] %}", "such as the user's", Status.WARNING),
}


@pytest.mark.parametrize("kind", ROLES)
def test_a_template_that_does_not_take_worked_examples_is_said(subject, prepared, tiny_folder, kind):
    start, message, expected = ROLES[kind]
    (tiny_folder / "chat_template.jinja").write_text(start + "{% for m in messages %}{{ m.content }}\n{% endfor %}")
    status, found = only(examples(subject(prompts={"examples": 1})))
    assert status is expected
    assert message in found
    assert "prompts.examples=0" in found
