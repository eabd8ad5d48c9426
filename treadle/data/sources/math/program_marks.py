"""How data sets mark programs and what they printed inside one answer."""

from __future__ import annotations

import re
from typing import NamedTuple


class Marks(NamedTuple):
    """How a program and its output are marked; `quick` is in every text that has an output so marked,
    `opening` begins either."""

    quick: str
    opening: re.Pattern[str]
    program: re.Pattern[str]
    output: re.Pattern[str]


def _marks(quick: str, program: tuple[str, str], output: tuple[str, str]) -> Marks:
    def pattern(opening: str, closing: str) -> re.Pattern[str]:
        return re.compile(f"(?P<open>{opening})(?P<inside>.*?)(?P<close>{closing})", re.DOTALL | re.MULTILINE)

    opening = re.compile(f"{program[0]}|{output[0]}", re.MULTILINE)
    return Marks(quick, opening, pattern(*program), pattern(*output))


_FENCE_END = r"^[ \t]*```[ \t]*$"
_PYTHON = r"^[ \t]*```[ \t]*(?:python[23]?|py|Python)[ \t]*\n"
_BLOCK_END = r"<\|endofblock\|>"
_CODE, _CODE_END = r"<code>(?:\s*```(?:python|py)?[ \t]*\n)?", r"(?:\n[ \t]*```\s*)?</code>"
MARKS = (
    # ToRA, NuminaMath-TIR, Qwen's tool-integrated reasoning
    _marks("```output", (_PYTHON, _FENCE_END), (r"^[ \t]*```output[ \t]*\n", _FENCE_END)),
    # OpenMathInstruct-1
    _marks("<llm-code-output>", ("<llm-code>", "</llm-code>"), ("<llm-code-output>", "</llm-code-output>")),
    # MathCodeInstruct
    _marks("<|execution|>", (r"<\|code\|>", _BLOCK_END), (r"<\|execution\|>", _BLOCK_END)),
    # ReTool; the program may stand in a fence of its own
    _marks("</interpreter>", (_CODE, _CODE_END), ("<interpreter>", "</interpreter>")),
    _marks("</output>", (_CODE, _CODE_END), ("<output>", "</output>")),
)
