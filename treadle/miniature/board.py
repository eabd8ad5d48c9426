"""The quick start's live board: one line an arm, read from the `metrics.jsonl` that its stage writes."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.live import Live
from rich.table import Table

from treadle.errors import OutputError
from treadle.report.console import VisibleConsole
from treadle.training.metric_lines import log_of

QUIET_INTERVAL = 30.0  # seconds between status lines where there is no terminal to redraw


@dataclass
class Line:
    """One arm on the board."""

    title: str
    metrics: Path | None
    steps: int
    state: str = "waiting"
    started: float = 0.0
    result: str = ""


@dataclass
class Board:
    """Shows the arms; use as a context manager and call `tick` now and then."""

    lines: dict[str, Line] = field(default_factory=dict)

    def __enter__(self) -> Board:
        self._console = VisibleConsole()
        self._live = Live(console=self._console, auto_refresh=False) if self._console.is_terminal else None
        self._said = time.monotonic()
        if self._live:
            self._live.start()
        return self

    def __exit__(self, *exception: object) -> None:
        if self._live:
            self.tick()
            self._live.stop()

    def start(self, name: str) -> None:
        self.lines[name].state, self.lines[name].started = "running", time.monotonic()

    def finish(self, name: str, result: str) -> None:
        line = self.lines[name]
        line.state, line.result = "done", result
        if not self._live:
            self._console.print(f"{line.title}: {result}", soft_wrap=True, highlight=False)

    def tick(self) -> None:
        if self._live:
            self._live.update(self._table(), refresh=True)
        elif time.monotonic() - self._said > QUIET_INTERVAL:
            self._said = time.monotonic()
            running = [f"{line.title} {_progress(line)}" for line in self.lines.values() if line.state == "running"]
            self._console.print("  ... " + "; ".join(running), soft_wrap=True, highlight=False)

    def _table(self) -> Table:
        table = Table(box=None, pad_edge=False)
        for column in ("arm", "state", "now"):
            table.add_column(column)
        for line in self.lines.values():
            style = {"waiting": "dim", "running": "bold"}.get(line.state)
            table.add_row(line.title, line.state, line.result or _progress(line), style=style)
        return table


def _progress(line: Line) -> str:
    if line.state != "running":
        return ""
    seconds = f"{time.monotonic() - line.started:.0f} s"
    last = _last_log(line.metrics) if line.metrics else None
    if last is None:
        return seconds
    shown = {"reward": "reward", "thought_tokens": "thought", "sampling/kept_groups": "kept", "loss": "loss"}
    values = [f"{name} {last[key]:.2f}" for key, name in shown.items() if isinstance(last.get(key), float)]
    if isinstance(last.get("similarity"), float):
        floor = f" (floor {last['similarity_floor']:.2f})" if "similarity_floor" in last else ""
        values.insert(1, f"similarity {last['similarity']:.2f}{floor}")
    return f"step {last['step']}/{line.steps or '?'}, {', '.join(values)}, {seconds}"


def _last_log(path: Path) -> dict[str, Any] | None:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return None
    for line in reversed(lines[-3:]):
        with suppress(OutputError):  # being written just now
            log = log_of(line.encode(), str(path))
            if "loss" in log:
                return log
    return None
