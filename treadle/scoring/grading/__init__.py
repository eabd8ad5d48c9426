r"""Judge final answers: rules by kind of answer, then computer algebra in worker processes that can be killed.

    Grader().judge(["0.5"], [r"\frac{1}{2}"]) == [Grade(Verdict.RIGHT, "equal numbers")]

This is the one judge of rewards, preparation, evaluation and `treadle grade`; `grader="math_verify"` asks that library
alone. An answer passes the rules of `rules` in order, and the first that applies decides: the same text; the same form
without markup (`normal`, `currencies`); bases (`bases`); dates and times (`calendar`); numbers, with units and percent
signs (`numbers`, `units`); residues (`congruences`); ratios (`ratios`); letters of choices and words (`choices`,
`labels`); sets of numbers (`intervals`); lists, sets, points and matrices, part by part (`parts`); equations. What is
left are expressions, whose values are computed here (`values`, `formula`, `grammar`, `calculator`) or, where they are
not understood, by latex2sympy and math-verify in a worker process with limits of time and memory (`expressions`,
`workers`). `Grade.why` names the rule. Where two answers may be the same or not, the verdict is `undecided`.

| kind | for | what it adds |
|---|---|---|
| `math` | any mathematics | rounded numbers count in six decimals, as for math-verify |
| `integer` | AMC, AIME | numbers must be equal: `27.0`, `027`, `\frac{54}{2}`, `27 \text{ miles}` are 27 |
| `minerva` | Minerva Math | numbers within 1e-4 of each other, numbers as Python has them (`-1./3`, `4.5e33`) |
| `text` | words | only the words count, not their case |
| `choice` | A to J | only the letter counts |

Followed of the Qwen2.5-Math harness, which gave the published figures: the tolerance of 1e-4 for Minerva; units in
`\text{}` behind an answer, degree signs and currency do not count; `x = 5` is 5; case does not count unless both cases
of a name occur. Not followed:

- Any number is also right when 100 times too large or small there. Here only where a percent sign stands: `50\%` is 50
  and 0.5.
- Its tolerance holds for integers of AMC and AIME too, where 10000 and 10001 differ here.
- It takes away all brackets, so that `(1, 2)`, `[1, 2]` and `1, 2` are one there. Here brackets of pairs count.
- It strikes out words such as `m`, `s` and `and` anywhere (for sets other than Minerva) and number words become digits.
- Units in `\mathrm{}` do not count here, but there; a bare single letter is a symbol in both. Two different units are
  converted here.

Judging is symmetric, except that an equation answers for its right side more often than it may be left out:
`m + n = 27` is right for 27, `27` is not for the reference `m + n = 27`; only what names a quantity, as `x = 27` and
`|AB| = 27`, may be shortened.
"""

from __future__ import annotations

from treadle.domains.verdict_words import KINDS, Verdict
from treadle.scoring.grading.canonical import canonical
from treadle.scoring.grading.grader import Grader, default_grader
from treadle.scoring.grading.verdicts import GRADERS, Grade, GraderName, grader_version

__all__ = [
    "GRADERS",
    "GRADER_VERSION",
    "KINDS",
    "Grade",
    "Grader",
    "GraderName",
    "Verdict",
    "canonical",
    "default_grader",
    "grader_version",
]

GRADER_VERSION = grader_version()
"""Goes into results: what verdicts depend on."""
