"""The grading process: one JSON line in, one out. Started by `treadle.scoring.grading.workers`."""

from __future__ import annotations

import json
import logging
import os
import sys


def serve() -> None:
    """Judge pairs until the input ends. A pair that needs more memory than allowed ends the process."""
    from treadle.processes import limit_memory, limit_time
    from treadle.scoring.grading.workers import MEMORY_BYTES

    answers = os.fdopen(os.dup(1), "w")  # what a library prints must not be taken for an answer
    os.dup2(2, 1)
    limit_memory(MEMORY_BYTES)
    logging.disable(logging.CRITICAL)

    from math_verify import parse, verify

    from treadle.scoring.grading.expressions import compare
    from treadle.scoring.grading.rules import decide

    print("true", file=answers, flush=True)
    for line in sys.stdin:
        mode, answer, reference, seconds = json.loads(line)
        limit_time(seconds)
        if mode == "math-verify":
            parsed = [parse(rf"\boxed{{{text}}}", parsing_timeout=None) for text in (reference, answer)]
            finding = (bool(verify(*parsed, timeout_seconds=None)), mode)
        else:
            finding = tuple(decide(answer, reference, mode, compare))
        limit_time(0)
        print(json.dumps(finding), file=answers, flush=True)


if __name__ == "__main__":
    serve()
