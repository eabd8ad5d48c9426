"""Prompt templates as files: `<domain>/step.j2` asks for one step, `<domain>/solve.j2` for a solution, and
`<domain>/system.j2` shows what the environment tells an agent, where the source has that. `<domain>/solve_guided.j2`
asks for a solution with a hint (`treadle.training.prefixes`).

Worked examples are turns before the task: the user's with the same template, the assistant's with what the expert did.

Rendering is strict: a template that names an unknown variable fails. The problem and the steps before come
first and in order, so that the prompts of one trajectory share their beginning token for token.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined, TemplateNotFound

from treadle.data.prompts.asking import PLAIN, Asking, StepForm, step_form
from treadle.errors import DataError
from treadle.trajectory import Message, Step


@cache
def templates(package: str, folder: str) -> Environment:
    """Templates in a folder of a package. What they name and are not given is a defect."""
    return Environment(
        loader=PackageLoader(package, folder),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,
    )


def _environment() -> Environment:
    return templates("treadle.data", "prompts")


def domains() -> list[str]:
    """The template families that exist."""
    return sorted({name.split("/")[0] for name in _environment().list_templates(extensions=["j2"])})


def _render(domain: str, name: str, asking: Asking, **variables: object) -> str:
    try:
        template = _environment().get_template(f"{domain}/{name}.j2")
    except TemplateNotFound:
        raise DataError(_missing(domain, name)) from None
    opening, closing = asking.tags
    return template.render(think=asking.think, open=opening, close=closing, **variables).strip()


def _missing(domain: str, name: str) -> str:
    if domain not in domains():
        return (
            f"no prompt template for domain {domain!r}: found families {', '.join(domains())}; "
            f"set Trajectory.domain to one of them or add treadle/data/prompts/{domain}/{name}.j2"
        )
    if name == "solve":
        return (
            f"domain {domain!r} has no prompt for whole solutions (treadle/data/prompts/{domain}/solve.j2): its "
            "trajectories are acted out step by step; set `unit` to steps"
        )
    if name == "solve_guided":
        return (
            f"domain {domain!r} has no prompt with a hint (treadle/data/prompts/{domain}/solve_guided.j2); take a "
            "`prefix.policy` that begins the completion, such as adaptive"
        )
    return f"domain {domain!r} has no template treadle/data/prompts/{domain}/{name}.j2"


def step_prompt(
    domain: str,
    problem: str,
    previous: Sequence[Step],
    title: str | None = None,
    omitted: int = 0,
    system: str | None = None,
    asking: Asking = PLAIN,
    form: StepForm | None = None,
) -> list[Message]:
    """Chat messages that ask for the next step (paper section 3, wording ours).

    Args:
        domain: Template family.
        problem: The task.
        previous: The steps before, oldest first.
        title: Title of the upcoming step, to show it to the model (paper footnote 1); `None` shows nothing.
        omitted: Number of older steps that a context window left out of `previous`.
        system: The environment's rules and tools, for a system message before the user's.
        asking: What is asked for besides the step.
        form: Of the expert's steps; by default `asking`'s.

    Raises:
        DataError: No template family has this name.
    """
    messages = [_message("system", _render(domain, "system", asking, system=system))] if system else []
    for example in asking.examples:
        shown = {"problem": example.problem, "previous": list(example.previous), "title": None, "omitted": 0}
        if title is not None:
            shown["title"] = example.target.title
        text = _render(domain, "step", asking, form=example.form or step_form(example.steps), **shown)
        messages += [_message("user", text), _message("assistant", example.next_step(asking))]
    asked = {"problem": problem, "previous": list(previous), "title": title, "omitted": omitted}
    text = _render(domain, "step", asking, form=form or asking.form, **asked)
    return [*messages, _message("user", text)]


def _message(role: str, content: str) -> Message:
    return {"role": role, "content": content}


def solve_prompt(domain: str, problem: str, asking: Asking = PLAIN) -> list[Message]:
    """Chat messages that ask for the whole solution in one generation (paper section 4.1, wording ours).

    Args:
        asking: What is asked for besides the solution.

    Raises:
        DataError: No template family has this name, or the family has no such prompt.
    """
    messages = []
    for example in asking.examples:
        text = _render(domain, "solve", asking, problem=example.problem)
        messages += [_message("user", text), _message("assistant", example.solution())]
    return [*messages, _message("user", _render(domain, "solve", asking, problem=problem))]


_HINT = "\0"
"""In the place of a hint: a character that no text of a prompt has."""


def guided_frame(domain: str, problem: str, asking: Asking = PLAIN) -> list[str]:
    """What stands before and after a hint in the user's message that asks for a whole solution with one.

    Args:
        asking: What is asked for besides the solution.

    Raises:
        DataError: No template family has this name, or the family has no such prompt.
    """
    text = _render(domain, "solve_guided", asking, problem=problem.replace(_HINT, ""), hint=_HINT)
    return text.split(_HINT)
