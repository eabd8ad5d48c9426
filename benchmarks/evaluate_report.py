"""Size, time and memory of a run's report at the paper's size: four benchmarks, 32 samples.

    python benchmarks/evaluate_report.py [--loop] [--keep FOLDER]
    python benchmarks/evaluate_report.py --problems 1000 --tokens 600

A run folder is made in a temporary place: greedy attempts at 372 problems and 32 samples of 100 of them, texts of about
1,000 to 4,000 tokens, and 240 single steps. The second command makes one set of 1,000 problems, 33,000 shorter
attempts, and takes minutes more. Statements and texts are put together from those in `$TREADLE_DATA` where
it is set (real problems, DeepSeek R1's reasoning, AMC solutions), else from random words and formulas. The report is
then built in a process of its own, whose largest resident set is its memory (on Linux). Grades are drawn, not judged.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from treadle.evaluate.records import Key, Problem, Sample, StepSample, Stop
from treadle.evaluate.runs import INFO, PROBLEMS, RESULTS, SAMPLES, STEPS
from treadle.evaluate.sample_lines import sample_record
from treadle.evaluate.step_view import step_view
from treadle.evaluate.store import write_json, write_lines
from treadle.evaluate.summary import summarise
from treadle.scoring.completion import FormatFault
from treadle.scoring.grading import Verdict
from treadle.scoring.rewards import step_similarity

SIZES = {"amc23": 40, "aime24": 30, "aime25": 30, "minerva": 272}
SOLVED = {"amc23": 0.5, "aime24": 0.12, "aime25": 0.08, "minerva": 0.35}
STEPS_COUNT = 240
SAMPLES_EACH = 32
CHARACTERS_A_TOKEN = 3.2  # of R1's reasoning with the Qwen2.5 tokenizer

_BUILD = """
import json, re, sys, time
from pathlib import Path
from treadle.report.evaluation import write_evaluation_report
# Of this program alone: ru_maxrss also counts the process that started it.
peak = lambda: int(re.search(r"VmHWM:\\s*(\\d+)", Path("/proc/self/status").read_text())[1]) / 1024
imported, started = peak(), time.perf_counter()
write_evaluation_report(Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) > 2 else None)
print(json.dumps({"seconds": time.perf_counter() - started, "peak": peak(), "imported": imported}))
"""


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--loop", action="store_true", help="the think-act loop as well, twice the attempts")
    parser.add_argument("--keep", type=Path, help="write the runs here and leave them")
    parser.add_argument("--problems", type=int, help="one set of so many problems, instead of the paper's four")
    parser.add_argument("--tokens", type=int, default=4096, help="the most tokens of an attempt")
    chosen = parser.parse_args(arguments)
    sizes = {"made": chosen.problems} if chosen.problems else SIZES
    modes = ("whole", "loop") if chosen.loop else ("whole",)
    with tempfile.TemporaryDirectory() as scratch:
        folder = chosen.keep or Path(scratch)
        for name, seed in (("run", 0), ("base", 1)):
            write_run(folder / name, modes, seed, sizes, chosen.tokens)
        print(
            "| report | attempts | texts MB | report.html MB | side files | MB | seconds | peak MiB | of it imports |\n"
            + "|---" * 9
            + "|"
        )
        for title, extra in (("alone", []), ("against another run", [str(folder / "base")])):
            print(_row(title, folder / "run", extra), flush=True)


def _row(title: str, run: Path, extra: list[str]) -> str:
    output = subprocess.run(
        [sys.executable, "-c", _BUILD, str(run), *extra], check=True, stdout=subprocess.PIPE, text=True
    )
    found = json.loads(output.stdout)
    with (run / SAMPLES).open(encoding="utf-8") as file:
        lengths = [len(json.loads(line)["text"].encode("utf-8", "replace")) for line in file]
    side = [path.stat().st_size for path in (run / "report").rglob("*.js")]
    page = (run / "report.html").stat().st_size
    return (
        f"| {title} | {len(lengths):,} | {sum(lengths) / 1e6:.1f} | {page / 1e6:.2f} | {len(side)} "
        f"| {sum(side) / 1e6:.1f} | {found['seconds']:.1f} | {found['peak']:,.0f} "
        f"| {found['imported']:,.0f} |"
    )


def write_run(folder: Path, modes: tuple[str, ...], seed: int, sizes: dict[str, int], most: int) -> None:
    """Write a finished run with drawn grades; runs of different seeds have the same problems."""
    draw, texts = random.Random(seed), Texts(os.environ.get("TREADLE_DATA"), seed)
    problems = {name: texts.problems(name, count) for name, count in sizes.items()}
    settings = {"modes": list(modes), "samples": SAMPLES_EACH, "temperature": 1.0, "max_new_tokens": most, "seed": seed}
    info = {
        "model": f"example/model-{seed}",
        "backend": {"kind": "transformers", "dtype": "bfloat16"},
        "settings": settings,
        "steps": STEPS_COUNT,
        "benchmarks": [{"name": n, "count": len(p), "sha256": "0" * 64, "left_out": {}} for n, p in problems.items()],
        "identity": {"model": f"example/model-{seed}"},
    }
    folder.mkdir(parents=True, exist_ok=True)
    samples = [sample for mode in modes for sample in _samples(problems, mode, draw, texts, most)]
    steps = list(_steps(draw, texts))
    write_json(folder / INFO, info)
    write_lines(folder / PROBLEMS, (asdict(p) for found in problems.values() for p in found))
    write_lines(folder / SAMPLES, map(sample_record, samples))
    write_lines(folder / STEPS, map(asdict, steps))
    write_json(folder / RESULTS, summarise(info, problems, samples, {}, {**step_view(steps), "failed": 0}))


def _samples(
    problems: dict[str, list[Problem]], mode: str, draw: random.Random, texts: Texts, most: int
) -> Iterator[Sample]:
    for decoding, count in (("greedy", 1), ("sampled", SAMPLES_EACH)):
        for name, found in problems.items():
            for problem in found if decoding == "greedy" or name != "minerva" else ():
                # How hard a problem is, is the same for all runs.
                chance = random.Random(problem.problem).betavariate(SOLVED.get(name, 0.3), 1 - SOLVED.get(name, 0.3))
                for index in range(count):
                    key = Key(name, problem.id, mode, decoding, index)
                    yield _sample(key, problem.answer, draw.random() < chance, draw, texts, most)


def _sample(key: Key, reference: str, right: bool, draw: random.Random, texts: Texts, most: int) -> Sample:
    tokens = draw.randint(most // 4, most)
    truncated = not right and draw.random() < 0.2
    answer = reference if right else None if truncated or draw.random() < 0.03 else str(draw.randint(0, 999))
    steps = [texts.step() for _ in range(4)] if key.mode == "loop" else []
    characters = int((most if truncated else tokens) * CHARACTERS_A_TOKEN)
    thought = texts.reasoning(characters * 3 // 4)
    if steps:
        thoughts = [texts.reasoning(characters // 5) for _ in steps]
        if answer is not None:
            steps[-1] += f"\n\\boxed{{{answer}}}"
        text = "\n".join(f"<think>\n{t}\n</think>\n{s}" for t, s in zip(thoughts, steps, strict=True))
    else:
        thoughts = [thought]
        end = "" if answer is None else f"\n\nThe answer is \\boxed{{{answer}}}."
        text = (
            f"<think>\n{thought}"
            if truncated
            else f"<think>\n{thought}\n</think>\n{texts.solution(characters // 4)}{end}"
        )
    verdict = Verdict.RIGHT if right else Verdict.NO_ANSWER if answer is None else Verdict.WRONG
    if verdict is Verdict.WRONG and draw.random() < 0.005:
        verdict = Verdict.HUNG
    why = {"right": "equal text", "no_answer": "no answer found", "hung": "over the time limit"}
    return Sample(
        key,
        reference,
        text,
        steps,
        thoughts,
        most if truncated else tokens,
        tokens * 3 // 4,
        Stop.TRUNCATED if truncated else Stop.ANSWERED if steps and answer else Stop.ENDED,
        FormatFault.TRUNCATED if steps and truncated else None,
        answer,
        verdict,
        why.get(str(verdict), "unequal numbers"),
    )


def _steps(draw: random.Random, texts: Texts) -> Iterator[StepSample]:
    for number in range(STEPS_COUNT):
        trajectory, step = divmod(number, 4)
        expert = texts.step()
        action = expert if draw.random() < 0.03 else _changed(expert, texts.step(), draw)
        fault = FormatFault.EMPTY_THOUGHT if draw.random() < 0.05 else None
        thought = texts.reasoning(1500)
        yield StepSample(
            f"problem-{trajectory}",
            step + 1,
            5 + trajectory % 4,
            [{"role": "user", "content": texts.solution(1500)}],
            expert,
            f"<think>\n{thought}\n</think>\n{action}",
            thought,
            None if fault else action,
            fault,
            0.0 if fault else step_similarity(action, expert),
            not fault and action == expert,
            600,
            450,
        )


def _changed(expert: str, other: str, draw: random.Random) -> str:
    place = draw.randrange(len(expert))
    return expert[:place] + other[place:] if draw.random() < 0.7 else other


class Texts:
    """Problems and stretches of text: real ones where `data` is given, else random words and formulas."""

    def __init__(self, data: str | None, seed: int) -> None:
        self._draw = random.Random(seed)
        self._data = Path(data) if data else None
        self._reasoning, self._solutions = self._real() if self._data else (_words(300), _words(300))

    def problems(self, name: str, count: int) -> list[Problem]:
        """The first `count` problems of a benchmark."""
        if self._data and name in SIZES:
            rows = _lines(self._data / "eval" / f"{'minerva_math' if name == 'minerva' else name}.jsonl")
            found = [(r["problem"], str(r.get("answer") or "0").removesuffix(".0")) for r in rows]
        else:
            made = random.Random(name)
            found = [(_paragraph(made, 60), str(made.randint(0, 999))) for _ in range(count)]
        return [Problem(str(k), text, answer, benchmark=name) for k, (text, answer) in enumerate(found[:count])]

    def reasoning(self, characters: int) -> str:
        """About as many characters of a train of thought."""
        return self._stretch(self._reasoning, characters)

    def solution(self, characters: int) -> str:
        """About as many characters of a written solution."""
        return self._stretch(self._solutions, characters)

    def step(self) -> str:
        """One numbered step."""
        return f"{self._draw.randint(1, 6)}. **{self._stretch(self._solutions, 30)[:30]}** {self.solution(300)}"

    def _stretch(self, paragraphs: list[str], characters: int) -> str:
        found, length = [], 0
        place = self._draw.randrange(len(paragraphs))
        while length < characters:
            paragraph = paragraphs[place % len(paragraphs)]
            found.append(paragraph)
            length, place = length + len(paragraph) + 2, place + 1
        return "\n\n".join(found)[:characters]

    def _real(self) -> tuple[list[str], list[str]]:
        reasoning = [
            row["deepseek-reasoner (question)"].split("</think>")[0]
            for row in _lines(self._data / "math/deepseek_r1_math.jsonl")
        ]
        solutions = [row["solution"] for row in _lines(self._data / "math/amc_aime_solutions.jsonl")]
        return [[p for text in texts for p in text.split("\n\n") if p.strip()] for texts in (reasoning, solutions)]


def _lines(path: Path) -> list[dict[str, str]]:
    text = path.read_text(encoding="utf-8")
    return json.loads(text) if text.startswith("[") else [json.loads(line) for line in text.split("\n") if line]


def _words(count: int) -> list[str]:
    draw = random.Random(0)
    return [_paragraph(draw, draw.randint(10, 80)) for _ in range(count)]


def _paragraph(draw: random.Random, words: int) -> str:
    formula = "\\(\\frac{{{}}}{{{}}} + {}x^2\\)"
    found = ["".join(draw.choices("etaoinshrdlucm", k=draw.randint(1, 9))) for _ in range(words)]
    for place in range(3, words, 9):
        found[place] = formula.format(*(draw.randint(1, 99) for _ in range(3)))
    return " ".join(found) + "."


if __name__ == "__main__":
    main()
