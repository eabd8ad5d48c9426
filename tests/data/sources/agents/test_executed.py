"""Blocks that something carried out, and chats with a person about code."""

from __future__ import annotations

import pytest

from tests.data.sources.agent_samples import read, reason
from tests.data.sources.agents.test_xml_calls import chat
from treadle.data.sources.agents.executed import Answered, doubt, is_output, reads_like_words, speaks_to
from treadle.data.sources.agents.fenced import FORM
from treadle.data.sources.report import DropReason


@pytest.mark.parametrize(
    "text",
    [
        "Now triple.",
        "now triple it",
        "Thanks",
        "thank you!",
        "Great, but can you add a docstring",
        "How would I do this in Rust?",
        "Make the background blue",
        "Jetzt bitte verdreifachen.",
        "¿Puedes hacerlo más corto?",
        "现在写一个三倍的函数",
        "那很有帮助。我怎样才能优化JavaScript代码以使其更高效？",
        "А теперь утрой",
        "Please use a dictionary instead.\n\n```python\nx = {}\n```",
    ],
)
def test_words_of_a_person(text):
    assert reads_like_words(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "3",
        "12 a.txt",
        "root",
        "a b c",
        "README.md  setup.py  src",
        "total 36\ndrwxrwx---+ 2 root root 4096 Jan 28 05:13 .",
        "File edited successfully.",
        "ls: cannot access 'x': No such file or directory",
        "Traceback (most recent call last):\n  File ...",
        "The output of the OS:\nyou can see",
        "OBSERVATION:\nNow what?",
        "<returncode>0</returncode>",
        "Observation: Please note",
        "[(1, 'a')]",
        "True",
        "{'a': 1}",
        "===== 3 passed in 0.1s =====",
    ],
)
def test_output_of_programs(text):
    assert not reads_like_words(text)


def block(answer, label="bash", after="", by_user=True):
    return Answered(label, after, answer, by_user)


WORDS, OUT = "Now triple.", "3"
PROTOCOL = "You can interact with a computer. Give exactly one bash block a turn."


@pytest.mark.parametrize(
    ("opening", "blocks"),
    [
        ("Count", [block(OUT)]),
        ("Count", [block(WORDS, by_user=False)]),
        ("Count", [block("OBSERVATION:\n" + WORDS), block(WORDS)]),
        ("Count", [block(OUT), block(OUT), block(WORDS)]),
        (PROTOCOL, [block(WORDS), block(OUT), block(WORDS)]),
        (PROTOCOL, [block("Hello, this is you.")]),
        ("You can interact with a Python interpreter.", [block(OUT, "python", "and then I go on with the next part")]),
    ],
)
def test_carried_out(opening, blocks):
    assert doubt(opening, blocks) is None


@pytest.mark.parametrize(
    ("opening", "blocks", "seen"),
    [
        ("Write it", [block(WORDS)], "1 of 1 answers read like a person's words, such as 'Now triple.'"),
        ("Write it", [block(WORDS), block(OUT)], "1 of 2 answers"),
        ("Write it", [block(OUT, "python", "\n```\nThis function doubles its argument.")], "words to a reader after"),
        ("Write it", [block("footer", "html")], "such as html"),
        ("Write it", [block("Traceback (most recent call last):\n x"), block(WORDS)], "1 of 2 answers"),
        ("Write it", [block("Output: 4"), block(WORDS), block(WORDS)], "2 of 3 answers"),
        ("I want you to act as a Linux terminal.", [block("ls")], "a terminal's part"),
        (PROTOCOL, [block(WORDS, after="\n```\nThis function doubles its argument.")], "1 of 1 answers"),
    ],
)
def test_not_carried_out(opening, blocks, seen):
    assert seen in doubt(opening, blocks)


def test_is_output_needs_a_mark():
    assert is_output("Observation: x")
    assert not is_output("I observe x")


def test_a_chat_about_code_is_dropped_with_what_was_seen():
    turns = (
        ("Here it is:\n\n```python\ndef f(x):\n    return 2 * x\n```\nIt doubles.", "Now triple."),
        ("Sure:\n\n```python\ndef f(x):\n    return 3 * x\n```\nIt triples.", "Thanks"),
    )
    assert reason(FORM, chat(*turns)) == DropReason.NOT_EXECUTED
    steps = read(FORM, chat(("```python\nprint(2)\n```", "2"), ("```python\nprint(3)\n```", "3"))).steps
    assert [step.action for step in steps] == ["print(2)", "print(3)"]


@pytest.mark.parametrize(
    ("text", "spoken"),
    [
        ("Great, and the afternoons?", True),
        ("Thanks, that helps.", True),
        ("I would like a shorter one.", True),
        ("You arrive at desk 1. On the desk, you see a mug.", False),
        ("Nothing happens.", False),
        ("[(2006,)]", False),
        ("", False),
    ],
)
def test_games_that_tell_in_sentences_speak_to_nobody(text, spoken):
    assert speaks_to(text) is spoken
