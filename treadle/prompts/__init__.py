"""Prompt templates as files: `<domain>/step.j2` asks for one step, `<domain>/solve.j2` for a solution.

Rendering is strict: a template that names an unknown variable fails. The problem and the steps before come
first and in order, so that the prompts of one trajectory share their beginning token for token.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined, TemplateNotFound

from treadle.errors import DataError
from treadle.trajectory import Message, Step


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("treadle", "prompts"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,
    )


def domains() -> list[str]:
    """The template families that exist."""
    return sorted({name.split("/")[0] for name in _environment().list_templates(extensions=["j2"])})


def _render(domain: str, name: str, **variables: object) -> list[Message]:
    try:
        template = _environment().get_template(f"{domain}/{name}.j2")
    except TemplateNotFound:
        raise DataError(
            f"no prompt template for domain {domain!r}: found families {', '.join(domains())}; "
            f"set Trajectory.domain to one of them or add treadle/prompts/{domain}/{name}.j2"
        ) from None
    return [{"role": "user", "content": template.render(**variables).strip()}]


def step_prompt(
    domain: str, problem: str, previous: Sequence[Step], title: str | None = None, omitted: int = 0
) -> list[Message]:
    """Chat messages that ask for the next step (paper section 3, wording ours).

    Args:
        domain: Template family.
        problem: The task.
        previous: The steps before, oldest first.
        title: Title of the upcoming step, to show it to the model (paper footnote 1); `None` shows nothing.
        omitted: Number of older steps that a context window left out of `previous`.

    Raises:
        DataError: No template family has this name.
    """
    return _render(domain, "step", problem=problem, previous=list(previous), title=title, omitted=omitted)


def solve_prompt(domain: str, problem: str) -> list[Message]:
    """Chat messages that ask for the whole solution in one generation (paper section 4.1, wording ours).

    Raises:
        DataError: No template family has this name.
    """
    return _render(domain, "solve", problem=problem)
