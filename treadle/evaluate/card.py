"""What an evaluation adds to the card of the model that it evaluated: `treadle evaluate ... --update-card`.

The figures stand in the card's front matter, as the hub reads them (model-index), and in a table between two marks,
which is made of those. The same evaluation replaces its figures; another set, mode or decoding adds some. What else the
card holds stays as it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import yaml
from huggingface_hub import EvalResult, ModelCard

from treadle.errors import OutputError
from treadle.evaluate.known_sets import NAMED
from treadle.evaluate.runs import read_run
from treadle.evaluate.settings import model_digest
from treadle.evaluate.summary_table import figures_of
from treadle.files.locks import alone
from treadle.files.secrets import hidden
from treadle.files.whole import write_whole
from treadle.recipe.card.marks import BEGIN, CARD, END, has_section, with_section
from treadle.recipe.model_names import resolve

_OURS = "treadle"
"""Key of a metric's arguments by which it is known as treadle's."""
_RESULT = ("interval_95", "missing", "grader", "floor", _OURS)
"""Arguments that are found and not chosen."""
_SAMPLED = ("temperature", "top_p", "top_k", "seed")
_LENGTHS = {"whole": ("max_new_tokens",), "loop": ("max_step_tokens", "max_steps"), "steps": ("max_step_tokens",)}
_MODES = {"whole": "whole solutions", "loop": "step by step"}


@dataclass(frozen=True)
class _Figure:
    """One figure of a run."""

    benchmark: str
    metric: str
    name: str
    estimate: Mapping[str, Any]
    args: dict[str, Any]

    def entry(self) -> EvalResult:
        known = NAMED.get(self.benchmark)
        low, high = self.estimate.get("low"), self.estimate.get("high")
        interval = {} if low is None or high is None else {"interval_95": [round(low, 4), round(high, 4)]}
        return EvalResult(
            task_type="text-generation",
            dataset_type=(known and known.hub) or re.sub(r"[^\w.-]+", "-", self.benchmark),
            dataset_name=self.benchmark,
            metric_type=self.metric,
            metric_name=self.name,
            metric_value=round(self.estimate["value"], 4),
            metric_args=self.args | interval,
        )


def check_card(model: str) -> Path:
    """The card of a model that may be updated.

    Raises:
        OutputError: The model is no folder, or its card is not one that treadle may write to.
    """
    folder = Path(resolve(model))
    if not folder.is_dir():
        raise OutputError(f"--update-card: {model} is no folder of this computer, and treadle changes cards in folders")
    path = folder / CARD
    remedy = f"add these two lines where the results are to stand:\n{BEGIN}\n{END}"
    if not path.is_file():
        raise OutputError(f"--update-card: {path}: no such card; write one and {remedy}")
    if not has_section(_read(path)):
        raise OutputError(
            f"--update-card: {path}: was not written by treadle, or its place for results is gone, and nothing is put "
            f"into somebody else's text; {remedy}"
        )
    _parsed(path)
    return path


def update_card(run_folder: Path) -> Path:
    """Put the results of a run into the card of its model; returns the card.

    Raises:
        OutputError: See `check_card`; or the model is no longer the one that was evaluated; or the run is damaged.
    """
    run = read_run(run_folder)
    model = run.info.get("model", "")
    path = check_card(model)
    then = run.info.get("identity", {}).get("model content")
    if then is not None and then != model_digest(model):
        raise OutputError(
            f"--update-card: {path.parent}: is not the model that was evaluated in {run_folder}: its files have "
            "changed since; evaluate it anew"
        )
    found = [figure.entry() for figure in _figures(run.info, run.results)]
    if not found:
        raise OutputError(f"--update-card: {run_folder}: has no figure; {path} stays as it is")
    with alone(path):
        card = _parsed(path)
        new = {_key(entry) for entry in found}
        entries = [entry for entry in card.data.eval_results or [] if _key(entry) not in new] + found
        entries.sort(key=lambda entry: (entry.dataset_name, entry.metric_type, entry.metric_name or ""))
        card.data.eval_results = entries
        card.data.model_name = card.data.model_name or _title(card.text) or path.parent.name
        card.text = with_section(card.text, "\n".join(_table([entry for entry in entries if _is_ours(entry)])))
        write_whole(path, hidden(str(card)))
    return path


def _figures(info: Mapping[str, Any], results: Mapping[str, Any]) -> Iterator[_Figure]:
    settings, sets = results["settings"], {each["name"]: each for each in info["benchmarks"]}
    made = {"grader": results["grader"], _OURS: info.get("versions", {}).get("treadle", "")}
    for name, mode, decoding, figures in figures_of(results):
        if figures["accuracy"] is None:
            continue
        chosen = (*(_SAMPLED if decoding == "sampled" else ()), *_LENGTHS[mode], "extract")
        args = {
            "mode": mode,
            "decoding": decoding,
            "samples": figures["samples"],
            **{key: settings[key] for key in chosen if key in settings},
            "problems": results["benchmarks"][name]["problems"],
            "sha256": sets[name]["sha256"],
            **({"missing": figures["failed"]} if figures.get("failed") else {}),
            **made,
        }
        title = "accuracy" if decoding == "greedy" else f"Avg@{figures['samples']}"
        yield _Figure(name, "accuracy", f"{title}, {_MODES[mode]}, {decoding}", figures["accuracy"], args)
    if (steps := results.get("steps")) and steps.get("steps"):
        floor = steps.get("floor")
        args = {
            "mode": "steps",
            "decoding": "greedy",
            **{key: settings[key] for key in _LENGTHS["steps"] if key in settings},
            "steps": steps["steps"],
            "trajectories": steps["trajectories"],
            "instances": info.get("identity", {}).get("step instances", ""),
            **({"floor": round(floor["value"], 4)} if floor else {}),
            **({"missing": steps["failed"]} if steps.get("failed") else {}),
            **made,
        }
        name = "similarity of next steps, greedy"
        yield _Figure("the expert's next steps", "similarity", name, steps["similarity"], args)


def _key(entry: EvalResult) -> tuple[Any, ...]:
    """What two figures of one evaluation have in common, whatever came out."""
    chosen = {key: value for key, value in (entry.metric_args or {}).items() if key not in _RESULT}
    fixed = {**asdict(entry), "metric_value": None, "metric_args": None, "verify_token": None}
    return (_is_ours(entry), repr(sorted(chosen.items())), repr(sorted(fixed.items())))


def _is_ours(entry: EvalResult) -> bool:
    """Whether a figure is one that `_table` shows; one that was changed by hand to something else is somebody's own."""
    args = entry.metric_args if isinstance(entry.metric_args, dict) else {}
    numbers = [entry.metric_value, *args.get("interval_95", ()), args.get("floor", 0)]
    return _OURS in args and all(isinstance(number, int | float) for number in numbers)


