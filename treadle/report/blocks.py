"""Show which parts of an action the similarity reward matched with the expert's."""

from __future__ import annotations

from difflib import SequenceMatcher

from markupsafe import escape


def marked(action: str, expert_action: str) -> str:
    """`action` as HTML with the matching blocks inside `<mark>`; the rest is plain.

    The blocks are those that `treadle.step_similarity` counts, so the marked share is its M / len(action).
    """
    parts, position = [], 0
    for block in SequenceMatcher(None, action, expert_action, autojunk=False).get_matching_blocks():
        if block.a > position:
            parts.append(str(escape(action[position : block.a])))
        if block.size:
            parts.append(f"<mark>{escape(action[block.a : block.a + block.size])}</mark>")
        position = block.a + block.size
    return "".join(parts)
