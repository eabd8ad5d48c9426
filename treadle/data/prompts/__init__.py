"""A domain's prompt templates (`treadle.domains`), rendered.

`step.j2` asks for one step, `solve.j2` for a solution, and `system.j2` shows what the environment tells an agent, where
the source has that. `solve_guided.j2` asks for a solution with a hint (`treadle.training.prefixes`).

Worked examples are turns before the task: the user's with the same template, the assistant's with what the expert did.

Rendering is strict: a template that names an unknown variable fails. The problem and the steps before come
first and in order, so that the prompts of one trajectory share their beginning token for token.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path

from jinja2 import (
    BaseLoader,
    Environment,
    FileSystemLoader,
    PackageLoader,
    StrictUndefined,
    TemplateNotFound,
    TemplateSyntaxError,
    UndefinedError,
)
from jinja2.sandbox import ImmutableSandboxedEnvironment

from treadle.data.prompts.asking import PLAIN, Asking, StepForm, step_form
from treadle.domains.registry import find
from treadle.errors import DomainError
from treadle.plugins import described
from treadle.trajectory import Message, Step


@cache
def templates(package: str, folder: str) -> Environment:
    """Templates in a folder of a package. What they name and are not given is a defect."""
    return _strict(PackageLoader(package, folder))


@cache
def _of_domain(folder: Path) -> Environment:
    return _strict(FileSystemLoader(folder))


def _strict(loader: BaseLoader) -> Environment:
    """Sandboxed, since a domain's templates are rendered where its code is not executed."""
    return ImmutableSandboxedEnvironment(
        loader=loader, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, autoescape=False
    )


def _render(domain: str, name: str, asking: Asking, **variables: object) -> str:
    folder = find(domain).folder
    file = folder / f"{name}.j2"
    try:
        template = _of_domain(folder).get_template(file.name)
    except TemplateNotFound:
        raise DomainError(_missing(domain, file)) from None
    except TemplateSyntaxError as error:
        raise DomainError(f"{file}, line {error.lineno}: {error.message}; mend the template") from None
    except UnicodeDecodeError as error:
        raise DomainError(f"{file}: not UTF-8 ({error.reason}); save the template in UTF-8") from None
    opening, closing = asking.tags
    try:
        return template.render(think=asking.think, open=opening, close=closing, **variables).strip()
    except UndefinedError as error:
        known = ", ".join(("think", "open", "close", *variables))
        raise DomainError(f"{file}: {error}; what it is given is {known}") from None
    except TemplateNotFound as error:
        raise DomainError(f"{file}: it names the template {error.name!r}, which is not in its folder; add it") from None
    except Exception as error:  # of what a template computes
        raise DomainError(f"{file}: {described(error)}; mend the template") from None


def _missing(domain: str, file: Path) -> str:
    if file.name == "solve.j2":
        return (
            f"domain {domain!r} has no prompt for whole solutions ({file}): its trajectories are acted out step by "
            "step; set `unit` to steps, or add the template"
        )
    if file.name == "solve_guided.j2":
        return (
            f"domain {domain!r} has no prompt with a hint ({file}); take a `prefix.policy` that begins the completion, "
            "such as adaptive, or add the template"
        )
    return f"domain {domain!r} has no template {file}; add it"


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
        domain: Whose templates.
        problem: The task.
        previous: The steps before, oldest first.
        title: Title of the upcoming step, to show it to the model (paper footnote 1); `None` shows nothing.
        omitted: Number of older steps that a context window left out of `previous`.
        system: The environment's rules and tools, for a system message before the user's.
        asking: What is asked for besides the step.
        form: Of the expert's steps; by default `asking`'s.

    Raises:
        DomainError: There is no such domain, or it has no such prompt.
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
        DomainError: There is no such domain, or it has no such prompt.
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
        DomainError: There is no such domain, or it has no such prompt.
    """
    text = _render(domain, "solve_guided", asking, problem=problem.replace(_HINT, ""), hint=_HINT)
    return text.split(_HINT)
