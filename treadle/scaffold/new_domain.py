"""Writes a domain's folder that runs: templates, a verdict, problems, experts, a test, and an environment if wanted."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from treadle.domains.registry import find, names
from treadle.errors import DomainError, OutputError
from treadle.evaluate.known_sets import content_hash
from treadle.files.names import wrong_in_name
from treadle.files.output import appearing, check_place
from treadle.files.yaml_reading import parse_yaml
from treadle.repository import in_repository
from treadle.scaffold import change

PROBLEMS, EXPERTS = 5, 8


def write_domain(name: str, out: Path, environment: bool = False) -> list[str]:
    """Write the folder of a new domain; it appears when it is whole.

    Args:
        name: Of the domain.
        out: The folder, new or empty.
        environment: Whether the domain has an environment.

    Returns:
        The names of its files.

    Raises:
        DomainError: The name cannot be one, or is taken.
        OutputError: The folder is not empty, or cannot be written.
    """
    check_name(name)
    check_place(out)
    if out.is_dir() and any(out.iterdir()):
        raise OutputError(f"{out}: a folder with something in it, which stays as it is; choose another with -o FOLDER")
    files = files_of(name, str(out), environment)
    with appearing(out, overwrite=False) as scratch:
        for file, text in files.items():
            (scratch / file).write_text(text, encoding="utf-8")
    return list(files)


def check_name(name: str) -> None:
    """Raise `DomainError` where a domain cannot have this name, or another one has it."""
    if (wrong := wrong_in_name(name)) is not None:
        raise DomainError(wrong)
    taken = next((known for known in names() if known.casefold() == name.casefold()), None)
    if taken is not None:
        raise DomainError(f"there is a domain {taken!r} already ({find(taken).folder}); choose another name")


def files_of(name: str, folder: str, environment: bool = False) -> dict[str, str]:
    """The files of a new domain: their texts by their names.

    Args:
        folder: Where they are to lie, as commands name it.
    """
    rows = change.problems(PROBLEMS + EXPERTS)
    problems = [{"id": f"sum-{k}"} | row for k, row in enumerate(rows[:PROBLEMS], 1)]
    experts = [_expert(f"expert-{k}", name, row, environment) for k, row in enumerate(rows[PROBLEMS:], 1)]
    test = f"test_{re.sub(r'[^a-z0-9_]', '_', name.lower())}.py"  # a name that Python can import
    about = {
        "name": name,
        "folder": shlex.quote(folder),
        "yaml": {"name": _yaml(name), "folder": _yaml(folder)},
        "environment": environment,
        "test": test,
        "count": PROBLEMS,
        "sha256": content_hash(
            [(row["problem"], row["answer"]) for row in problems], [row.get("setup") for row in problems]
        )[:16],
    }
    rendered = ["domain.yaml", "step.j2", "solve.j2", "verdict.py", *["world.py"] * environment]
    return {
        **{file: _rendered(file, about) for file in rendered},
        "problems.jsonl": _lines(problems),
        "experts.jsonl": _lines(experts),
        test: _rendered("test.py", about),
        "recipe.yaml": _rendered("recipe.yaml", about),
        "README.md": _rendered("README.md", about),
    }


def _expert(id: str, domain: str, row: dict[str, Any], environment: bool) -> dict[str, Any]:
    """A trajectory in treadle's own form."""
    setup = row["setup"]
    steps = change.steps(setup, environment)
    return {
        "id": id,
        "domain": domain,
        "problem": row["problem"],
        "steps": steps,
        "answer": row["answer"],
        "setup": setup,
    }


def _yaml(text: str) -> str:
    """A text that YAML reads as one."""
    plain = re.fullmatch(r"[A-Za-z][\w./-]*", text) and parse_yaml(text, "") == text
    return text if plain else json.dumps(text, ensure_ascii=False)


def _lines(rows: Iterable[dict[str, Any]]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def _rendered(file: str, about: dict[str, Any]) -> str:
    return _templates().get_template(f"{file}.jinja").render(about)


@cache
def _templates() -> Environment:
    found = Environment(
        loader=PackageLoader("treadle.scaffold", "field"),
        undefined=StrictUndefined,
        autoescape=False,
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
        block_start_string="[%",
        block_end_string="%]",
        variable_start_string="[[",
        variable_end_string="]]",
        comment_start_string="[#",
        comment_end_string="#]",
    )
    found.globals["in_repository"] = in_repository
    return found
