"""How a model is run on tasks: the settings, and what of them changes what is handed in."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from typing import Any, Literal, get_args

from treadle.errors import TreadleError
from treadle.evaluate.records import Sampling
from treadle.evaluate.seeds import seed_at
from treadle.evaluate.swe.records import SweInstance

Mode = Literal["oracle", "end-to-end", "agent", "mini"]
AGENTS = ("agent", "mini")
"""Modes whose model runs commands."""
Choice = Literal["first", "majority", "tests"]


@dataclass(frozen=True)
class SweSettings:
    """Defaults are those of the paper where it states one (two pairs of context), else ours.

    Args:
        mode: What the model does, see `docs/swe.md`.
        samples: Repairs of each task in `oracle` and `end-to-end`: the first is greedy, the others are sampled.
        choice: Which repair is handed in: the first that can be applied, the one that most samples agree on, or of
            those that break the fewest of the repository's own tests the one that most agree on.
        temperature, top_p: Of the samples, and of an agent's steps where `sample_steps` is set.
        sample_steps: Whether an agent's steps are sampled; by default they are greedy.
        max_new_tokens: Of an answer in `oracle` and `end-to-end`.
        max_step_tokens: Of one step of an agent, thought included.
        max_steps: Steps after which an episode ends; what was changed until then is handed in.
        max_tokens: Tokens that an agent may generate in an episode.
        max_seconds: That an agent's tools may take in an episode.
        command_seconds: That one command may take.
        max_faults: Answers in a row without a call that can be carried out, after which an episode ends.
        max_repeats: Times in a row that an agent may do the same and see the same.
        observation_chars: Of an observation; more is cut off and said to be.
        context: Pairs of action and observation that an agent sees; `full` for all.
        review: Whether the first `submit` shows the changes and asks for a second.
        max_prompt_tokens: Longer prompts are not asked; `None` leaves that to the back end.
        files: That localisation may name.
        long_file: Characters from which a file is shown in parts, after its classes and functions were asked for.
        tree_chars: Of the list of files that localisation sees.
        whitespace: Whether an edit may differ from the file in white space; such edits are counted.
        seed: Of the samples.
        mini: In mode `mini` the config of mini-swe-agent, see `treadle.evaluate.swe.mini.settings.read_config`; its
            limits of steps and of a command's time are those that hold.
    """

    mode: Mode = "oracle"
    samples: int = 1
    choice: Choice = "majority"
    temperature: float = 0.8
    top_p: float = 0.95
    sample_steps: bool = False
    max_new_tokens: int = 4096
    max_step_tokens: int = 2048
    max_steps: int = 40
    max_tokens: int = 60_000
    max_seconds: float = 1800
    command_seconds: float = 60
    max_faults: int = 3
    max_repeats: int = 3
    observation_chars: int = 16_000
    context: Literal["full"] | int = 2
    review: bool = True
    max_prompt_tokens: int | None = None
    files: int = 3
    long_file: int = 12_000
    tree_chars: int = 40_000
    whitespace: bool = False
    seed: int = 0
    mini: Mapping[str, Mapping[str, Any]] | None = None

    def __post_init__(self) -> None:
        for name, known in (("mode", get_args(Mode)), ("choice", get_args(Choice))):
            if getattr(self, name) not in known:
                raise TreadleError(f"{name} {getattr(self, name)!r}: expected one of {', '.join(known)}")
        if (self.mode == "mini") != (self.mini is not None):
            raise TreadleError("a config of mini-swe-agent belongs to --mode mini, and to no other")
        if self.samples < 1 or self.files < 1 or self.max_steps < 1:
            raise TreadleError("samples, files and max_steps: expected 1 or more of each")
        if self.samples > 1 and not self.temperature:
            raise TreadleError("--temperature 0 with --samples: all samples would be equal; expected above 0")

    def answers(self, sampled: bool) -> Sampling:
        """How an answer is decoded."""
        return self._sampling(self.max_new_tokens, sampled)

    def step(self) -> Sampling:
        """How a step of an agent is decoded."""
        return self._sampling(self.max_step_tokens, self.sample_steps)

    def _sampling(self, limit: int, sampled: bool) -> Sampling:
        return Sampling(limit, self.temperature, self.top_p) if sampled else Sampling(limit)


_NOT_OF = {  # settings that change nothing in a mode
    "agent": ("samples", "choice", "max_new_tokens", "files", "long_file", "tree_chars", "whitespace"),
    "oracle": ("files", "long_file", "tree_chars"),
    "end-to-end": (),
}
_NOT_OF["mini"] = (
    *_NOT_OF["agent"],
    *("max_steps", "command_seconds", "max_faults", "max_repeats", "observation_chars", "context", "review"),
)
_OF_AGENTS = (
    *("sample_steps", "max_step_tokens", "max_steps", "max_tokens", "max_seconds", "command_seconds", "max_faults"),
    *("max_repeats", "observation_chars", "context", "review"),
)


def identity(
    model: str, content: str | None, backend: Mapping[str, Any], settings: SweSettings, instances: Sequence[SweInstance]
) -> dict[str, Any]:
    """All that changes what is handed in, as flat keys: a run is continued by one that has the same.

    Args:
        content: Digest of the model's files, where they are on this machine.
        backend: `Backend.describe()`, of which `kind`, `dtype` and `chat` count.
    """
    left_out = {"mini", *_NOT_OF[settings.mode], *(_OF_AGENTS if settings.mode not in AGENTS else ())}
    chosen = {name: value for name, value in asdict(settings).items() if name not in left_out}
    return {
        "model": model,
        "model content": content,
        "back end": backend.get("kind"),
        "dtype": backend.get("dtype"),
        **{f"chat.{name}": value for name, value in backend.get("chat", {}).items()},
        **{f"settings.{name}": value for name, value in chosen.items()},
        **({"mini-swe-agent": _version_and_digest(settings.mini)} if settings.mini is not None else {}),
        "instances": digest_of_instances(instances),
    }


def digest_of_instances(instances: Sequence[SweInstance]) -> str:
    """Number and content of tasks, as a run's identity has them."""
    digest = hashlib.sha256()
    for i in instances:
        digest.update(json.dumps([i.instance_id, i.repo, i.base_commit, i.problem_statement, i.patch, i.bug]).encode())
    return f"{len(instances)}, sha256 {digest.hexdigest()[:16]}"


def _version_and_digest(config: Mapping[str, Any]) -> str:
    content = json.dumps(config, sort_keys=True).encode()
    return f"{version('mini-swe-agent')}, config sha256 {hashlib.sha256(content).hexdigest()[:16]}"


def seed_of(seed: int, instance: str, place: str) -> int:
    """Seed of one request, below 2**31: the same for the same place in a run, whatever else the run holds."""
    return seed_at(seed, instance, place)
