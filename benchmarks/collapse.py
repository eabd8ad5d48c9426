"""What it costs to look for a collapse (`treadle.training.guards.collapse`), in seconds of one generation.

    python benchmarks/collapse.py [--rounds 5]

Made-up words: prompts of 3,000 characters with eight completions each, every one different, with experts' actions as
long as the completions. The similarity of 64 pairs of each is most of it. Medians of the rounds, in one process.
"""

from __future__ import annotations

import argparse
import random
import statistics
import time
from collections import defaultdict

from accelerate import Accelerator

from treadle.training.guards.collapse import Collapse, CollapseSettings
from treadle.training.processes import Processes

SIZE = 8
PROMPT = 3000
GENERATIONS = ((64, 1000), (512, 1000), (4096, 1000), (512, 8000))  # completions, characters of each


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    processes, draw = Processes(Accelerator(cpu=True)), random.Random(0)
    words = ["".join(draw.choices("abcdefghijklmnopqrstuvwxyz", k=draw.randint(1, 9))) for _ in range(500)]

    def text(length: int) -> str:
        return " ".join(draw.choices(words, k=length // 2))[:length]

    print("| completions | characters | seconds |\n|---|---|---|")
    for completions, length in GENERATIONS:
        asked = [
            {"prompt": text(PROMPT), "expert_action": text(length), "truncated": False}
            for _ in range(completions // SIZE)
        ]
        rows = [row for row in asked for _ in range(SIZE)]
        texts = [f"<think>so</think>{text(length)}" for _ in rows]
        seconds = []
        for _ in range(rounds):
            guard = Collapse(CollapseSettings(None), processes, defaultdict(list))
            began = time.perf_counter()
            guard.rewarded(rows, texts, [0.0] * completions)
            guard.generated(0)
            seconds.append(time.perf_counter() - began)
        print(f"| {completions:,} | {length:,} | {statistics.median(seconds):.2f} |", flush=True)


if __name__ == "__main__":
    main()
