"""How a run is made: the settings, what of them changes results, and the seed of each request.

Two runs with the same identity give the same samples, so that one can continue the other. How fast they are made
(batch size, concurrency, a server's address) is no part of it, and neither is the grader, which can be run again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from treadle.data.instances import Context
from treadle.data.prompts import solve_prompt, step_prompt
from treadle.domains.digest import code_digest
from treadle.domains.domain import Domain
from treadle.domains.registry import find
from treadle.errors import DomainError, TreadleError
from treadle.evaluate.benchmarks import Benchmark
from treadle.evaluate.known_sets import KNOWN, PART
from treadle.evaluate.records import Decoding, Key, Mode, Sampling
from treadle.evaluate.seeds import seed_at
from treadle.recipe.model_names import resolve
from treadle.scoring.extraction import Extraction
from treadle.scoring.thoughts import PLAIN, ThoughtTags

PAPER_SAMPLES = 32
BEFORE = {"settings.extract": "boxed"}
"""What runs have of settings that came after them."""
CHAT = "chat."
"""What keys of an identity begin with that say how the model is spoken to."""
_BLOCK, _BLOCKS = 1 << 16, 64


@dataclass(frozen=True)
class EvaluateSettings:
    """Defaults are the paper's protocol where it states one.

    Args:
        modes: `whole`, `loop`; none for single steps alone.
        steps: Whether to score the expert's next steps of a prepared folder.
        greedy: Whether to decode greedily.
        samples: Samples of each problem; by default 32 for the known benchmarks that the paper samples, else none.
        samples_of: The same for single benchmarks, by name.
        temperature, top_p, top_k: Of the samples.
        max_new_tokens: Of a whole solution.
        max_step_tokens: Of one step in the loop, thought included.
        max_steps: Steps after which a loop without an answer is given up.
        context: What the loop shows of earlier steps: `full`, or the last ones alone, as data were prepared with.
        observation_chars: Longer observations are shown with their middle left out, where it is said how much.
        seed: Of the samples.
        extract: What counts as the final answer, see `treadle.scoring.extraction`. It changes no generation.
        thought_tags: Where thoughts begin and end, as the back end has resolved them for its model.
    """

    modes: tuple[Mode, ...] = ("whole", "loop")
    steps: bool = False
    greedy: bool = True
    samples: int | None = None
    samples_of: Mapping[str, int] = field(default_factory=dict)
    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int = 0
    max_new_tokens: int = 4096
    max_step_tokens: int = 2048
    max_steps: int = 30
    context: Context = "full"
    observation_chars: int = 2000
    seed: int = 0
    extract: Extraction = "boxed"
    thought_tags: ThoughtTags = PLAIN

    @property
    def lenient(self) -> Extraction:
        """The rule of the figure that stands beside the strict one: the run's own where that needs no box."""
        return self.extract if self.extract in ("phrase", "auto") else "auto"

    @classmethod
    def read(cls, record: Mapping[str, Any]) -> EvaluateSettings:
        """The settings that a run.json holds."""
        return cls(**{**record, "modes": tuple(record["modes"]), "thought_tags": read_tags(record)})

    def attempts(self, benchmark: str, decoding: Decoding) -> int:
        """Attempts at each problem of a benchmark."""
        if decoding == "greedy":
            return int(self.greedy)
        whole = benchmark.split(PART)[0]
        if whole in self.samples_of:
            return self.samples_of[whole]
        known = KNOWN.get(whole)
        if known and known.sampled is False:
            return 0
        return self.samples if self.samples is not None else PAPER_SAMPLES if known and known.sampled else 0

    def sampling(self, mode: Mode, decoding: Decoding) -> Sampling:
        """How one generation is decoded."""
        limit = self.max_new_tokens if mode == "whole" else self.max_step_tokens
        return Sampling(limit) if decoding == "greedy" else Sampling(limit, self.temperature, self.top_p, self.top_k)

    def check(self, benchmarks: Sequence[Benchmark]) -> None:
        """Raise `TreadleError` for settings that ask for nothing or name a benchmark that is not there, and for whole
        solutions in a domain that has no prompt for them."""
        if "whole" in self.modes:
            refuse_unasked(benchmarks, "--mode loop")
        names = [b.name.split(PART)[0] for b in benchmarks]
        if unknown := sorted(set(self.samples_of) - set(names)):
            raise TreadleError(f"--samples {unknown[0]}=...: no such benchmark in this run; it has {', '.join(names)}")
        if self.modes and any(self.attempts(name, "sampled") for name in names) and not self.temperature:
            raise TreadleError("--temperature 0 with --samples: all samples would be equal; expected above 0")
        empty = [name for name in names if not any(self.attempts(name, d) for d in ("greedy", "sampled"))]
        if self.modes and empty:
            raise TreadleError(f"nothing to do for {', '.join(empty)}: neither greedy nor samples; set --samples")


