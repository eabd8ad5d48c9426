"""What a harness says to an agent that did not act, told from the words of a person and the output of a program.

An agent whose turn holds no action, or one that cannot be read, is told so by a fixed text: "No tool calls found",
"Please always provide EXACTLY ONE action". Nothing was carried out, so such an exchange is no step. The texts of
SWE-agent, mini-swe-agent, OpenHands, CodeAct, Terminus and AgentBench are known by how they begin; others by what they
speak of in their first 400 characters: that the answer lacks, or has too many of, what the harness reads.
"""

from __future__ import annotations

import re

from treadle.data.sources.messages import Message, as_dict

STAND_IN = (
    "Please continue working on the task on whatever approach you think is suitable.",
    "Your last response did not include a function call or a message.",
)
"""How OpenHands' evaluation and its SDK begin when they answer an agent that did not act."""

_ALWAYS = (
    *STAND_IN,
    "Please always provide EXACTLY ONE action",
    "Format error:\n\n<error>",
    "Your last output did not use any tool calls!",
    "Your output was not formatted correctly. You must",
)
"""What no program prints, so that it counts also where a turn holds something that could be an action."""
_OPENINGS = (
    *_ALWAYS,
    "Format error",
    "Tool call error",
    "No tool calls found",
    "No executable tool calls found",
    "No bash code block found",
    "Unknown tool '",
    "Error parsing tool call arguments",
    "Your last output did not use any tool calls",
    "Your last output included multiple tool calls",
    "Your last action could not be parsed properly",
    "Your output was not formatted correctly",
    "Your output could not be parsed as JSON",
    "Previous response had parsing errors",
    "I don't understand your input",
    "Invalid Format: ",
    "Invalid or incomplete response",
    "Could not parse LLM output",
    "Error in code parsing",
)
_SHORT = 400
_FAILS = (
    r"(?:\bno\b|\bnot\b|n't\b|\bmissing|\bwithout\b|\bmust\b|\bexactly\b|\bonly one\b|\binvalid\b|\bunable\b|\berror\b)"
)
_READ = (
    r"(?:(?:tool|function)[ _-]?calls?\b|(?:code|bash|command|action) blocks?\b|triple backticks|\bfenced\b"
    r"|valid (?:json|action|command|format|tool|function)|\bcall an? (?:tool|function)\b)"
)
_OWN = r"\b(?:your|the|previous|last)\s+(?:(?:last|previous|own)\s+)?(?:response|output|message|reply|turn)\b"
_FORM = r"\b(?:format(?:ted)?|pars(?:e|ed|ing)|actions?|commands?|tools?|functions?|json)\b"
_FAILS, _READ, _OWN, _FORM = (re.compile(text, re.IGNORECASE) for text in (_FAILS, _READ, _OWN, _FORM))
_GO_ON = re.compile(
    r"(?:please |ok(?:ay)?[,.]? |yes[,.]? )?(?:continue|go on|go ahead|proceed|keep going|carry on)"
    r"(?: please| with the task| working(?: on the task)?)?[.!]*",
    re.IGNORECASE,
)


def is_refusal(text: str) -> bool:
    """Whether a text is what a harness says when it found no action to carry out, or bids an agent to go on."""
    text = text.strip()
    if text.startswith(_OPENINGS):
        return True
    if len(text) < 60 and _GO_ON.fullmatch(text):
        return True
    head = text[:_SHORT]
    if not _FAILS.search(head):
        return False
    return _READ.search(head) is not None or (_OWN.search(head) is not None and _FORM.search(head) is not None)


def is_marked_refusal(message: Message) -> bool:
    """Whether the source itself calls a message a format error, as mini-swe-agent 2 does."""
    return as_dict(message.raw.get("extra")).get("interrupt_type") == "FormatError"


def refused(answers: list[Message], in_doubt: bool) -> bool:
    """Whether a harness answered a turn that it did not carry out.

    Args:
        in_doubt: The turn holds nothing that can be read as one action; else only the source's own mark counts, and
            texts that no program prints.
    """
    refuses = is_refusal if in_doubt else _is_plain_refusal
    return bool(answers) and all(is_marked_refusal(answer) or refuses(answer.text) for answer in answers)


def _is_plain_refusal(text: str) -> bool:
    return text.lstrip().startswith(_ALWAYS)
