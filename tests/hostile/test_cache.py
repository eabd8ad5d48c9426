"""What a run leaves behind: no row outside the folders that it was told to write."""

from __future__ import annotations

import json
import tempfile
import time
from pathlib import Path

import datasets
import pytest
import yaml

from treadle.files.row_copies import PREFIX

PLANTED = "quokkaparsnip"


@pytest.fixture
def home(scratch):
    """Empty folders for the caches and for temporary files, and variables that name them."""
    places = {
        "HF_HOME": "hf",
        "HF_DATASETS_CACHE": "hf/datasets",
        "TMPDIR": "tmp",
        "XDG_CACHE_HOME": "c",
        "HOME": "h",
    }
    for place in places.values():
        (scratch / "around" / place).mkdir(parents=True, exist_ok=True)
    return scratch / "around", {name: str(scratch / "around" / place) for name, place in places.items()}


@pytest.fixture
def recipe(scratch, tiny_folder):
    common = {"max_steps": 1, "micro_batch": 2, "gradient_checkpointing": False, "allow_no_change": True}
    sft = {**common, "kind": "sft", "batch_size": 2, "unit": "both", "validate_every": 1}
    rl = {"prompts_per_step": 2, "rollouts": 2, "max_completion_length": 4, "when_short": "fill"}
    srl = {**common, **rl, "kind": "srl", "think_tags": "optional", "max_sampling_rounds": 1}
    content = {"model": str(tiny_folder), "data": "prepared", "output": "run", "dtype": "float32", "stages": [sft, srl]}
    (scratch / "recipe.yaml").write_text(yaml.safe_dump(content))
    rows = [
        {
            "id": f"p{n}",
            "domain": "math",
            "problem": f"What is {n} + {n}? {PLANTED}",
            "steps": [{"action": f"{n} + {n} = {2 * n}. {PLANTED}"}, {"action": f"\\boxed{{{2 * n}}} {PLANTED}"}],
            "answer": str(2 * n),
        }
        for n in range(3, 9)
    ]
    (scratch / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def holding(folder: Path, since: float = 0.0) -> list[str]:
    files = (f for f in folder.rglob("*") if f.is_file() and f.stat().st_mtime >= since)
    return [str(f) for f in files if PLANTED.encode() in f.read_bytes()]


def test_no_row_is_left(treadle, scratch, home, recipe):
    around, environment = home
    began = time.time()
    commands = [
        ("prepare", "rows.jsonl", "-o", "prepared", "--held-out", "2", "--targets", "all"),
        ("check", "recipe.yaml", "--show"),
        ("train", "recipe.yaml", "--dry-run"),
        ("train", "recipe.yaml"),
        (
            *("evaluate", "run/2-srl/model", "--data", "prepared", "-o", "scores", "--mode", "all"),
            *("--max-new-tokens", "4", "--max-step-tokens", "4", "--max-steps", "1"),
        ),
    ]
    for command in commands:
        outcome = treadle(*command, environment=environment, seconds=300)
        assert outcome.code in (0, 1), outcome.err
        assert "Traceback" not in outcome.err
        assert holding(around) == [], command
        assert not list((around / "tmp").glob(f"{PREFIX}*")), command
    # The process that the commands were forked from had imported the libraries, and they had read its variables.
    assert holding(Path(datasets.config.HF_DATASETS_CACHE), began) == []
    assert not [found for place in Path(tempfile.gettempdir()).glob(f"{PREFIX}*") for found in holding(place)]
    assert holding(scratch), "the rows are where they belong"
