"""What `treadle quickstart --full` adds: the ablations in groups, what the prefix policies did, and another base.

The groups are those of the paper's tables: what is rewarded, which groups are kept, what a prompt shows and asks for,
how much of the expert's solution is given, and what follows on what.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from treadle.miniature import another_base, results, spent
from treadle.miniature.arms import PREFIXES, Arm
from treadle.miniature.claims import as_lines, claims
from treadle.miniature.prefixes import as_markdown as prefix_table
from treadle.miniature.prefixes import prefix_row
from treadle.miniature.products import read_choice, read_scores
from treadle.miniature.results import MODES, TITLES, Scores, accuracy
from treadle.miniature.work import Scale, choice_name

GROUPS = {
    "What is rewarded": ("rlvr", "one_step", "srl"),
    "Which groups are kept": ("srl_all_groups", "srl"),
    "What a prompt shows and asks for": ("srl_titles", "srl_skip_last", "srl"),
    "How much of the expert's solution is given": ("rlvr", *PREFIXES, "srl"),
    "What follows on what": (
        "sft_actions",
        "sft_rlvr",
        "rlvr",
        "prefix_rlvr",
        "srl",
        "srl_continued",
        "srl_rlvr",
        "srl_rlvr_longer",
        "srl_mixed",
    ),
}
"""Of the figure. An arm that others are compared with stands in each of its groups."""


@dataclass(frozen=True)
class Ablations:
    """What was found besides the scores of all arms.

    Args:
        prefixes: What each prefix policy did, see `prefix_row`.
        choices: Of each arm that goes on from the best of several and each seed, which one that was.
        others: Scores of the main arms on another base.
        floors: Of the similarity there, one a seed.
        tokens: Of each arm the tokens that its stages went through, the mean over seeds.
    """

    prefixes: Sequence[Mapping[str, Any]]
    choices: Sequence[Mapping[str, Any]]
    others: Scores
    floors: Sequence[Mapping[str, Any] | None]
    tokens: Mapping[str, float]

    def summary(self) -> dict[str, Any]:
        """For `results.json`."""
        return {
            "prefixes": list(self.prefixes),
            "choices": list(self.choices),
            "tokens": dict(self.tokens),
            "another_base": {
                "arms": results.arm_rows(self.others),
                "similarity_floor": list(self.floors),
                "claims": claims(self.others),
            },
        }

    def as_markdown(self) -> str:
        """Tables and sentences for the terminal and the documents."""
        other = results.as_markdown(results.table(self.others), self.floors)
        return "\n\n".join(
            [
                f"Prefixes in training:\n\n{prefix_table(self.prefixes)}",
                "\n".join(map(_chosen, self.choices)),
                f"Tokens that the stages of an arm went through:\n\n{spent.as_markdown(self.millions())}",
                f"Another base:\n\n{other}",
                as_lines(claims(self.others)),
            ]
        )

    def millions(self) -> list[tuple[str, float]]:
        """Titles of arms with their tokens in millions, the fewest first."""
        return [(TITLES[name], count / 1e6) for name, count in sorted(self.tokens.items(), key=lambda item: item[1])]

    def chosen(self) -> list[str]:
        """Which arm was gone on from, one sentence a seed."""
        return [_chosen(choice) for choice in self.choices]


def read(out: Path, arms: Sequence[Arm], scale: Scale, seeds: int) -> Ablations:
    """What the finished jobs have left in `out`.

    Raises:
        OutputError: A file is not as it was written.
    """
    folders = [out / f"seed-{seed}" for seed in range(seeds)]
    prefixes = [
        prefix_row(arm.title, [folder / arm.name / "1-rlvr" / "metrics.jsonl" for folder in folders])
        for arm in arms
        if "prefix" in (arm.stage or {})
    ]
    choices = [
        {"arm": arm.name, "seed": seed, **read_choice(folder / choice_name(arm), arm.after)}
        for arm in arms
        if len(arm.after) > 1
        for seed, folder in enumerate(folders)
    ]
    place = out / another_base.FOLDER
    others = read_scores(place, another_base.arms_on_it(arms), seeds, scale.held_out)
    chosen = [{c["arm"]: c["chosen"] for c in choices if c["seed"] == seed} for seed in range(seeds)]
    counts = [spent.tokens_of(arms, *of_seed) for of_seed in zip(folders, chosen, strict=True)]
    tokens = {arm.name: sum(count[arm.name] for count in counts) / seeds for arm in arms}
    return Ablations(prefixes, choices, others, results.floors(place, seeds), tokens)


def _chosen(choice: Mapping[str, Any]) -> str:
    solved = ", ".join(f"{TITLES[name]} {count}" for name, count in choice["solved"].items())
    arm, chosen = TITLES[choice["arm"]], TITLES[choice["chosen"]]
    return f"Seed {choice['seed']}: {arm} goes on from {chosen}. Of {choice['problems']} validation problems: {solved}."


def grouped(scores: Scores) -> dict[str, list[dict[str, Any]]]:
    """The rows of the figure: of each group the arms that were run, with their accuracies in both ways of solving."""
    groups = {title: [name for name in names if name in scores] for title, names in GROUPS.items()}
    return {
        title: [{"arm": TITLES[name], **{mode: accuracy(scores, name, mode) for mode in MODES}} for name in names]
        for title, names in groups.items()
        if names
    }
