"""A domain of one's own as a folder, for tests to change one thing of."""

from __future__ import annotations

import json
from pathlib import Path

STEP = "Task: {{ problem }}\n{% for step in previous %}\n- {{ step.action }}\n{% endfor %}\nGive the next move.\n"
SOLVE = "Task: {{ problem }}\nGive all moves.\n"
YAML = "name: field\nabout: Moves on a line.\n"


def write_domain(folder: Path, content: str = YAML, **templates: str) -> Path:
    """Write `domain.yaml` and templates, `step` and `solve` by default.

    Args:
        templates: Texts by name, without the ending.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "domain.yaml").write_text(content, encoding="utf-8")
    for name, text in {"step": STEP, "solve": SOLVE, **templates}.items():
        (folder / f"{name}.j2").write_text(text, encoding="utf-8")
    return folder


def write_rows(path: Path, rows: list[dict[str, object]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def walks(count: int) -> list[dict[str, object]]:
    """Rows as people write them for a domain of their own: steps with actions, and no domain."""
    return [
        {
            "id": f"walk-{i}",
            "problem": f"Walk to {i}.",
            "steps": [{"action": f"go {k} of {i}"} for k in range(3)],
            "answer": str(i),
            "setup": {"seed": i},
        }
        for i in range(count)
    ]
