"""The `treadle` commands in fenced blocks of the documents, and what those that no test runs would need."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCUMENTS = [*(ROOT / name for name in ("README.md", "CONTRIBUTING.md")), *sorted((ROOT / "docs").glob("*.md"))]

BLOCK = re.compile(r"^ *```(\w*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
LAUNCHED = "-m treadle.cli "
COMMAND = re.compile(rf"^(?:until )?treadle (?=\w)|^accelerate launch .*?{LAUNCHED}")
END = re.compile(r"[;|&]+$|^>.*")

NEEDS = {
    "a model of the hub": r"Qwen/|recipes/(math|swe)_",
    "a server": r"--base-url|--backend openai",
    "packages of the index": r"^swe (tasks|validate)|princeton-nlp/",
    "a trained model, or a run of one": r"\bMODEL\b|\bruns/|\btaught|\bBASE\b",
    "minutes": r"^quickstart|^teach bootstrap|--sample",
    "a cluster": r"^prepare /data/runs|^merge",
}
"""Why a command is not run: what it needs, and how its text shows that."""

RUN = (
    "new-domain my_field --environment",
    "prepare my_field/experts.jsonl --domain my_field --targets all -o data/my_field",
    "check my_field/recipe.yaml model=miniature",
    "train my_field/recipe.yaml model=miniature",
    "inspect trajectories.jsonl --html look.html",
    "prepare traces.jsonl -o data/own --columns problem=question,solution=response,answer=gold",
    "grade outputs.jsonl --column response --answer gold",
    "grade outputs.jsonl --column response --answer gold -o graded.jsonl",
    "plan recipe.yaml --gpu-memory 80",
    "plan recipe.yaml stages.srl.micro_batch=2 --gpus 8 --sharding fsdp --gpu-memory 80",
    "check recipe.yaml --show",
    "check recipe.yaml --json check.json",
    "train --schema",
    "train recipe.yaml --dry-run",
    "train recipe.yaml stages.srl.learning_rate=1e-6",
)
"""What `tests/cli/test_documented.py` runs, in this order."""


@dataclass(frozen=True)
class Command:
    """One command of a document, without the word `treadle` and what follows in the shell.

    Attributes:
        arguments: As a shell gives them, variables being 1.
    """

    document: str
    arguments: tuple[str, ...]
    launched: bool = False

    def __str__(self) -> str:
        return " ".join(self.arguments)

    @property
    def need(self) -> str | None:
        """What it takes to run it, if that is not in the repository."""
        text = str(self)
        return "several GPUs" if self.launched else next((n for n, p in NEEDS.items() if re.search(p, text)), None)


def commands_of(text: str, document: str = "") -> list[Command]:
    """The commands in a document's blocks, lines that end in a backslash joined."""
    blocks = [block for language, block in BLOCK.findall(text) if language in ("", "bash")]
    lines = [line.strip() for block in blocks for line in re.sub(r"\\\n\s*", "", block).splitlines()]
    found = []
    for line in lines:
        match = COMMAND.match(line)
        if match:
            words = shlex.split(re.sub(r"\$\w+", "1", line[match.end() :]), comments=True)
            end = next((i for i, word in enumerate(words) if END.search(word)), None)
            if end is not None:
                words = [*words[:end], END.sub("", words[end])]
            found.append(Command(document, tuple(filter(None, words)), LAUNCHED in match[0]))
    return found


def all_commands() -> list[Command]:
    return [c for path in DOCUMENTS for c in commands_of(path.read_text(encoding="utf-8"), path.name)]
