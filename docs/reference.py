"""The pages of Python names on the site: what `import treadle` offers, by what one wants to do with it.

A test holds the names equal to `treadle.__all__`. The pages are made of the docstrings by mkdocstrings.
"""

from __future__ import annotations

from collections.abc import Mapping

REFERENCE = {
    "Trajectories": ("Trajectory", "Step", "StepInstance"),
    "Data": ("read_trajectories", "ReadReport", "DropReason", "step_instances", "load_rows"),
    "Completions": ("parse_completion", "Completion", "FormatFault", "ThoughtTags"),
    "Rewards": (
        *("srl_reward", "step_similarity", "margin_reward", "scaled_reward", "weighted_reward"),
        *("exact_reward", "edit_reward", "calls_reward", "tiered_reward", "domain_reward"),
        *("solution_reward", "final_answer_reward"),
    ),
    "Training": ("SRLTrainer", "SRLConfig", "tree_logps", "TreadleError"),
}
"""Title of a page, and its names."""

OF_TRL = ("SRLTrainer", "SRLConfig")
"""Classes whose members are TRL's seams and settings: their docstring says what is of use."""


def address(title: str) -> str:
    """Of a page, from the site's root."""
    return f"reference/{title.lower()}.md"


def page(title: str, homes: Mapping[str, str]) -> str:
    """A page's Markdown.

    Args:
        homes: The module of each name, within `treadle`.
    """
    parts = [f"# {title}\n\nNames that `from treadle import ...` gives.\n"]
    for name in REFERENCE[title]:
        members = "      members: false\n" if name in OF_TRL else ""
        parts.append(f"::: treadle.{homes[name]}.{name}\n    options:\n      heading: {name}\n{members}")
    return "\n".join(parts)
