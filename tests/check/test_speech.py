"""Template, end of turn, thoughts, and texts that come back from their tokens."""

import pytest
from tokenizers import Regex, normalizers

from tests.check.conftest import SFT, SRL
from treadle.check import look
from treadle.check.results import Status
from treadle.check.speech import end_of_turn, prompts, round_trip, template, thoughts


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


def test_what_stands_on_an_error_is_said_to_be_left_out(subject, prepared, tiny_folder):
    (tiny_folder / "chat_template.jinja").write_text("{% if %}")
    found = {check.id: check for check in look(subject())}
    assert found["template"].status is Status.ERROR
    assert found["left_out"].message.startswith("not looked at before the error is mended: end_of_turn, thoughts")
    assert "positions.srl" not in found