def _table(entries: list[EvalResult]) -> list[str]:
    lines = [
        "By `treadle evaluate`, with 95% intervals: over problems, of next steps over trajectories.",
        "",
        "| set | figure | value | 95% interval | problems | decoding | digest of the set |",
        "|---|---|---|---|---|---|---|",
    ]
    for entry in entries:
        args = dict(entry.metric_args or {})
        low, high = args.get("interval_95", (None, None))
        cells = [
            entry.dataset_name,
            entry.metric_name,
            f"{entry.metric_value:.1%}" + (f" (floor {args['floor']:.1%})" if "floor" in args else ""),
            "-" if low is None else f"{low:.1%} to {high:.1%}",
            (str(args["problems"]) if "problems" in args else f"{args.get('steps')} steps")
            + (f", {args['missing']} missing" if "missing" in args else ""),
            ", ".join(f"{key} {args[key]}" for key in (*_SAMPLED, *_settings_shown(args)) if key in args),
            f"`{str(args.get('sha256') or args.get('instances')).rpartition(' ')[2][:16]}`",
        ]
        lines.append(f"| {' | '.join(_cell(cell) for cell in cells)} |")
    graders = sorted({str((entry.metric_args or {}).get("grader")) for entry in entries})
    return [*lines, "", f"Graded by {'; '.join(graders)}."]


def _settings_shown(args: Mapping[str, Any]) -> tuple[str, ...]:
    return (*_LENGTHS.get(str(args.get("mode")), ()), "extract")


def _cell(text: str | None) -> str:
    return (text or "").replace("|", "\\|").replace("\n", " ")


def _title(text: str) -> str | None:
    found = re.search(r"^# (.+)$", text, re.MULTILINE)
    return found.group(1).strip() if found else None


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise OutputError(f"{path}: is no UTF-8 text ({error.reason}); write it anew") from None


def _parsed(path: Path) -> ModelCard:
    try:
        return ModelCard(_read(path))
    except (ValueError, TypeError, AttributeError, KeyError, yaml.YAMLError, RecursionError) as error:
        said = " ".join(str(error).split())[:200]
        raise OutputError(f"{path}: its front matter is not what the hub reads ({said}); mend it") from None