def refuse_unasked(benchmarks: Sequence[Benchmark], remedy: str) -> None:
    """Raise `DomainError` where problems are of a domain without a prompt for whole solutions.

    Args:
        remedy: How they are solved step by step, for the message.
    """
    for benchmark in benchmarks:
        for domain in map(find, sorted({problem.domain for problem in benchmark.problems})):
            if not (file := domain.folder / "solve.j2").is_file():
                raise DomainError(
                    f"{benchmark.name}: domain {domain.name!r} has no prompt for whole solutions ({file}); solve its "
                    f"problems step by step with {remedy}, or add the template"
                )


def read_tags(record: Mapping[str, Any]) -> ThoughtTags:
    """The thought tags of the settings in a run.json; older ones have the paper's."""
    return ThoughtTags(**record["thought_tags"]) if "thought_tags" in record else PLAIN


def seed_of(seed: int, key: Key, step: int) -> int:
    """Seed of one request, below 2**31: the same for the same place in a run, whatever else the run holds."""
    return seed_at(seed, key.benchmark, key.problem, key.mode, key.index, step)


def identity(
    model: str, backend: Mapping[str, Any], settings: EvaluateSettings, benchmarks: Sequence[Benchmark], steps: str = ""
) -> dict[str, Any]:
    """All that changes results, as flat keys.

    Args:
        model: As given; of a local folder its content counts too.
        backend: `Backend.describe()`, of which `kind`, `dtype`, `chat` and `trust_remote_code` count.
        steps: Digest of the step instances, where they are scored.
    """
    chosen = asdict(settings)
    samples = {b.name: settings.attempts(b.name, "sampled") for b in benchmarks}
    for name in ("samples", "samples_of", "thought_tags"):  # tags follow from the chat and the model
        del chosen[name]
    played = _played(benchmarks) if "loop" in settings.modes else []
    if not played:
        del chosen["observation_chars"]
    if settings.context == "full":  # as all runs had it before there was a choice
        del chosen["context"]
    return {
        "model": model,
        "model content": model_digest(model),
        "back end": backend.get("kind"),
        "dtype": backend.get("dtype"),
        **({"trust_remote_code": True} if backend.get("trust_remote_code") else {}),
        **{f"{CHAT}{name}": value for name, value in backend.get("chat", {}).items()},
        **{f"settings.{name}": _plain(value) for name, value in chosen.items()},
        **{f"samples of {name}": count for name, count in samples.items()},
        **{f"benchmark {b.name}": f"{len(b.problems)} problems, sha256 {b.sha256}" for b in benchmarks},
        **{f"environment of {domain.name}": code_digest(domain) for domain in played},
        "ids, kinds and prompts": _prompts_digest(benchmarks, settings.modes),
        "step instances": steps,
    }


def _played(benchmarks: Sequence[Benchmark]) -> list[Domain]:
    """The domains with an environment that problems are of."""
    found = map(find, sorted({problem.domain for b in benchmarks for problem in b.problems}))
    return [domain for domain in found if domain.environment is not None]


def fingerprint(identity: Mapping[str, Any]) -> str:
    """A short hash of an identity."""
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:16]


def model_digest(model: str) -> str | None:
    """A hash of a local model's files; `None` for a model that is not a local folder.

    Of each file its name, size and 64 blocks spread over it are read, so that a model of many gigabytes takes no time
    and one that was trained further is noticed.
    """
    folder = Path(resolve(model))
    if not folder.is_dir():
        return None
    total = hashlib.sha256()
    for path in sorted(p for p in folder.iterdir() if p.suffix in (".json", ".safetensors", ".bin", ".jinja", ".txt")):
        size = path.stat().st_size
        total.update(f"{path.name} {size}\n".encode())
        with path.open("rb") as file:
            for start in range(0, size, max(_BLOCK, -(-size // _BLOCKS))):
                file.seek(start)
                total.update(file.read(_BLOCK))
    return total.hexdigest()[:16]


def _prompts_digest(benchmarks: Sequence[Benchmark], modes: Sequence[Mode]) -> str:
    """Notices changed templates, ids and kinds, and a known benchmark whose text differs in white space."""
    total = hashlib.sha256()
    for problem in (p for b in benchmarks for p in b.problems):
        total.update(json.dumps([problem.benchmark, problem.id, problem.kind]).encode())
        if problem.setup is not None:
            total.update(json.dumps(problem.setup, sort_keys=True).encode())
        for mode in modes:
            domain, text = problem.domain, problem.problem
            prompt = solve_prompt(domain, text) if mode == "whole" else step_prompt(domain, text, [])
            total.update(json.dumps(prompt).encode())
    return total.hexdigest()[:16]


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
