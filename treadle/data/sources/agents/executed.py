"""Were the blocks of code in a chat carried out, or is it a chat with a person?

Both look alike: prose, a block, a message, prose, a block. What tells them apart is what answered:

1. Something else than a user answers (roles tool, environment, ...), or as many answers are marked as a program's
   output (`OBSERVATION:`, `<returncode>`, `The output of the OS:`) as read like a person's words: carried out. A
   traceback is no mark, because people paste theirs.
2. The first message asks the assistant to play a terminal: the blocks are output, not commands.
3. The first messages say how the agent is to act (a block a turn, "interact with a computer", `Act:`): carried out,
   unless every answer reads like a person's words and prose follows the blocks.
4. Else the blocks are carried out if fewer than half of the answers read like a person's words, fewer than half of the
   blocks have prose after them, and fewer than half have the label of a language that no shell runs (html, java).

Words of a person are told by their first line: a question mark, thanks, or words alone with one that programs seldom
print ("now", "please", "you"), or a sentence. English is known best; of other languages questions, sentences and
scripts other than Latin.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

_OUTPUT = re.compile(
    r"\s*(?:[\[(<]*(?:observation|execution[ _](?:result|output)s?|exec(?:ution)? ?result|output|stdout|stderr|result"
    r"|return_?code|exit[ _]?code|tool_(?:response|result|output)|console|(?:interpreter|terminal)[ _]output)"
    r"[\])>]*\s*[:=\n>]"
    r"|<(?:returncode|output|observation|tool_response|result|interpreter|stdout)>"
    r"|the output of (?:the|your)\b|(?:your|the) command (?:ran|has|was|executed)|command (?:executed|output)"
    r"|execution (?:succeeded|failed)|\(open file:|new terminal output|current terminal)",
    re.IGNORECASE,
)
_PROGRAM = re.compile(
    r"(?:no such file|not found|permission denied|success|no matches|no output|\berror\b|warning:|exception|traceback"
    r"|passed|failed|\bmodified\b|\bcreated\b|installed|up to date)",
    re.IGNORECASE,
)
_PROTOCOL = re.compile(
    r"interact(?:ing|s)? with (?:an? |the |your )?(?:\w+ ){0,2}(?:computer|shell|terminal|bash|command.?line|docker"
    r"|environment|interpreter|jupyter|operating system|os\b|linux|database|mysql|sandbox|container)"
    r"|(?:one|single|each|every|exactly \w+|your) (?:\w+ ){0,3}(?:block|backticks)"
    r"|(?:block|backticks) (?:a|per|each|every|in each|in every) (?:turn|response|message|step)"
    r"|(?:will|to|gets?|is|are|be) (?:be )?(?:automatically )?(?:executed|carried out)\b"
    r"|\bi(?:'ll| will| wi'll|'wil) (?:execute|run|give you the (?:output|result|observation)s?)"
    r"|^\s*(?:act|action) ?:|\bAct: |\bAction: |each turn\b|COMPLETE_TASK_AND_SUBMIT_FINAL_OUTPUT",
    re.IGNORECASE | re.MULTILINE,
)
_ROLE_PLAY = re.compile(
    r"\b(?:act|behave|respond|reply|pretend|simulate)(?:ing)? (?:to be |like |as )?(?:an? |the )?(?:\w+ ){0,3}"
    r"(?:terminal|console|shell|interpreter|repl|command prompt)\b(?! *(?:expert|user|agent|assistant|engineer|script))"
    r"|\byou (?:\w+ ){0,4}(?:reply|respond|answer) (?:only )?with (?:what )?the (?:terminal|console|output|result)",
    re.IGNORECASE,
)


def _listed(words: str) -> frozenset[str]:
    return frozenset(words.split())


_NOT_RUN = _listed(
    "html css scss java c cpp c++ csharp c# cs jsx tsx vue swift kotlin dart xml yaml yml json toml ini markdown md"
    " latex tex rust go scala php graphql typescript ts dockerfile makefile diff csv mermaid svg objc vba proto"
)
_PLEASANTRIES = _listed(
    "thanks thank thx okay great nice perfect cool awesome wonderful excellent amazing hi hello hey bye goodbye wow"
    " sure please sorry hmm continue good brilliant danke merci gracias obrigado grazie bitte lovely fantastic right"
    " correct"
)
_WORDS = _listed(
    "you your my me i i'm i'd i've please can could would should how what why where which when who now the an it it's"
    " this that these those make write use using give explain does is are instead also with for to and but want need"
    " let's let same then without about don't doesn't didn't rewrite convert improve optimize fix another again more"
    " some as in into of on so just only we us"
)
_WISHES = _listed("please i i'm i'd i've me my can could would let's want need")
_PLAIN = re.compile(r"[\"'“(*]*(?P<word>[^\W\d_]+(?:['’-][^\W\d_]+)*)[\"'”)*]*[.,;:!?…。！？]*")
_QUESTION = re.compile(r"[?？]\s*\Z")
_SENTENCE = re.compile(r"[.!…。！]\s*\Z")
_LONG_PROSE = 20  # characters after a block, above which they say something to a person


class Answered(NamedTuple):
    """A block of code and what followed it.

    Args:
        label: Of its fence.
        after: The text of the turn after the block.
        answer: The text that answered the turn.
        by_user: Whether it has the role of a user.
    """

    label: str
    after: str
    answer: str
    by_user: bool = True


def reads_like_words(text: str) -> bool:
    """Whether an answer reads like what a person writes to an assistant, and not like a program's output."""
    text = text.strip()
    line = text.partition("\n")[0].strip()[:400]
    if not line or is_output(text):
        return False
    if sum(char.isalpha() and ord(char) > 0x24F for char in line) > len(line) / 3:
        return True  # a script other than Latin, whose words need no spaces between them
    tokens = line.split()
    words = [m["word"].lower().replace("’", "'") for token in tokens if (m := _PLAIN.fullmatch(token))]
    if not words or len(words) < 0.6 * len(tokens):
        return False
    if _QUESTION.search(line):
        return True
    if words[0] in _PLEASANTRIES and len(tokens) <= 12:
        return True
    if _PROGRAM.search(line) or len(tokens) < 2:
        return False
    return any(word in _WORDS for word in words) or (line[0].isupper() and _SENTENCE.search(line) is not None)


