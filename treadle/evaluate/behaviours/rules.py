"""The rules of the behaviour detectors: named cues, so that each detection can be explained by one line.

A rule looks at one sentence, and where it says so at those beside it. What each behaviour means, and how often these
rules find it in traces that were labelled by reading, is in `docs/behaviours.md`; `benchmarks/behaviours.py` measures
it again. The cues are English and were written from traces of DeepSeek R1 on school mathematics and from thoughts of
software agents; on other text their precision and recall are not known.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import partial


class Behaviour(StrEnum):
    """What a trace does. The first three are found by rules, the last by the places of the think blocks."""

    PLANNING = "planning"
    ADJUSTMENT = "adjustment"
    VERIFICATION = "verification"
    INTERLEAVING = "interleaving"


@dataclass(frozen=True)
class Rule:
    """One cue.

    Args:
        name: Unique, in reports and in `Detection.rule`.
        words: Whatever `cue` finds has one of these in it, in lower case; a sentence without any is not searched.
        cue: Must be found in the sentence.
        behaviour: What the cue shows.
        unless: Must not be found in the sentence.
        after: Must be found in the sentence before.
        following: Must be found in the sentence after.
        early: Only in the beginning of the trace, see `treadle.evaluate.behaviours.detection`.
    """

    name: str
    words: tuple[str, ...]
    cue: re.Pattern[str]
    behaviour: Behaviour
    unless: re.Pattern[str] | None = None
    after: re.Pattern[str] | None = None
    following: re.Pattern[str] | None = None
    early: bool = False


def _cue(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)


def _words(listed: str) -> tuple[str, ...]:
    return tuple(listed.split("|"))


_planning = partial(Rule, behaviour=Behaviour.PLANNING, early=True)
_adjustment = partial(Rule, behaviour=Behaviour.ADJUSTMENT)
_verification = partial(Rule, behaviour=Behaviour.VERIFICATION)

_INTENT = (
    r"\b(?:(?:I|we|he|she|they)(?:'ll| will| (?:just )?(?:need|have|want)(?:s)? to| should| can| could| must)|let'?s|"
    r"let me|the key (?:here )?is to|want to)\b"
)
_DOING = (
    r"(?:add|subtract|multiply|divide|sum|compare|convert|find|solve|calculat|comput|determin|figur|apply|check|"
    r"substitut|plug|tak|use|using|set|creat|run|edit|fix|execut|modif|then\b)"
)
_PLANNING = (
    _planning(
        "two steps ahead",
        _words("'ll| will|need|have|want|should| can|could|must|let's|lets|let me|the key "),
        _cue(rf"{_INTENT}.*(?:,|\band\b|\bthen\b)\s+(?:then |finally |after that )?{_DOING}\w*"),
        unless=_cue(r"\bif\b.*\d|=|\?$|make sure|I'll help|\bwould (?:be|give)\b|,? to (?:see|check|verify)\b|mistake"),
    ),
    _planning(
        "then the next",
        _words("then|after that|finally|once"),
        _cue(rf"^(?:and |so )?(?:then|after that|finally|once)\b,?.*(?:{_INTENT}|^then,? (?:just )?{_DOING})"),
        unless=_cue(r"\d\s*[-+*/×=]|=|\?$|\d$"),
        after=_cue(rf"{_INTENT}|\bfirst\b"),
    ),
    _planning(
        "names the method",
        _words("formula|principle|theorem|rule|property|law|dot product|inclusion-exclusion|pythagor"),
        _cue(
            r"\b(?:recall|remember|use|using|apply|applying|need|by)\b.*"
            r"\b(?:formula|principle|theorem|rule|property|law)\b"
            r"|\bthe formula (?:for|is)\b|\b(?:dot product|inclusion-exclusion|pythagor)"
        ),
        unless=_cue(r"\bcheck\b|\bverify\b|mixed? up|mess"),
    ),
    _planning(
        "rewrites the task",
        _words("in terms of|differentiate both sides|eliminat"),
        _cue(r"\bexpress\b.*\bin terms of\b|\bdifferentiate both sides\b|\b(?:eliminate|eliminating) \w+\b"),
        unless=_cue(r"\bcheck\b|alternatively"),
    ),
    _planning(
        "list of steps",
        _words(":"),
        _cue(r"(?:\b(?:need to|should(?: \w+)?|the (?:general )?steps|my plan|the plan|as follows)\b[^.?]*):$"),
        following=_cue(r"^(?:\d+[.)]|[-*•])"),
    ),
    _planning(
        "starts by",
        _words("start by |before "),
        _cue(r"\bstart by (?!understand|writ|read|recall|not)\w+ing\b|\bbefore \w+ing\b.*\b(?:I'll|we'll|I will|we)\b"),
    ),
)
_ADJUSTMENT = (
    _adjustment(
        "wait, no",
        _words("wait|hold on|hmm|oh|oops"),
        _cue(r"\b(?:wait|hold on|hmm|oh|oops)\b[,.]?\s*(?:but\s+|actually,?\s+)?no\b"),
        unless=_cue(r"\bno,?\s+(?:the problem|it|they)\s+(?:says|states)\b"),
    ),
    _adjustment(
        "wait, actually",
        _words("actually"),
        _cue(r"\b(?:wait|hmm|oh|hold on)\b,?\s*(?:but\s+)?actually\b"),
        unless=_cue(r"\?$"),
    ),
    _adjustment(
        "own mistake",
        _words("that's|that is|that can't|i made|i mis|i was"),
        _cue(
            r"\bthat(?:'s| is) (?:not right|wrong|incorrect|not correct)|\bthat (?:isn't|can't be) (?:right|correct)\b"
            r"|\bI (?:made (?:a|an) (?:\w+ )?(?:mistake|error)|misread|misinterpreted|miscalculated|was wrong)\b"
        ),
        unless=_cue(r"\b(?:if|maybe|unless|chance|whether|could|might|did|sure|alternatively|suppose|possible)\b|\?$"),
    ),
    _adjustment(
        "an easier way",
        _words("easier|simpler|better|smarter"),
        _cue(
            r"\b(?:maybe|perhaps|but)\b.*\b(?:it'?s|it is|it would be|is)? ?"
            r"(?:easier|simpler|better|smarter)(?: way)?\b.*\bto\b"
        ),
        unless=_cue(r"\b(?:check|verify)\b"),
    ),
    _adjustment(
        "before going on",
        _words("but before |second thought|scratch that|start over"),
        _cue(
            r"\bbut before (?:jumping|going|diving|proceeding|we|I)\b|\bon second thought\b"
            r"|\bscratch that\b|\bstart over\b"
        ),
    ),
    _adjustment(
        "another attempt",
        _words("try"),
        _cue(
            r"\btry(?:ing)? (?:using )?(?:a different|another) "
            r"(?:payload|approach|command|tool|strategy|tactic|query)\b"
        ),
        unless=_cue(r"\b(?:verify|check|confirm)\b"),
    ),
    _adjustment(
        "repairs its own work",
        _words("my |our "),
        _cue(
            r"\b(?:my|our) (?:\w+ )?(?:edit|attempt|command|change|script|test|code|patch)\b[^.]*"
            r"\b(?:did not|didn't|failed|broke|is wrong|was wrong)"
            r"|\b(?:fix|correct|repair)\b[^.]*\b(?:my|our) (?:\w+ )?(?:script|test|edit|code|command)\b"
        ),
        unless=_cue(r"\btest (?:if|whether|that)\b|\bensure\b"),
    ),
)
_WORKS = r"(?:correctly|perfectly|properly|successfully|as expected|fine)"
_VERIFICATION = (
    _verification(
        "checks again",
        _words("check|verif|confirm|go over|go through"),
        _cue(
            r"\b(?:double|cross|re)-?\s?(?:check|verif)\w*|\bsanity check\b"
            r"|\b(?:check|verify|confirm|go (?:over|through))\b[^.?]*\b(?:again|once more)\b"
            r"|\b(?:check|verify|confirm) (?:that|this|my|if (?:this|that|I|it)|each step|"
            r"the (?:math|calculation|steps?|answer|result|total|arithmetic|multiplication|ratios?))\b"
        ),
        unless=_cue(r"\b(?:problem|statement|wording|reproduc\w*|error|bug|issue)\b"),
    ),
    _verification(
        "no mistake made",
        _words("make sure"),
        _cue(r"\bmake sure\b[^.?]*\b(?:did(?:n't| not)|haven't|not mak|mak(?:e|ing) (?:a|any) mistake)"),
    ),
    _verification(
        "tests own work",
        _words("fix|resolved|work|edge case|our change|our solution"),
        _cue(
            r"\b(?:run|re-?run|test|check|verify|ensure|make sure|see)\b.*"
            r"\b(?:fix(?:ed|es)?|resolved|still work\w*|it works|handles? edge cases|our (?:fix|change|solution)|"
            r"work(?:s|ing)? (?:\w+ )?(?:correctly|properly|as expected))\b"
        ),
        unless=_cue(r"\b(?:to fix|must fix|should fix|can fix)\b"),
    ),
    _verification(
        "reports that it works",
        _words("correctly|perfectly|properly|successfully|as expected|fine| works|worked|fixed|resolved| pass"),
        _cue(
            rf"\b(?:works?|working|runs?|worked|passe[sd]|ran|handled) (?:now |\w+ )?{_WORKS}\b"
            r"|\b(?:fix|change|solution) works\b|\bmust have worked\b"
            r"|\b(?:bug|issue|error|problem) (?:is|has been|was)(?: now)? (?:fixed|resolved)\b"
            r"|\b(?:completed|finished) successfully\b|\ball (?:the |our )?(?:\w+ )?tests? (?:now )?pass"
        ),
        unless=_cue(r"\b(?:not|n't|ensure|to see|now that|should|if)\b"),
    ),
    _verification(
        "same by another way",
        _words("same |method|approaches|ways|checks out|adds up|matches"),
        _cue(
            r"\bsame (?:answer|result|total)\b"
            r"|\b(?:both|all|either) (?:\w+ )?(?:methods|approaches|ways)\b[^.]*\b(?:give|lead|confirm|same|result)"
            r"|\b(?:that|it|which|this|everything|math) (?:all )?(?:checks out|adds up|matches)\b"
        ),
        unless=_cue(r"\bachieve\b"),
    ),
)
RULES: tuple[Rule, ...] = (*_PLANNING, *_ADJUSTMENT, *_VERIFICATION)
"""In the order in which they are tried; the first of a behaviour that applies to a sentence gives its name."""
