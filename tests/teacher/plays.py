"""Real solutions, and what a teacher that is not to be trusted makes of them: each way with the reason it must get."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import islice

from treadle.data.sources.reading import read_trajectories
from treadle.teacher.checks import Reason

ANSWER = re.compile(r"[A-E]|\d{1,6}")
LOOP = "\n\nWait, let us check this once more before we go on, since it may be wrong after all."


@dataclass(frozen=True)
class Lesson:
    """A problem with a real solution in titled steps."""

    id: str
    problem: str
    answer: str
    text: str


def lessons(data, count):
    """So many real ones whose answer is a number or a letter, so that a wrong one can be made for sure."""

    def suitable():
        seen = set()
        for row in read_trajectories(data / "math" / "amc_aime_solutions.jsonl"):
            text = row.meta["preamble"] + "".join(s.text for s in row.steps) + row.meta["epilogue"]
            boxed = re.findall(r"\\boxed\{([^{}]*)\}", text)
            usable = text.startswith("1. **") and ANSWER.fullmatch(row.answer or "") and boxed == [row.answer]
            if usable and row.problem not in seen:
                seen.add(row.problem)
                yield Lesson(row.id, row.problem, row.answer, text)

    return list(islice(suitable(), count))


def in_prose(lesson):
    """The same solution on one line, without numbers and titles at the beginning of one."""
    return "So: " + " ".join(lesson.text.replace("**", "").split())


def with_wrong_answer(lesson):
    right = lesson.answer
    wrong = str(int(right) + 1) if right.isdigit() else "ABCDE"[("ABCDE".index(right) + 1) % 5]
    return lesson.text.replace(f"\\boxed{{{right}}}", f"\\boxed{{{wrong}}}")


WAYS = {  # what is answered, and the reason why it must not be kept
    "right": (lambda lesson: lesson.text, None),
    "right with a thought": (lambda lesson: {"text": lesson.text, "thought": "Let me think."}, None),
    "right with a thought in the text": (lambda lesson: f"<think>\nLet me think.\n</think>\n\n{lesson.text}", None),
    "wrong": (with_wrong_answer, Reason.WRONG),
    "prose": (in_prose, Reason.NO_STEPS),
    "no titles": (lambda lesson: lesson.text.replace("**", ""), Reason.UNTITLED),
    "begins with two": (lambda lesson: lesson.text.replace("1. **", "2. **", 1), Reason.NUMBERING),
    "cut off": (lambda lesson: {"text": lesson.text[:-40], "finish": "length"}, Reason.CUT_OFF),
    "endless thought": (lambda lesson: f"<think>\n{lesson.text}", Reason.OPEN_THOUGHT),
    "thought alone": (lambda lesson: {"text": "", "thought": lesson.text}, Reason.EMPTY),
    "loop": (lambda lesson: lesson.text + LOOP * 40, Reason.REPEATS),
    "no box": (lambda lesson: lesson.text.replace("\\boxed", "\\fancybox"), Reason.NO_ANSWER),
}
SHARES = {"right": 5, "right with a thought": 2, "right with a thought in the text": 2, "wrong": 4}
"""Of each round of problems how many are answered in this way; once where it does not stand here."""
