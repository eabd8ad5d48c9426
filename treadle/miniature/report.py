"""The quick start's `report.html`: table, verdicts, learning curves, and ten steps beside the expert's.

One self-contained file; the pictures are also written beside it as PNG.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
from markupsafe import Markup
from matplotlib.figure import Figure

from treadle.files.whole import appearing_file
from treadle.miniature.ablations import Ablations, grouped
from treadle.miniature.arms import MAIN
from treadle.miniature.prefixes import GIVEN
from treadle.miniature.results import TITLES, Scores, floor_words, table
from treadle.report.blocks import marked
from treadle.report.pages import write_page
from treadle.report.palette import BLACK, BLUE, FLOOR, GREY, VERMILION
from treadle.report.pictures import picture
from treadle.scoring.completion import FormatFault, parse_completion
from treadle.scoring.rewards import step_similarity
from treadle.training.metric_lines import read_metrics

COLOURS = {"whole": BLUE, "loop": VERMILION}
CURVES = {
    "rlvr": {"color": GREY, "linestyle": ":"},
    "srl": {"color": VERMILION, "linestyle": "-"},
    "srl_rlvr": {"color": BLUE, "linestyle": "-"},
    "srl_continued": {"color": BLACK, "linestyle": "--"},
}


def write_report(out: Path, scores: Scores, summary: Mapping[str, Any], ablations: Ablations | None = None) -> None:
    """Write `report.html`, and `accuracy.png` and `curves.png` for light and dark pages, into `out`.

    Args:
        ablations: What `--full` found besides.
    """
    first = summary["similarity_floor"][0]
    pictures = {
        "accuracy": picture(accuracy_figure({arm.name: scores[arm.name] for arm in MAIN if arm.name in scores})),
        "curves": picture(curves_figure(out / "seed-0", first["value"] if first else None)),
    }
    for name, drawn in pictures.items():
        for file_name, png in ((f"{name}.png", drawn.light), (f"{name}-dark.png", drawn.dark)):
            with appearing_file(out / file_name) as file:
                file.write(png)
    write_page(
        out / "report.html",
        "miniature/quickstart.html.j2",
        rows=table(scores),
        floor=floor_words(summary["similarity_floor"]),
        first_floor=floor_words([first]),
        summary=summary,
        pictures=pictures,
        steps=_steps(scores),
        groups=grouped(scores) if ablations else {},
        ablations=ablations,
        other_rows=table(ablations.others) if ablations else [],
        other_floor=floor_words(ablations.floors) if ablations else "",
        given=GIVEN,
    )


def accuracy_figure(scores: Scores) -> Figure:
    """Accuracy of each arm, both ways of solving, with 95% intervals."""
    rows = table(scores)[::-1]
    figure, axes = plt.subplots(figsize=(7.5, 0.55 * len(rows) + 1))
    for offset, mode, label in ((0.19, "whole", "whole solutions"), (-0.19, "loop", "think-act loop")):
        values = [row[mode].value for row in rows]
        below = [row[mode].value - row[mode].low for row in rows]
        above = [row[mode].high - row[mode].value for row in rows]
        places = [i + offset for i in range(len(rows))]
        axes.barh(places, values, height=0.36, color=COLOURS[mode], label=label)
        axes.errorbar(values, places, xerr=[below, above], fmt="none", ecolor=BLACK, elinewidth=1, capsize=2.5)
    axes.set_yticks(range(len(rows)), [row["arm"] for row in rows])
    axes.set_xlim(0, 1.0)
    axes.xaxis.set_major_formatter(lambda share, _: f"{share:.0%}")
    axes.set_xlabel("held-out problems solved, greedy, with 95% intervals")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, loc="upper center", bbox_to_anchor=(0.5, 1.12), ncols=2)
    return figure


def curves_figure(folder: Path, floor: float | None) -> Figure:
    """What the trainer saw, step by step: similarity and thought length of SRL, share of right answers of RLVR.

    Args:
        folder: Of a seed.
        floor: What similarity a policy earns that has learned nothing.
    """
    figure, panels = plt.subplots(1, 3, figsize=(11, 3.2))
    for axes, key, title in zip(
        panels,
        ("similarity", "thought_tokens", "rewards/final_answer_reward/mean"),
        ("similarity to the expert's step", "tokens thought before a step", "whole rollouts with the right answer"),
        strict=True,
    ):
        for arm, style in CURVES.items():
            logs = [log for log in training_logs(folder / arm) if key in log]
            steps_only = key != "rewards/final_answer_reward/mean" and "rlvr" in arm
            if not logs or steps_only:
                continue
            axes.plot([log["seconds"] for log in logs], [log[key] for log in logs], label=TITLES[arm], **style)
        if key == "similarity" and floor is not None:
            axes.axhline(floor, color=FLOOR, linewidth=1.2, linestyle=(0, (5, 2)), zorder=0)
            at, above = (0.98, floor), {"xytext": (0, 3), "textcoords": "offset points", "ha": "right", "va": "bottom"}
            text = f"floor {floor:.2f}"
            axes.annotate(text, at, xycoords=axes.get_yaxis_transform(), color=FLOOR, fontsize=8, **above)
        axes.set_title(title, fontsize=10)
        axes.set_xlabel("seconds of the stage")
        axes.spines[["top", "right"]].set_visible(False)
        if axes.lines:
            axes.legend(frameon=False, fontsize=8)
    figure.tight_layout()
    return figure


def training_logs(folder: Path) -> list[dict[str, Any]]:
    """The lines of an arm's `metrics.jsonl`."""
    return [log for path in sorted(folder.glob("*/metrics.jsonl")) for log in read_metrics(path)]


def _steps(scores: Scores) -> list[dict[str, Any]]:
    """Ten held-out steps: the expert's action, and what base and SRL wrote in its place."""
    found = []
    for base, srl in zip(scores["base"][0]["steps"]["examples"], scores["srl"][0]["steps"]["examples"], strict=True):
        expert = base["expert_action"]
        found.append(
            {
                "id": base["id"],
                "prompt": base["prompt"],
                "expert": expert,
                "written": [
                    {"arm": TITLES[arm], **_compared(e["text"], expert)} for arm, e in (("base", base), ("srl", srl))
                ],
            }
        )
    return found


def _compared(text: str, expert: str) -> dict[str, Any]:
    parsed = parse_completion(text, think_tags="optional")
    if isinstance(parsed, FormatFault):
        return {"thought": "", "action": text, "similarity": None, "fault": str(parsed)}
    return {
        "thought": parsed.thought,
        "action": Markup(marked(parsed.action, expert)),
        "similarity": step_similarity(parsed.action, expert),
        "fault": None,
    }
