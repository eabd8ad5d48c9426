"""Scale of `treadle teach solve`: requests a second, memory, and what a kill costs.

    python benchmarks/teach.py [--parts wire run kills] [--requests 100000] [--concurrency 64] [--kills 3]

The teacher is `teach_server.py`, which answers at once, in a process of its own: what is measured is treadle. A quarter
of its answers is wrong, and the script fails unless exactly the right ones are kept.

    wire   the back end alone: requests as they are made, answers thrown away
    run    `treadle teach solve` as a user runs it; requests a second from the first to the last, then with checks of
           the whole set and all files; memory is the sum of the proportional set sizes of its processes
    kills  the same, killed (SIGKILL) and started again. Lost: answers that the store held at a kill and does not hold
           at the end. Twice: requests that it held and that came again. Under way: those that came twice because their
           answer was not stored yet
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
from teach_server import digest_of, is_right, words_of

from treadle.evaluate.backends import ServerBackend
from treadle.evaluate.records import Request, Sampling

HERE = Path(__file__).parent


class Server:
    """The process of the teacher."""

    def __init__(self, port: str) -> None:
        self.url = f"http://127.0.0.1:{port}/v1"

    def tells(self, what: str) -> Any:
        with urllib.request.urlopen(f"{self.url}/{what}", timeout=60) as answer:
            return json.load(answer)


@contextmanager
def serving() -> Iterator[Server]:
    command = [sys.executable, str(HERE / "teach_server.py"), "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield Server(process.stdout.readline().strip())
        finally:
            process.kill()


class Asked(Sequence[Request]):
    """Requests that are made when they are sent."""

    def __init__(self, count: int) -> None:
        self.count = count

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, number: int) -> Request:
        if number >= self.count:
            raise IndexError
        return Request([{"role": "user", "content": problem(number)}], number)


def problem(number: int) -> str:
    draw = random.Random(number)
    return f"{words_of(f'problem {number}', 40)}. What is {draw.randrange(10**6)} + {draw.randrange(10**6)}?"


def answer(text: str) -> int:
    return sum(int(word) for word in text.rstrip("?").split("What is ")[1].split(" + "))


def wire(arguments: argparse.Namespace) -> None:
    this = psutil.Process()
    with serving() as server:
        backend = ServerBackend("teacher", server.url, concurrency=arguments.concurrency)
        before, peak, began, cpu = pss([this]), 0.0, time.monotonic(), time.process_time()
        sampling = Sampling(1024, temperature=1.0)
        for count, _ in enumerate(backend.generate(Asked(arguments.requests), sampling), 1):
            if count % max(1, arguments.requests // 20) == 0:
                peak = max(peak, pss([this]))
        seconds, cpu = time.monotonic() - began, time.process_time() - cpu
        told = server.tells("counts")
        assert told["different"] == told["asked"] == arguments.requests == count
    print(
        f"wire: {count:,} requests, {count / seconds:,.0f} a second; {1000 * cpu / count:.2f} ms of processor time here"
    )
    print(
        f"      and {1000 * told['cpu'] / count:.2f} ms in the server each; {before:.0f} MiB before, {peak:.0f} at most"
    )


def run(arguments: argparse.Namespace) -> None:
    with serving() as server, tempfile.TemporaryDirectory() as scratch:
        source, out = Path(scratch) / "problems.jsonl", Path(scratch) / "out"
        write_problems(source, arguments.requests)
        began, peak, before = time.monotonic(), 0.0, cpu_of_children()
        with started(source, out, server, arguments) as process:
            while process.poll() is None:
                peak = max(peak, pss(family(process.pid)))
                time.sleep(0.5)
        seconds, told = time.monotonic() - began, server.tells("counts")
        assert told["asked"] == told["different"] == arguments.requests, told
        check_report(out, arguments.requests)
        rate, cpu = told["asked"] / told["seconds"], cpu_of_children() - before
        print(
            f"run: {told['asked']:,} requests, {rate:,.0f} a second; {seconds:.0f} s in all; {peak:.0f} MiB at most; "
            f"{1000 * cpu / told['asked']:.2f} ms of processor time each"
        )


def kills(arguments: argparse.Namespace) -> None:
    with serving() as server, tempfile.TemporaryDirectory() as scratch:
        source, out = Path(scratch) / "problems.jsonl", Path(scratch) / "out"
        write_problems(source, arguments.requests)
        draw, held = random.Random(0), {}
        places = sorted(draw.sample(range(arguments.requests // 20, arguments.requests), arguments.kills))
        for place in places:
            with started(source, out, server, arguments) as process:
                while process.poll() is None and server.tells("counts")["different"] < place:
                    time.sleep(0.05)
                assert process.poll() is None, "it ended before it could be killed"
                process.send_signal(signal.SIGKILL)
                process.wait()
            # How often the server had been asked, by then, for what the store holds.
            asked = server.tells("asked")
            held = {digest: asked[digest] for digest in stored(out)} | held
        with started(source, out, server, arguments) as process:
            process.wait()
        check_report(out, arguments.requests)
        told, asked = server.tells("counts"), server.tells("asked")
        twice = [digest for digest, times in held.items() if asked[digest] > times]
        lost, again = held.keys() - stored(out), told["asked"] - told["different"]
        print(
            f"kills: at {', '.join(f'{place:,}' for place in places)} of {arguments.requests:,} requests: {len(lost)} "
            f"lost, {len(twice)} twice, {again} under way"
        )
        assert not lost
        assert not twice
        assert again <= len(places) * (arguments.concurrency + 1)


def write_problems(path: Path, count: int) -> None:
    with path.open("w") as file:
        for number in range(count):
            text = problem(number)
            file.write(json.dumps({"id": f"p{number}", "problem": text, "answer": str(answer(text))}) + "\n")


@contextmanager
def started(source: Path, out: Path, server: Server, arguments: argparse.Namespace) -> Iterator[subprocess.Popen]:
    command = [sys.executable, "-m", "treadle.cli", "teach", "solve", str(source), "-o", str(out), "--model", "teacher"]
    command += ["--base-url", server.url, "--concurrency", str(arguments.concurrency), "-n", "1", *arguments.option]
    with tempfile.TemporaryFile() as output:
        with subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT) as process:
            try:
                yield process
            finally:
                process.kill()
        if process.returncode not in (0, -signal.SIGKILL):
            output.seek(0)
            sys.exit(output.read().decode()[-3000:])


def stored(out: Path) -> set[str]:
    """Digests of the requests whose answers the store holds, without a last line that is torn."""
    path = out / "store" / "answers.jsonl"
    lines = path.read_bytes().splitlines(keepends=True) if path.exists() else []
    records = [json.loads(line) for line in lines if line.endswith(b"\n")]
    return {digest_of(record["prompt"], record["seed"]) for record in records}


def check_report(out: Path, count: int) -> None:
    """Every sample is accounted for, and exactly the right ones are kept."""
    samples = json.loads((out / "report.json").read_text())["samples"]
    right = sum(map(is_right, stored(out)))
    assert (samples["all"], samples["kept"], len(stored(out))) == (count, right, count), samples


def cpu_of_children() -> float:
    """Seconds of processor time of the processes that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def family(pid: int) -> list[psutil.Process]:
    try:
        process = psutil.Process(pid)
        return [process, *process.children(recursive=True)]
    except psutil.Error:
        return []


def pss(processes: Sequence[psutil.Process]) -> float:
    """MiB of these processes, what they share counted once."""
    total = 0
    for process in processes:
        try:
            total += process.memory_full_info().pss
        except psutil.Error:  # it has just ended
            continue
    return total / 2**20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parts = {"wire": wire, "run": run, "kills": kills}
    parser.add_argument("--parts", nargs="+", choices=parts, default=list(parts))
    parser.add_argument("--requests", type=int, default=100_000)
    parser.add_argument("--concurrency", type=int, default=64)
    parser.add_argument("--kills", type=int, default=3)
    parser.add_argument("--option", action="append", default=[], help="a further option of treadle teach solve")
    arguments = parser.parse_args()
    print(f"{psutil.cpu_count()} processors, load {psutil.getloadavg()[0]:.1f}", flush=True)
    for part in arguments.parts:
        parts[part](arguments)


if __name__ == "__main__":
    main()
