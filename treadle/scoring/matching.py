"""Similarity of many actions to one text, to the bit as `step_similarity` gives it, in less time.

difflib indexes its second sequence. Where that is the text that stays, as by default, it is indexed once. Characters
are handed over as lists, from which cydifflib reads them faster. And its search for the longest match looks at all
places of a character in the second sequence, also at those outside the part that is searched: what is left of long
texts beside a match is therefore searched as texts of their own. The matching blocks, and so the ratio, are the same.
"""

from __future__ import annotations

from treadle.scoring.rewards import ArgumentOrder, SequenceMatcher, ordered_similarity

_LONG = 300  # characters of both texts, from which searching parts by themselves pays


class FixedText:
    """A text to which actions are compared.

    Args:
        text: Stands where the expert's action stands in `step_similarity`.
        autojunk, argument_order: See `srl_reward`.
    """

    def __init__(self, text: str, autojunk: bool = False, argument_order: ArgumentOrder = "model_first") -> None:
        self.text = text
        self._order = argument_order
        self._autojunk = autojunk
        self._characters = list(text)
        self._matcher = SequenceMatcher(None, [], self._characters, autojunk)
        self._known: dict[str, float] = {}

    def similarity(self, action: str) -> float:
        """`2M/T` of `action` and the text, in [0, 1]; an action that came before is not compared again."""
        if action not in self._known:
            self._known[action] = self._measure(action)
        return self._known[action]

    def _measure(self, action: str) -> float:
        if self._order != "model_first":
            return ordered_similarity(action, self.text, self._autojunk, self._order)
        characters = list(action)
        self._matcher.set_seq1(characters)
        if self._autojunk or not _both_long(characters, self._characters):
            return self._matcher.ratio()
        return 2.0 * _matched(characters, self._characters, self._matcher) / (len(action) + len(self.text))


def _both_long(first: list[str], second: list[str]) -> bool:
    return len(first) >= _LONG and len(second) >= _LONG


def _matched(first: list[str], second: list[str], matcher: SequenceMatcher) -> int:
    """Characters in matching blocks, as many as `matcher` finds without autojunk."""
    found, parts = 0, [(first, second, matcher)]
    while parts:
        a, b, matcher = parts.pop()
        i, j, size = matcher.find_longest_match(0, len(a), 0, len(b))
        if not size:
            continue
        found += size
        for left, right in ((a[:i], b[:j]), (a[i + size :], b[j + size :])):
            if not left or not right:
                continue
            part = SequenceMatcher(None, left, right, False)
            if _both_long(left, right):
                parts.append((left, right, part))
            else:
                found += sum(block[2] for block in part.get_matching_blocks())
    return found
