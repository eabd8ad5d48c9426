"""What decides the result of a stage, so that a folder is not continued under other settings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from treadle.domains.digest import digest as digest_of
from treadle.domains.registry import use
from treadle.files.same import differences, other_keys
from treadle.recipe.parts import FAULT_LIMITS
from treadle.recipe.schema import Recipe
from treadle.scoring.grading import grader_version

# Settings that do not change the result, or only by rounding: limits of faults and what memory is spent on; of those of
# `trl`, also where a vLLM server is found and how many checkpoints are kept.
_CHANGES_NOTHING = (*FAULT_LIMITS, "allow_no_change", "micro_batch", "gradient_checkpointing")
_CHANGES_NOTHING_IN_TRL = ("vllm_server_", "vllm_group_port", "save_total_limit", "max_tree_tokens", "max_kv_tokens")


def identity(recipe: Recipe, number: int, digest: str, chat: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """What decides the result of stage `number` (from 0): the data, its settings and all that comes before it.

    Args:
        digest: Of the data.
        chat: How the model is spoken to, as `Chat.describe` has it.
    """
    everything = recipe.model_dump(mode="json")
    shared = {k: everything[k] for k in ("model", "tokenizer", "data", "seed", "dtype", "lora", "prompts")}
    if recipe.trust_remote_code:  # another program, so another run; left out elsewhere, as before there was such a key
        shared["trust_remote_code"] = True
    if recipe.domain is not None:
        shared |= {"domain": recipe.domain, "content of domain": digest_of(use(recipe.domain))}
    stages = everything["stages"][: number + 1]
    for stage in stages:
        if "grader" in stage:
            stage["grader"] = grader_version(stage["grader"])  # other rules are another reward
        if stage.get("kind") == "rlvr" and stage.get("reward") == "answer":
            del stage["reward"]  # as before there was such a key
        for name in _CHANGES_NOTHING:
            stage.pop(name, None)
        for name in ("sampling_floor", "prefix"):
            if stage.get(name, "") is None:  # as before there was such a key
                stage.pop(name)
        stage["trl"] = {
            key: value for key, value in stage["trl"].items() if not key.startswith(_CHANGES_NOTHING_IN_TRL)
        }
    return {**shared, "content": digest, **({"chat": dict(chat)} if chat else {}), "stages": stages}


def what_differs(mark: Any, mine: Mapping[str, Any]) -> str:
    """What of a stage's identity differs from what its folder was made with, a line for each setting with both values.

    Args:
        mark: The content of `stage.json`.
        mine: The stage's identity now.
    """
    if not isinstance(mark, dict):
        return "  stage.json does not say with which settings"
    old, now = _flat(mark), _flat(mine)
    only_one = ", ".join(sorted(old.keys() ^ now.keys()))
    return differences(other_keys(old, now), old, now) or f"  another version of treadle has no {only_one}"


def _flat(identity: Mapping[str, Any]) -> dict[str, Any]:
    """An identity with keys as a recipe's are written on the command line."""
    stages = identity.get("stages") or ()
    named = {str(stage.get("name")): stage for stage in stages if isinstance(stage, dict)}
    shared = {"content of data" if k == "content" else k: v for k, v in identity.items() if k != "stages"}
    return dict(_leaves({**shared, "stages": named}))


def _leaves(values: Mapping[str, Any], place: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        if isinstance(value, dict) and value:
            yield from _leaves(value, f"{place}{key}.")
        else:
            yield f"{place}{key}", value
