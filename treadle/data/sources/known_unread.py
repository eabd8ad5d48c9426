"""Form `known-unread`: rows of well-known kinds that hold no trajectory, or one that treadle does not read.

Every such row is dropped, with the name of its kind and how to bring the data, so that nobody has to guess. A kind
stands here only if its columns tell it surely; asked last, it never takes a row from a form that can read it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from treadle.data.sources.form import Form, ReadOptions
from treadle.data.sources.messages import as_list, chat, peek
from treadle.data.sources.report import DropReason
from treadle.files.rows import Rejected, Row
from treadle.trajectory import Trajectory

Test = Callable[[dict[str, Any]], bool]


class Kind(NamedTuple):
    """A kind of rows: what it is and what to do with it."""

    test: Test
    reason: DropReason
    text: str


def _has(*names: str) -> Test:
    """Whether a row has all the columns."""
    return lambda data: all(name in data for name in names)


def _one(*names: str) -> Test:
    """Whether a row has one of the columns."""
    return lambda data: any(name in data for name in names)


def _both(*tests: Test) -> Test:
    return lambda data: all(test(data) for test in tests)


def _either(*tests: Test) -> Test:
    return lambda data: any(test(data) for test in tests)


def _first(column: str, *names: str) -> Test:
    """Whether a column is a list whose first entry has all the keys."""

    def test(data: dict[str, Any]) -> bool:
        entries = as_list(data.get(column)) if column in data else None
        return bool(entries) and isinstance(entries[0], dict) and all(name in entries[0] for name in names)

    return test


def _nested(column: str, key: str) -> Test:
    """Whether a column is an object with a key."""
    return lambda data: isinstance(data.get(column), dict) and key in data[column]


def _text_with(mark: str) -> Test:
    """Whether a column of text begins with, or holds early, the mark of a chat template."""
    return lambda data: any(isinstance(value, str) and mark in value[:2000] for value in data.values())


def _media(data: dict[str, Any]) -> bool:
    parts = (p for m in peek(data) for p in (m.raw.get("content") if isinstance(m.raw.get("content"), list) else ()))
    kinds = {p.get("type") for p in parts if isinstance(p, dict) and isinstance(p.get("type"), str)}
    if chat(data) is not None and any(as_list(data.get(name)) for name in ("images", "videos", "audios")):
        return True
    return bool(kinds & {"image", "image_url", "input_image", "audio", "input_audio", "video", "video_url"})


def _bfcl(data: dict[str, Any]) -> bool:
    return "function" in data and isinstance(data.get("question"), list)


NOTHING, SHAPE = DropReason.NO_TRAJECTORY, DropReason.MALFORMED
_AS_CHAT = "bring the messages of its last model call as column messages, one run a row"
_AS_STEPS = "treadle trains on text; bring each step's action and observation as text in id, problem, steps, domain"

KINDS = (
    Kind(
        _both(_has("tasks"), _first("simulations", "messages")),
        SHAPE,
        "tau2-bench's results, many simulations in one document: bring the entries of `simulations`, one a row",
    ),
    Kind(
        _either(
            _has("trace_id", "span_id"),
            _has("traceId", "spanId"),
            _one("resourceSpans", "scopeSpans"),
            _first("spans", "attributes"),
            _first("spans", "span_id"),
        ),
        SHAPE,
        f"spans of a trace (OpenTelemetry, Phoenix): {_AS_CHAT}",
    ),
    Kind(
        _both(_has("run_type"), _one("trace_id", "dotted_order", "parent_run_id", "child_runs", "inputs")),
        SHAPE,
        f"a run of LangSmith: {_AS_CHAT}",
    ),
    Kind(
        _either(
            _has("observations", "scores", "projectId"),
            _has("traceId", "startTime", "type"),
            _has("observations", "latency", "sessionId"),
        ),
        SHAPE,
        f"a trace of Langfuse: {_AS_CHAT}",
    ),
    Kind(_nested("data", "spans"), SHAPE, f"a trace of MLflow: {_AS_CHAT}"),
    Kind(
        _either(
            _has("wall_time", "step", "value"), _has("tag", "step", "value"), _has("_runtime", "_step", "_timestamp")
        ),
        NOTHING,
        "scalars of a training log (TensorBoard, Weights & Biases)",
    ),
    Kind(
        _either(_has("custom_id", "method", "url"), _has("custom_id", "response", "error")),
        SHAPE,
        "a request or response of OpenAI's batch API: bring the request's messages, the response's message the last",
    ),
    Kind(
        _either(
            _has("observations", "actions", "rewards"),
            _has("observations", "actions", "terminals"),
            _has("observations", "actions", "terminations"),
            _has("obs", "acts"),
            _both(_has("observation", "action", "reward"), _one("terminated", "done", "terminal")),
            _both(_has("action"), _one("observation.state", "observation.images.top")),
        ),
        SHAPE,
        f"an environment's arrays (Gymnasium, Minari, LeRobot): {_AS_STEPS}",
    ),
    Kind(
        _either(
            _has("action_uid", "raw_html"), _has("confirmed_task", "actions"), _has("action_reprs", "annotation_id")
        ),
        SHAPE,
        f"web pages with clicks (Mind2Web): {_AS_STEPS}",
    ),
    Kind(
        _both(
            _one("screenshots", "screenshot_b64s", "screenshot", "screenshot_widths"),
            _one("actions", "action", "goal", "step_instructions", "instruction"),
        ),
        SHAPE,
        f"screens with actions (AndroidControl, OSWorld, WebArena): {_AS_STEPS}",
    ),
    Kind(
        _either(_has("query", "tools", "answers"), _has("question", "function", "ground_truth"), _bfcl),
        NOTHING,
        "calls in answer to one question (xLAM, BFCL), which nothing executed: there are no steps",
    ),
    Kind(
        _both(_has("chat"), _either(_has("system"), _text_with("USER:"))),
        SHAPE,
        "a whole chat in one text (Glaive): bring its turns as column messages, each with role and content",
    ),
    Kind(
        _either(*map(_text_with, ("<|im_start|>", "<|start_header_id|>", "[INST]", "<start_of_turn>", "<|user|>"))),
        SHAPE,
        "a chat rendered by a chat template as one text: bring its messages, each with role and content",
    ),
    Kind(
        lambda data: data.keys() == {"text"} and "### Response:" in str(data["text"]),
        SHAPE,
        "instruction and response rendered by a template as one text: bring them as columns instruction and output",
    ),
    Kind(
        _either(_has("context", "question", "answers"), _has("paragraphs", "title")),
        NOTHING,
        "questions about a passage (SQuAD): answers without steps",
    ),
    Kind(
        _both(_one("tokens", "words"), _one("ner_tags", "tags", "pos_tags", "labels", "ner")),
        NOTHING,
        "tokens with labels (CoNLL): no problem and no solution",
    ),
    Kind(
        _either(_has("premise", "hypothesis"), _has("sentence1", "sentence2"), _has("text", "label")),
        NOTHING,
        "texts with a class as label: no steps that lead to it",
    ),
    Kind(
        _both(
            _either(_has("prompt", "completion"), _has("messages")), lambda data: isinstance(data.get("label"), bool)
        ),
        NOTHING,
        "answers with a label good or bad (KTO): bring the good ones, --columns problem=prompt,solution=completion",
    ),
    Kind(
        _either(_has("tasks_output", "token_usage"), _has("raw", "pydantic", "json_dict")),
        NOTHING,
        f"a result of CrewAI without its agents' calls: {_AS_CHAT}",
    ),
    Kind(
        _either(_has("source", "models_usage"), _first("messages", "source", "models_usage")),
        SHAPE,
        "messages of AutoGen: bring them with role and content, ToolCallRequestEvent as tool_calls, "
        "ToolCallExecutionEvent as tool messages",
    ),
    Kind(
        _both(_has("type"), _either(_has("lc", "kwargs"), _nested("data", "content"))),
        SHAPE,
        "a single message of LangChain: bring all of a run as a list in one row, column messages",
    ),
    Kind(_media, SHAPE, "messages with images, audio or video: treadle trains on text; bring what they show as text"),
)


def _kind(data: dict[str, Any]) -> Kind | None:
    return next((kind for kind in KINDS if kind.test(data)), None)


def matches(row: Row) -> bool:
    return _kind(row.data) is not None


def read(row: Row, options: ReadOptions) -> Trajectory:
    kind = _kind(row.data)
    if kind is None:
        raise Rejected(DropReason.UNKNOWN_FORM, f"columns {', '.join(map(str, row.data)) or 'none'}")
    raise Rejected(kind.reason, kind.text)


FORM = Form(
    name="known-unread",
    description="known kinds without steps in text (traces, labels, screens); dropped with what to do",
    matches=matches,
    read=read,
)
