"""Find planning, adjustment and verification in a trace, each with the rule and the place that show it.

A trace is what a model writes for itself: the content of one think block, or any text. Detection is by the rules of
`treadle.evaluate.behaviours.rules` alone, sentence by sentence; nothing is learnt, and nothing is known about whether
a plan was followed or a check was sound.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from treadle.evaluate.behaviours.rules import RULES, Behaviour, Rule
from treadle.evaluate.behaviours.sentences import Sentence, sentences

EARLY = 0.4
"""A plan comes before the work: its rules count up to this position of a trace, ..."""
EARLY_SENTENCES = 6
"""... and in the first sentences of any trace, because a short one has hardly a beginning."""
LONGEST = 1000
"""Rules see so many characters of a sentence; it bounds the time that a model's endless line can take."""
# What a pattern without regard to case takes for these letters, and lower case does not.
_AS_LETTERS = {"İ": "i", "ı": "i", "ſ": "s"}


@dataclass(frozen=True)
class Detection:
    """One place of a trace that shows a behaviour.

    Args:
        behaviour: Which.
        rule: Name of the rule that found it.
        start, end: The sentence, as characters of the trace.
        position: Middle of the sentence, from 0 (beginning of the trace) to 1 (end).
        cue: The words that the rule matched.
    """

    behaviour: Behaviour
    rule: str
    start: int
    end: int
    position: float
    cue: str


def detect(trace: str, rules: Sequence[Rule] = RULES) -> list[Detection]:
    """All detections in `trace`, in its order; at most one of a behaviour for each sentence."""
    found = []
    cut = sentences(trace)
    for number, candidates in sorted(_candidates(trace, cut, rules).items()):
        sentence = cut[number]
        before = cut[number - 1].text[:LONGEST] if number else ""
        following = cut[number + 1].text[:LONGEST] if number + 1 < len(cut) else ""
        early = number < EARLY_SENTENCES or sentence.position <= EARLY
        seen: set[Behaviour] = set()
        for rule in candidates:
            if (rule.early and not early) or rule.behaviour in seen:
                continue
            if detection := _apply(rule, sentence, before, following):
                seen.add(rule.behaviour)
                found.append(detection)
    return found


def _candidates(trace: str, cut: Sequence[Sentence], rules: Sequence[Rule]) -> dict[int, list[Rule]]:
    """For each sentence that has a word of a rule, by its number, these rules in their order.

    Most sentences have no word of most rules, and to look for a word is far quicker than to search for a cue.
    """
    folded = trace
    for other, letter in _AS_LETTERS.items():
        folded = folded.replace(other, letter)
    folded = folded.lower()
    starts = [sentence.start for sentence in cut]
    found: dict[int, list[Rule]] = {}
    for rule in rules:
        numbers = set()
        for word in rule.words:
            at = folded.find(word)
            while at >= 0:
                number = bisect_right(starts, at) - 1
                numbers.add(number)
                # A word that begins with a space can stand before the first sentence or between two.
                at = folded.find(word, max(at + 1, cut[number].end if number >= 0 else 0))
        for number in numbers - {-1}:
            found.setdefault(number, []).append(rule)
    return found


def _apply(rule: Rule, sentence: Sentence, before: str, following: str) -> Detection | None:
    text = sentence.text[:LONGEST]
    match = rule.cue.search(text)
    if (
        match is None
        or (rule.unless and rule.unless.search(text))
        or (rule.after and not rule.after.search(before))
        or (rule.following and not rule.following.search(following))
    ):
        return None
    return Detection(rule.behaviour, rule.name, sentence.start, sentence.end, sentence.position, match.group())
