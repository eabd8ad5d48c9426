"""What a harness says to an agent that did not act, told from the words of a person and the output of a program.

An agent whose turn holds no action, or one that cannot be read, is told so by a fixed text: "No tool calls found",
"Please always provide EXACTLY ONE action". Nothing was carried out, so such an exchange is no step. The texts of
SWE-agent, mini-swe-agent, OpenHands, CodeAct, Terminus and AgentBench are known by how they begin; others by what they
say in their first 400 characters: that the answer lacks, or has too many of, what the harness reads, or could not be
read. Words such as "must" and "function call" in one text do not suffice, and who speaks of themselves ("I asked for
JSON") is a person.
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
_LEAD = 200  # characters, which hold white space and how a harness begins
_LABEL = re.compile(r"\A(?:observation|result|output|execution result)\s*:\s*", re.IGNORECASE)
_THING = (
    r"(?:actions?|commands?|tools?|functions?|(?:tool|function)[ _-]?calls?|code|(?:code |bash )?blocks?|json|format)"
)
_ANSWER = r"(?:response|output|message|reply|action|command|turn|(?:tool|function)[ _-]?call)"
_OWN = rf"(?:your|the|this|previous|last) (?:\w+ ){{0,2}}?{_ANSWER}"
_SUBJECT = r"(?:you|responses?|outputs?|messages?|repl(?:y|ies)|turns?|actions?|calls?)"
_DOES = (
    r"(?:includ|contain|provid|us|call|specif|giv|follow|match|adher|compl|produc|mak|generat|format|pars|hav|be|end"
    r"|respond|output)\w*"
)
_FAULT = r"(?:\bnot\b|n't\b|\bcannot\b|\binvalid\b|\bmalformed\b|\bincomplete\b|\berror)"
_READS = r"\b(?:format\w*|pars\w+|valid|recogni[sz]ed|understood|json|action|command|complete)\b"
_SAYS = re.compile(
    "|".join(
        (
            # No command found in your reply
            rf"\bno (?:\w+ ){{0,2}}?{_THING} (?:(?:was|were|is|are|has been|have been) )?(?:found|specified|detected"
            r"|provided|given|present|identified|recogni[sz]ed|extracted|called|made|used|in (?:your|the|last))",
            # You didn't provide a command
            rf"\b{_SUBJECT}\b[^.\n]{{0,30}}?\b(?:did|does|do|has|have|was|were|is)(?: not|n't) (?:\w+ )?{_DOES}\b"
            rf"(?: \w+){{0,5}}? ?{_THING}\b",
            # Your response must contain exactly one code block
            rf"\b{_SUBJECT} must (?:\w+ )?{_DOES}\b(?: \w+){{0,5}}? {_THING}\b",
            # The previous message is not a valid action; the tool call was malformed
            rf"\b{_OWN}\b[^.\n]{{0,40}}?{_FAULT}[^.\n]{{0,60}}?{_READS}",
            rf"\b{_OWN} (?:is|was) (?:invalid|malformed|incomplete|empty|unparsable)\b",
            # Error: invalid action
            r"\A(?:\W*error\W+)?(?:invalid|unknown|unrecogni[sz]ed|unsupported|malformed|missing|empty|incorrect)"
            rf" (?:\w+ ){{0,2}}?(?:{_THING}|response|output|syntax|input)\b",
            r"\b(?:format|parsing|parse) error\b",
            # Could not parse the response
            r"\b(?:unable to|could(?: not|n't)|cannot|can't|failed to|error(?: in| while| when)?)"
            r" (?:pars|extract|decod|find|understand)\w*"
            rf" (?:\w+ ){{0,4}}?(?:{_THING}\b|response|output|message|input|reply|```)",
            # Please provide exactly one action; but not: a command to list files
            r"\bplease (?:\w+ )?(?:provide|respond with|reply with|output|include|produce|generate|issue|submit|wrap)"
            r" (?:an?|one|exactly one|only one|at least one|your)"
            rf"(?: \w+){{0,2}}? {_THING}\b(?! (?:to|for|that|which)\b)",
            rf"\b(?:exactly|only) one (?:\w+ ){{0,2}}?{_THING}\b",
        )
    ),
    re.IGNORECASE,
)
_IN_PERSON = re.compile(
    r"\bi (?:asked|want(?:ed)?|need(?:ed)?|meant|said|would|think|prefer|like|see)\b|\bi['’](?:d|m|ve)\b|\bmy\b",
    re.IGNORECASE,
)
_GO_ON = re.compile(
    r"(?:please |ok(?:ay)?[,.]? |yes[,.]? )?(?:continue|go on|go ahead|proceed|keep going|carry on)"
    r"(?: please| with the task| working(?: on the task)?)?[.!]*",
    re.IGNORECASE,
)


def is_refusal(text: str) -> bool:
    """Whether a text is what a harness says when it found no action to carry out, or bids an agent to go on."""
    text = _LABEL.sub("", text.strip())
    if text.startswith(_OPENINGS):
        return True
    if len(text) < 60 and _GO_ON.fullmatch(text):
        return True
    head = text[:_SHORT]
    return _SAYS.search(head) is not None and _IN_PERSON.search(head) is None


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
    return text[:_LEAD].lstrip().startswith(_ALWAYS)
