"""Speed and memory of `treadle prepare` on agent trajectories of the paper's number and the real samples' size.

    python benchmarks/prepare.py [FOLDER] [--trajectories 5000] [--scales 1 2 4] [--tokenizer MODEL]

FOLDER holds SWE-smith trajectories as JSON lines (`swe_smith_*.jsonl`), by default `$TREADLE_DATA/trajectories`. Each
trajectory of the input is put together from turns of the real ones: a real system message and issue, and as many real
pairs of action and observation, drawn at random, as give the paper's 134,000 instances for 5,000 trajectories. The
command runs as a user runs it, in processes of its own; memory is the sum of the proportional set sizes of all of
them, looked at ten times a second. The second run over the same input shows what is reused.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

INSTANCES_PER_TRAJECTORY = 134_000 / 5_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "folder", nargs="?", type=Path, default=Path(os.environ.get("TREADLE_DATA", ".")) / "trajectories"
    )
    parser.add_argument("--trajectories", type=int, default=5_000, help="at scale 1")
    parser.add_argument("--scales", type=float, nargs="+", default=[1, 2, 4])
    parser.add_argument("--tokenizer", help="also shorten observations to 1,000 tokens with this model's tokenizer")
    parser.add_argument("--option", action="append", default=[], help="a further option of treadle prepare")
    arguments = parser.parse_args()
    samples = real_trajectories(arguments.folder)
    options = [*arguments.option]
    if arguments.tokenizer:
        options += ["--tokenizer", arguments.tokenizer, "--observation-tokens", "1000"]
    print(f"{psutil.cpu_count()} processors; options: {' '.join(options) or 'none'}")
    print(
        "| scale | rows | instances | input MB | output MB | seconds | rows/s | instances/s | peak MiB | again s |\n"
        "|---|---|---|---|---|---|---|---|---|---|"
    )
    peaks = []
    with tempfile.TemporaryDirectory() as scratch:
        for scale in arguments.scales:
            source, out = Path(scratch) / f"{scale:g}.jsonl", Path(scratch) / f"out-{scale:g}"
            write_input(source, samples, round(scale * arguments.trajectories))
            seconds, peak = measured([*command(source, out), *options])
            again, _ = measured([*command(source, out), *options])
            report = json.loads((out / "report.json").read_text())
            rows, instances = report["rows"]["read"], sum(report["instances"].values())
            read, written = source.stat().st_size / 1e6, sum(f.stat().st_size for f in out.iterdir()) / 1e6
            print(
                f"| {scale:g} | {rows:,} | {instances:,} | {read:,.0f} | {written:,.0f} | {seconds:.1f} "
                f"| {rows / seconds:,.0f} | {instances / seconds:,.0f} | {peak:,.0f} | {again:.1f} |",
                flush=True,
            )
            peaks.append(peak)
            source.unlink()
    print(f"peak memory at scale {arguments.scales[-1]:g} against {arguments.scales[0]:g}: {peaks[-1] / peaks[0]:.2f}x")


def command(source: Path, out: Path) -> list[str]:
    return [sys.executable, "-m", "treadle.cli", "prepare", str(source), "-o", str(out)]


def real_trajectories(folder: Path) -> list[list[dict[str, str]]]:
    """The messages of each real trajectory."""
    files = sorted(folder.glob("swe_smith_*.jsonl"))
    if not files:
        sys.exit(f"{folder}: no swe_smith_*.jsonl; name the folder of the samples, or set TREADLE_DATA")
    return [json.loads(line)["messages"] for file in files for line in file.open(encoding="utf-8")]


def write_input(path: Path, samples: list[list[dict[str, str]]], count: int) -> None:
    draw = random.Random(0)
    turns = [messages[i : i + 2] for messages in samples for i in range(2, len(messages) - 2, 2)]
    with path.open("w") as lines:
        for number in range(count):
            head = draw.choice(samples)[:2]
            n_steps = max(3, round(draw.gauss(INSTANCES_PER_TRAJECTORY + 1, 8)))
            body = [message for pair in draw.choices(turns, k=n_steps) for message in pair]
            issue = {"role": "user", "content": f"Ticket {number}: {draw.random()}\n{head[1]['content']}"}
            row = {
                "messages": [head[0], issue, *body],
                "instance_id": f"owner{draw.randrange(128)}__name.0a1b2c3d.lm_rewrite__{number}",
                "resolved": True,
                "traj_id": str(number),
            }
            lines.write(json.dumps(row) + "\n")


def measured(command: list[str]) -> tuple[float, float]:
    """Seconds and peak MiB of a command and the processes that it starts."""
    began, peak = time.monotonic(), 0.0
    with tempfile.TemporaryFile() as output:
        process = psutil.Popen(command, stdout=output, stderr=subprocess.STDOUT)
        while process.poll() is None:
            peak = max(peak, tree_pss(process))
            time.sleep(0.1)
        if process.returncode:
            output.seek(0)
            sys.exit(output.read().decode())
    return time.monotonic() - began, peak


def tree_pss(process: psutil.Process) -> float:
    total = 0
    for member in [process, *children(process)]:
        try:
            total += member.memory_full_info().pss
        except psutil.Error:  # it has just ended
            continue
    return total / 2**20


def children(process: psutil.Process) -> list[psutil.Process]:
    try:
        return process.children(recursive=True)
    except psutil.Error:
        return []


if __name__ == "__main__":
    main()
