"""The natural language of a trajectory's actions, by py3langid, for `--language`.

Looked at is the prose of all actions together: without LaTeX, code, markup, addresses, and words with digits or
operators in them. With fewer than 20 letters left it has no language. A trajectory counts as being in another language
only if that is plain: some language has half of the probability or more, the wanted one less than 1%, and it is not
the model's class of texts that are no language. So short and mixed texts are kept, and so may be languages that
resemble the wanted one.

Commands have no natural language: trajectories of agents, whose steps are calls, are never in another one.

The model takes 0.9 s and 110 MB in each process that uses it, and 1 ms a trajectory.
"""

from __future__ import annotations

import difflib
import re
from functools import cache
from typing import TYPE_CHECKING

from treadle.domains.registry import find
from treadle.errors import DataError
from treadle.trajectory import Trajectory

if TYPE_CHECKING:
    from py3langid.langid import LanguageIdentifier

LEAST_LETTERS = 20
LIKELY = 0.5
UNLIKELY = 0.01
_MOST_READ = 30_000
_MOST_JUDGED = 3000  # more does not make the model surer
_NO_LANGUAGE = "zxx"

# Lengths are bounded, so that many openings without an end do not each search the rest of the text.
_NOT_PROSE = re.compile(
    r"""```.*?(?:```|\Z) | ~~~.*?(?:~~~|\Z) | `[^`\n]*`
      | \\begin\{(?P<environment>\w+\*?)\}.{0,4000}?\\end\{(?P=environment)\}
      | \$\$.{0,4000}?\$\$ | \\\[.{0,4000}?\\\] | \\\(.{0,4000}?\\\) | \$[^$]{1,400}\$
      | (?:https?://|www\.)\S+ | <[^<>]{1,200}> | \\[A-Za-z]+\*?""",
    re.VERBOSE | re.DOTALL,
)
# Chinese, Japanese and Korean have no spaces around a formula.
_PIECE = re.compile("[\u2e80-\U0010ffff]+|[^\\s\u2e80-\U0010ffff]+")
_SYMBOL = re.compile(r"[0-9_=^{}\\|@/]")
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*[,.;:?!]?")


@cache
def _identifier() -> LanguageIdentifier:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)


@cache
def check_language(wanted: str) -> None:
    """Raise unless `wanted` is a code that the model knows.

    Raises:
        DataError: It is not; the message lists those that are.
    """
    known = sorted(set(_identifier().labels) - {_NO_LANGUAGE})
    if wanted not in known:
        near = difflib.get_close_matches(wanted.lower(), known, n=1)
        raise DataError(
            f"--language {wanted}: no code of a language that can be told"
            + (f" (did you mean {near[0]}?)" if near else "")
            + f"; known are {', '.join(known)}"
        )


def other_language(trajectory: Trajectory, wanted: str) -> str | None:
    """The code of the language that the actions are in, if it is plainly not `wanted`.

    Args:
        wanted: An ISO 639 code such as `en`.

    Raises:
        DataError: `wanted` is unknown.
    """
    check_language(wanted)
    if find(trajectory.domain).of_calls:
        return None
    text = prose("\n".join(step.action for step in trajectory.steps))
    if sum(map(str.isalpha, text)) < LEAST_LETTERS:
        return None
    ranking = _identifier().rank(text)
    likeliest, probability = ranking[0]
    plain = probability >= LIKELY and dict(ranking)[wanted] < UNLIKELY
    return likeliest if plain and likeliest != _NO_LANGUAGE else None


def prose(text: str) -> str:
    """The words of `text` that are neither mathematics, code nor markup, at most 3,000 characters of them."""
    pieces = _PIECE.findall(_NOT_PROSE.sub(" ", _sample(text, _MOST_READ)))
    words = (word for piece in pieces if not _SYMBOL.search(piece) for word in _WORD.findall(piece))
    return _sample(" ".join(words), _MOST_JUDGED)


def _sample(text: str, most: int) -> str:
    """`text`, or its beginning, middle and end if it is longer than `most` characters."""
    if len(text) <= most:
        return text
    part = most // 3
    middle = (len(text) - part) // 2
    return f"{text[:part]} {text[middle : middle + part]} {text[-part:]}"