def speaks_to(text: str) -> bool:
    """Whether an answer is plainly a person's to an assistant: a question, thanks, a wish. What a game or a page tells
    in sentences ("You arrive at desk 1.") is not."""
    if not reads_like_words(text):
        return False
    line = text.strip().partition("\n")[0].strip()
    words = {word.strip(".,;:!?\"'").lower().replace("’", "'") for word in line.split()}
    first = line.split()[0].strip(".,;:!?\"'").lower()
    return _QUESTION.search(line) is not None or first in _PLEASANTRIES or bool(words & _WISHES)


def is_output(text: str) -> bool:
    """Whether an answer is marked as a program's output."""
    return _OUTPUT.match(text) is not None


def names_protocol(opening: str) -> bool:
    """Whether the first messages say how the agent is to act."""
    return _PROTOCOL.search(opening) is not None


def doubt(opening: str, blocks: Sequence[Answered]) -> str | None:
    """Why the blocks of a chat do not count as carried out, for people; `None` if they do.

    Args:
        opening: System text and problem.
        blocks: Those that something answered.
    """
    words = [block.answer for block in blocks if reads_like_words(block.answer)]
    marked = sum(is_output(block.answer) for block in blocks)
    if any(not block.by_user for block in blocks) or (marked and marked >= len(words)):
        return None
    if _ROLE_PLAY.search(opening):
        return "the first message asks for a terminal's part, so the blocks are output"
    count = len(blocks)
    followed = [block.after for block in blocks if len(block.after.strip("`\n ")) > _LONG_PROSE]
    if names_protocol(opening):
        return _said(words, count) if len(words) == count and followed else None
    if 2 * len(words) >= count:
        return _said(words, count)
    if 2 * len(followed) >= count:
        return f"{len(followed)} of {count} blocks have words to a reader after them, such as {_short(followed[0])}"
    labels = [block.label.lower() for block in blocks if block.label.lower() in _NOT_RUN]
    if 2 * len(labels) >= count:
        return f"{len(labels)} of {count} blocks are labelled as what no shell runs, such as {labels[0]}"
    return None


def _said(words: list[str], count: int) -> str:
    return f"{len(words)} of {count} answers read like a person's words, such as {_short(words[0])}"


def _short(text: str) -> str:
    text = " ".join(text.strip("`\n ").split())
    return repr(text[:60] + "..." if len(text) > 60 else text)
