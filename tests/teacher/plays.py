"""Real solutions, and what a teacher that is not to be trusted makes of them: each way with the reason it must get.

    python -m tests.teacher.plays DATA [COUNT]

answers so many problems of the folder of real data in every way and prints what the checks find: of what is right how
much is kept, and whether anything wrong is. Then the lengths of real solutions in titled steps, and how much they
repeat themselves.
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from treadle.data.sources.reading import read_trajectories
from treadle.evaluate.records import Finish, Generation
from treadle.teacher.asking import Assignment, draft_of
from treadle.teacher.checks import Reason, first_fault
from treadle.teacher.checks.text import repeated_share
from treadle.teacher.drafts import Origin
from treadle.teacher.run import checks_of
from treadle.teacher.settings import TeachSettings

ANSWER = re.compile(r"[A-E]|\d{1,6}")
MOST = 801
"""Solutions of a file whose lengths are looked at."""
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


def generation_of(said):
    """What the server back end makes of an answer of `tests.teacher.scripted`."""
    said = {"text": said} if isinstance(said, str) else said
    thought = f"<think>{said['thought']}</think>" if "thought" in said else ""
    return Generation(thought + said["text"], 100, Finish(said.get("finish", "stop")))


def main():
    found = lessons(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 10_000)
    checks, origin = checks_of(TeachSettings()), Origin("solve", "plays", "")
    kept, right, kept_wrong = 0, 0, 0
    for way, (answer, reason) in WAYS.items():
        drafts = [draft_of(Assignment(f.id, f.problem, f.answer), generation_of(answer(f)), origin) for f in found]
        faults = [first_fault(draft, checks)[1] for draft in drafts]
        counts = Counter("kept" if fault is None else str(fault.reason) for fault in faults)
        print(f"{way}: {dict(counts.most_common())}, expected {reason or 'kept'}")
        right += len(found) if reason is None else 0
        kept += counts["kept"] if reason is None else 0
        kept_wrong += counts["kept"] if reason is not None else 0
    print(f"precision {kept / (kept + kept_wrong):.4f}, recall {kept / right:.4f}, {len(found)} problems")
    print(bands(Path(sys.argv[1])))


def bands(data):
    """Characters and repeated runs of real solutions in titled steps, the first of each file."""
    texts = [
        row.meta["preamble"] + "".join(s.before + s.action + s.after for s in row.steps) + row.meta["epilogue"]
        for file in ("amc_aime_solutions", "s1k", "deepseek_r1_math", "deepseek_r1_gsm8k")
        for row in islice(read_trajectories(data / "math" / f"{file}.jsonl"), MOST)
    ]
    shares = sorted(repeated_share(text) for text in texts)
    lengths = sorted(map(len, texts))
    return (
        f"{len(texts):,} solutions: {lengths[0]:,} to {lengths[-1]:,} characters; repeated runs {shares[-1]:.3f} at "
        f"most, {sum(share > 0.4 for share in shares)} above 0.4"
    )


if __name__ == "__main__":
    main()
