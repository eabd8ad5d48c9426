"""How often an agent's next step calls the expert's tool on the expert's file, without running anything.

Every figure is over the steps whose expert calls something (of `file`, over those whose expert names a file). A format
fault is 0 in each, as in similarity. Intervals are bootstraps over trajectories; where repositories are known and there
are two or more, also over repositories, which is the wider statement: how the model would do on others.

A trajectory's steps are `first` (the first), and of the rest `early`, `middle` and `late` (thirds of the trajectory).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from treadle.domains.registry import get
from treadle.evaluate.records import StepSample
from treadle.scoring.step_actions import called, same
from treadle.statistics.clustered import SHARES, Figure, grouped_mean
from treadle.trajectory import StepInstance

PLACES = ("first", "early", "middle", "late")
MOST_REPOSITORIES = 50
"""Repositories that have figures of their own, the largest; the others are one group."""
OTHERS = "other repositories"


class Beside(NamedTuple):
    """A model's step beside the expert's: 0 or 1 for the same tool, command, file and action.

    `command` is `None` where the expert's call has none of its own, `file` where it names none.
    """

    sample: StepSample
    tool: float
    command: float | None
    file: float | None
    action: float


def beside(sample: StepSample) -> Beside | None:
    """The two steps compared; `None` where the expert's is no agent's step."""
    bare = _bare(sample)
    expert = called(sample.expert_action, bare)
    if expert is None:
        return None
    model = called(sample.action, bare) if sample.action is not None else None
    tool = model is not None and model.tool == expert.tool
    return Beside(
        sample,
        float(tool),
        float(tool and model.command == expert.command) if expert.command else None,
        float(model is not None and model.path == expert.path) if expert.path else None,
        float(sample.exact or same(model, expert)),
    )


def _bare(sample: StepSample) -> bool:
    """Whether a text without fences and tags is a command: runs may be looked at where their domain is unknown."""
    domain = get(sample.meta.get("domain", StepInstance.domain))
    return domain is not None and domain.of_calls


def call_view(samples: Iterable[StepSample]) -> dict[str, Any] | None:
    """The figures of agents' steps; `None` where there are none.

    Returns:
        What JSON can hold: `steps`, `trajectories`, `repositories` (counts); `similarity`, `tool`, `command`, `file`
        and `action`, each a `Figure` over trajectories or `None` where no step has one; `over_repositories`, the same
        with repositories as groups, or `None`; `by_position` and `by_repository`, from the name of a group to its
        figures; `tools`, the expert's most frequent ones with their count and the share of the model's that are the
        same.
    """
    found = [step for sample in samples if (step := beside(sample))]
    if not found:
        return None
    repos = Counter(repo for step in found if (repo := _repo(step)))
    largest = [repo for repo, _ in repos.most_common(MOST_REPOSITORIES)]
    named = [step for step in found if _repo(step)]
    return {
        "steps": len(found),
        "trajectories": len({step.sample.trajectory_id for step in found}),
        "repositories": len(repos),
        **figures(found, _trajectory),
        "over_repositories": figures(named, _repo) if len(repos) > 1 else None,
        "by_position": _grouped(found, _place, PLACES),
        "by_repository": _grouped(named, lambda s: r if (r := _repo(s)) in largest else OTHERS, (*largest, OTHERS)),
        "tools": _tools(found),
    }


def figures(steps: Sequence[Beside], group: Callable[[Beside], str]) -> dict[str, Figure | None]:
    """The five figures of some steps, with intervals over groups."""
    groups = [group(step) for step in steps]
    similarity = grouped_mean([step.sample.similarity for step in steps], groups, within=SHARES)
    shares: dict[str, Figure | None] = {}
    for name in ("tool", "command", "file", "action"):
        scored = [(value, group(step)) for step in steps if (value := getattr(step, name)) is not None]
        shares[name] = grouped_mean(*map(list, zip(*scored, strict=True)), share=True) if scored else None
    return {"similarity": similarity, **shares}


def _grouped(
    steps: Sequence[Beside], naming: Callable[[Beside], str], order: Iterable[str]
) -> dict[str, Mapping[str, Figure | None]]:
    groups: dict[str, list[Beside]] = {}
    for step in steps:
        groups.setdefault(naming(step), []).append(step)
    return {name: figures(groups[name], _trajectory) for name in order if name in groups}


def _tools(steps: Sequence[Beside]) -> dict[str, Figure]:
    tools = [called(step.sample.expert_action, _bare(step.sample)).tool for step in steps]
    scored: dict[str, list[Beside]] = {}
    for tool, step in zip(tools, steps, strict=True):
        scored.setdefault(tool, []).append(step)
    return {
        tool: grouped_mean([s.tool for s in scored[tool]], [_trajectory(s) for s in scored[tool]], share=True)
        for tool, _ in Counter(tools).most_common(20)
    }


def _trajectory(step: Beside) -> str:
    return step.sample.trajectory_id


def _repo(step: Beside) -> str:
    return step.sample.meta.get("repo") or ""


def _place(step: Beside) -> str:
    sample = step.sample
    if sample.step == 1:
        return "first"
    return PLACES[1 + min(2, 3 * (sample.step - 1) // max(1, sample.n_steps))]


def call_notes(view: Mapping[str, Any]) -> list[str]:
    """The figures for the terminal, a line each for all steps, positions and repositories."""
    head = f"agents' steps: {view['steps']} of {view['trajectories']} trajectories"
    notes = [f"{head}, {_shares(view)}"]
    if over := view["over_repositories"]:
        notes.append(f"agents' steps, intervals over {view['repositories']} repositories: {_shares(over)}")
    notes += [f"agents' steps, {place}: {_shares(found)}" for place, found in view["by_position"].items()]
    shown = list(view["by_repository"].items())
    notes += [f"agents' steps, {repo}: {_shares(found)}" for repo, found in shown[:10]] if len(shown) > 1 else []
    if len(shown) > 10:
        notes.append(f"agents' steps: {len(shown) - 10} further repositories are in results.json")
    return notes


def _shares(found: Mapping[str, Any]) -> str:
    named = {"similarity": "similarity", "tool": "exact tool", "file": "exact file", "action": "exact action"}
    return ", ".join(f"{title} {_percent(found[name])}" for name, title in named.items() if found[name])


def _percent(figure: Mapping[str, Any]) -> str:
    interval = f" [{figure['low']:.1%}, {figure['high']:.1%}]" if figure["low"] is not None else ""
    return f"{figure['value']:.1%}{interval}"
