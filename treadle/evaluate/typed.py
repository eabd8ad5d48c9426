"""The form of run.json and of results.json: everything that figures, pages and comparisons read of them.

Keys that came later than the first runs need not be there; others that nothing reads may be.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, NotRequired

from pydantic import AfterValidator, Discriminator, Field, Tag
from typing_extensions import TypedDict

from treadle.evaluate.records import Decoding, Mode
from treadle.files.typed import STRICT, Count, Number
from treadle.scoring.extraction import Extraction
from treadle.scoring.thoughts import ThoughtTags

MOST_SAMPLES = 1_000_000
"""Attempts at a problem; a table with a cell for each is made before they are read."""
Samples = Annotated[int, Field(ge=0, le=MOST_SAMPLES)]
Names = dict[str, str]
Counts = dict[str, Count]
K = Annotated[str, Field(pattern=r"^[1-9][0-9]{0,6}$")]


class SetInfo(TypedDict):
    """A benchmark in run.json."""

    name: str
    count: Count
    sha256: str
    left_out: NotRequired[Counts]
    unread_references: NotRequired[Names]


def _tags(value: dict[str, Any]) -> dict[str, Any]:
    try:
        ThoughtTags(**value)
    except TypeError as error:
        raise ValueError(f"not its keys: {error}") from None
    return value


class Settings(TypedDict, total=False):
    """The fields of `treadle.evaluate.settings.EvaluateSettings`."""

    modes: list[Mode]
    steps: bool
    greedy: bool
    samples: Samples | None
    samples_of: dict[str, Samples]
    temperature: Number
    top_p: Number
    top_k: Count
    max_new_tokens: Count
    max_step_tokens: Count
    max_steps: Count
    context: Literal["full"] | Count
    observation_chars: Count
    seed: Annotated[int, Field(ge=-(2**63), lt=2**63)]
    extract: Extraction
    thought_tags: Annotated[dict[str, Any], AfterValidator(_tags)]


class Estimate(TypedDict):
    """A figure with its interval; of one trajectory there is none."""

    value: Number
    low: Number | None
    high: Number | None


class Floor(Estimate):
    """What a policy that has learned nothing earns."""

    name: str


class RunInfo(TypedDict):
    """run.json."""

    __pydantic_config__ = STRICT  # for what is in it, too
    benchmarks: list[SetInfo]
    settings: Settings
    model: NotRequired[str]
    identity: NotRequired[dict[str, Any]]
    backend: NotRequired[dict[str, Any]]
    steps: NotRequired[Count]
    versions: NotRequired[Names]
    grader: NotRequired[str]
    fingerprint: NotRequired[str]
    similarity_floor: NotRequired[Floor]
    no_similarity_floor: NotRequired[str]


class Bounded(TypedDict):
    """An accuracy with its interval, which it always has."""

    value: Number
    low: Number
    high: Number


class BothRules(TypedDict):
    """See `treadle.evaluate.extraction.extraction_figures`."""

    rule: str
    lenient_rule: str
    strict: Bounded
    lenient: Bounded
    difference: Bounded
    only_lenient: Count


class Figures(TypedDict):
    """Of a benchmark in one mode and decoding."""

    samples: Samples
    accuracy: NotRequired[Bounded | None]
    tokens: NotRequired[Number | None]
    thought_tokens: NotRequired[Number | None]
    steps: NotRequired[Number | None]
    truncated: NotRequired[Count]
    empty: NotRequired[Count]
    failed: NotRequired[Count]
    problems_kept_out: NotRequired[Count]
    stops: NotRequired[Counts]
    verdicts: NotRequired[Counts]
    format_faults: NotRequired[Counts]
    errors: NotRequired[Counts]
    pass_at: NotRequired[dict[K, Bounded]]
    maj_at: NotRequired[dict[K, Bounded]]
    extraction: NotRequired[BothRules]


class SetResults(TypedDict):
    """A benchmark in results.json."""

    modes: NotRequired[dict[Mode, dict[Decoding, Figures]]]
    problems: NotRequired[Count]
    sha256: NotRequired[str | None]
    left_out: NotRequired[Counts | None]
    unread_references: NotRequired[Names]


class Average(TypedDict, total=False):
    """See `treadle.evaluate.averages.averages`; one that cannot be given has a reason instead of values."""

    value: Number | None
    low: Number | None
    high: Number | None
    columns: list[str]
    reason: str


class Figure(Estimate):
    """See `treadle.statistics.clustered.Figure`."""

    count: Count
    groups: Count


class Example(TypedDict):
    """A place at which a behaviour was found."""

    benchmark: str
    problem: str
    rule: str
    text: str


class Behaviour(TypedDict):
    """See `treadle.evaluate.behaviours.figures`."""

    share: Figure | None
    mean_count: Figure | None
    mean_position: Number | None
    examples: list[Example]
    measured: dict[str, Annotated[list[Count], Field(min_length=2, max_length=2)]]


class Behaviours(TypedDict):
    """Of some attempts."""

    samples: Count
    without_thoughts: Count
    behaviours: dict[str, Behaviour]


def _looked_at(value: Any) -> str:
    return "all" if isinstance(value, dict) and "behaviours" in value else "groups"


class CallFigures(TypedDict):
    """Of some agents' steps."""

    similarity: Figure
    tool: Figure | None
    command: Figure | None
    file: Figure | None
    action: Figure | None


class Calls(CallFigures):
    """See `treadle.evaluate.step_calls.call_view`."""

    over_repositories: CallFigures | None
    by_position: dict[str, CallFigures]
    by_repository: dict[str, CallFigures]


class StepFigures(TypedDict):
    """See `treadle.evaluate.step_view.step_view`; without steps only the counts."""

    steps: Count
    trajectories: Count
    failed: NotRequired[Count]
    similarity: NotRequired[Figure]
    similarity_well_formed: NotRequired[Figure | None]
    exact: NotRequired[Figure]
    format_faults: NotRequired[dict[str, Figure]]
    faults: NotRequired[Counts]
    by_place: NotRequired[dict[str, Figure]]
    by_position: NotRequired[dict[str, Figure]]
    by_difficulty: NotRequired[dict[str, Figure]]
    by_action_length: NotRequired[dict[str, Figure]]
    floor: NotRequired[Floor]
    above_floor: NotRequired[Estimate]
    no_floor: NotRequired[str]
    calls: NotRequired[Calls]


class Results(TypedDict):
    """results.json."""

    __pydantic_config__ = STRICT  # for what is in it, too
    model: str
    benchmarks: dict[str, SetResults]
    grader: NotRequired[str]
    settings: NotRequired[Settings]
    backend: NotRequired[dict[str, Any]]
    averages: NotRequired[dict[str, dict[str, Average | None]]]
    behaviours: NotRequired[
        Annotated[
            Annotated[Behaviours, Tag("all")] | Annotated[dict[str, Behaviours], Tag("groups")],
            Discriminator(_looked_at),
        ]
    ]
    steps: NotRequired[StepFigures | None]
    files: NotRequired[dict[str, dict[str, Any]]]
