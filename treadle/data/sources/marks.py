r"""The marks of thoughts and of solutions that are in use, in one table, and where they stand in a text."""

from __future__ import annotations

import re
from typing import NamedTuple

_THOUGHT_WORDS = (
    "think|thinking|thoughts?|reason|reasoning|reasoning_process|thinking_process|thought_process|chain_of_thought|cot"
    "|reflection|scratchpad|analysis|inner_monologue|internal_monologue|contemplation|contemplator|antthinking"
    "|seed:think|mm:think"
)
_SOLUTION_WORDS = "output|answer|solution|response|final|final_answer|final_response|final_output|result"
_ATTRIBUTES = r"(?:\s+[\w-]+\s?=[^<>\n]{1,80})?"  # `<think time="3">`
_HARMONY = r"(?:<\|start\|>assistant)?<\|channel\|>"

_THOUGHTS = {  # the opening and the closing mark; of words both must be the same
    "word": (rf"<\s?(?P<word>{_THOUGHT_WORDS}){_ATTRIBUTES}\s?>", rf"<\s?/\s?(?P<word_>{_THOUGHT_WORDS})\s?>"),
    "sky": (r"<\|begin_of_thought\|>", r"<\|end_of_thought\|>"),  # Sky-T1, OpenThoughts, Bespoke-Stratos
    "mistral": (r"\[THINK\]", r"\[/THINK\]"),
    "kimi": (r"◁think▷", r"◁/think▷"),
    "cohere": (r"<\|START_THINKING\|>", r"<\|END_THINKING\|>"),
    "bars": (r"<\|think(?:ing)?\|>", r"<\|/think(?:ing)?\|>"),
    "unsloth": (r"<start_working_out>", r"<end_working_out>"),
    "harmony": (  # gpt-oss
        rf"{_HARMONY}analysis<\|message\|>",
        rf"<\|end\|>(?=\s*<\|start\|>)|(?={_HARMONY}final<\|message\|>)",
    ),
    "s1": (r"<\|im_start\|>think\b", r"(?=<\|im_start\|>answer\b)"),
    "gemma": (r"<unused94>(?:thought\b)?", r"<unused95>"),
    "escaped": (rf"&lt;(?:{_THOUGHT_WORDS})&gt;", rf"&lt;/(?:{_THOUGHT_WORDS})&gt;"),
}
SPOKEN = [  # pairs that are words: the first opens the text, and counts only where the second follows
    (re.compile(opening), re.compile(closing, re.MULTILINE))
    for opening, closing in (
        (r"\s*(?:assistant)?analysis(?=\S)", r"assistantfinal"),  # gpt-oss without its special tokens
        (r"\s*Here(?:'s| is) my thought process:", r"^Here(?:'s| is) my response:"),  # Granite
        (r"\s*\#\# Thinking\b", r"^\#\# Final Response\b"),  # HuatuoGPT
        (r"\s*Here are my reasoning steps:", r"^\[BEGIN FINAL RESPONSE\]"),  # Apriel
        (
            r"\s*<details\s[^<>\n]*type=\"reasoning\"[^<>\n]*>(?:\s*<summary>[^<\n]*</summary>)?",
            r"</details>",
        ),  # Open WebUI
        (r"\s*<details>\s*<summary>[^<\n]*(?i:think|thought|reason)[^<\n]*</summary>", r"</details>"),
    )
]
_SOLUTIONS = {
    "word": (rf"<\s?(?P<word>{_SOLUTION_WORDS})\s?>", rf"<\s?/\s?(?P<word_>{_SOLUTION_WORDS})\s?>"),
    "sky": (r"<\|begin_of_(?:solution|answer)\|>", r"<\|end_of_(?:solution|answer)\|>"),
    "cohere": (r"<\|START_RESPONSE\|>", r"<\|END_RESPONSE\|>"),
    "harmony": (rf"{_HARMONY}final<\|message\|>", r"<\|return\|>|<\|end\|>"),
    "s1": (r"<\|im_start\|>answer\b", r"<\|im_end\|>"),
    "apriel": (r"\[BEGIN FINAL RESPONSE\]", r"\[END FINAL RESPONSE\]"),
}
UNOPENED = ("harmony", "s1")  # kinds whose closing mark says nothing without the opening one
ANYWHERE = "think"
_END_OF_TURN = re.compile(
    r"(?:<\|(?:im_end|endoftext|eot_id|end_of_text|end|return|eom_id|endofresponse|END_OF_TURN_TOKEN)\|>"
    r"|<｜end▁of▁sentence｜>|<(?:end_of_turn|eos|seed:eos)>|</s>|\[/?EOS\])\Z"
)
_LONGEST_MARK = 40


def _table(marks: dict[str, tuple[str, str]]) -> re.Pattern[str]:
    """One pattern for all marks; the group that matched names kind and side."""
    parts = [f"(?P<{kind}_open>{pair[0]})|(?P<{kind}_close>{pair[1]})" for kind, pair in marks.items()]
    return re.compile(rf"(?=<[\s/|a-z]|\[[/TBE]|◁|&lt;)(?:{'|'.join(parts)})", re.IGNORECASE)


THOUGHT_MARK, SOLUTION_MARK = _table(_THOUGHTS), _table(_SOLUTIONS)


class Mark(NamedTuple):
    """A mark in a text: of which pair, whether it opens, and where it stands."""

    kind: str
    opens: bool
    start: int
    end: int


def marks_of(text: str, table: re.Pattern[str]) -> list[Mark]:
    """The marks of a table in a text, in order."""
    marks = []
    for match in table.finditer(text):
        kind, _, side = match.lastgroup.rpartition("_")
        word = match["word"] or match["word_"]
        marks.append(Mark(word.lower() if word else kind, side == "open", *match.span()))
    return marks


def end_of_turn(text: str) -> int:
    """Where the token stands that ended the model's turn; the end of the text where there is none."""
    body = text.rstrip()
    found = _END_OF_TURN.search(body, max(0, len(body) - _LONGEST_MARK))
    return found.start() if found else len(text)
