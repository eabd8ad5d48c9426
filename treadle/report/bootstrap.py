"""The page of `treadle teach bootstrap`: the curve of held-out accuracy, and each round's figures."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from treadle.report.curves import accuracy_curve
from treadle.report.pages import write_page
from treadle.report.pictures import picture
from treadle.statistics.estimates import in_percent


def write_bootstrap_page(out: Path, results: Mapping[str, Any]) -> None:
    """Write `report.html` into `out`.

    Args:
        results: The content of results.json.

    Raises:
        OutputError: It cannot be written.
    """
    curve = accuracy_curve(
        {"student": [row["accuracy"] for row in results["rounds"]]},
        "round",
        f"{results['held_out']['name']}, greedy, 95% intervals",
    )
    write_page(
        out / "report.html",
        "report/bootstrap.html.j2",
        results=results,
        curve=picture(curve),
        share=in_percent,
    )
