"""Known kinds without steps in text are dropped with their name; what other forms read stays theirs."""

from __future__ import annotations

import pytest

from tests.data.sources.agent_samples import row
from treadle.data.sources import registry
from treadle.data.sources.form import ReadOptions
from treadle.data.sources.known_unread import FORM, KINDS
from treadle.data.sources.report import DETAIL
from treadle.files.rows import Rejected

ROWS = {
    "tau2": {"timestamp": "t", "info": {}, "tasks": [], "simulations": [{"messages": []}]},
    "OpenTelemetry": {"trace_id": "t", "span_id": "s", "name": "chat", "attributes": {"gen_ai.system": "openai"}},
    "LangSmith": {"id": "r", "run_type": "chain", "inputs": {}, "outputs": {}, "trace_id": "t", "child_runs": []},
    "Langfuse": {"id": "t", "projectId": "p", "observations": [], "scores": [], "input": "x", "output": "y"},
    "MLflow": {"info": {"request_id": "r"}, "data": {"spans": []}},
    "TensorBoard": {"wall_time": 1.0, "step": 2, "value": 0.5},
    "batch API": {"custom_id": "a", "method": "POST", "url": "/v1/chat/completions", "body": {}},
    "Gymnasium": {"observations": [[0.1]], "actions": [[1]], "rewards": [0.0], "terminations": [False]},
    "Mind2Web": {"confirmed_task": "Book.", "annotation_id": "a", "action_reprs": [], "actions": []},
    "AndroidControl": {"goal": "Open.", "screenshots": ["b"], "actions": [], "step_instructions": []},
    "xLAM": {"id": 1, "query": "x", "tools": "[]", "answers": "[]"},
    "BFCL": {"id": "simple_0", "question": [[{"role": "user", "content": "x"}]], "function": [{"name": "f"}]},
    "Glaive": {"system": "SYSTEM: x", "chat": "USER: x\n\nASSISTANT: y <|endoftext|>"},
    "chat template": {"text": "<|im_start|>user\nx<|im_end|>\n<|im_start|>assistant\ny<|im_end|>"},
    "template as one text": {"text": "### Instruction:\nx\n\n### Response:\ny"},
    "SQuAD": {"id": "1", "title": "t", "context": "c", "question": "q", "answers": {"text": ["a"]}},
    "CoNLL": {"id": "0", "tokens": ["EU"], "ner_tags": [3]},
    "class": {"text": "good film", "label": 1},
    "KTO": {"prompt": "x", "completion": "y", "label": True},
    "CrewAI": {"raw": "x", "pydantic": None, "json_dict": None, "tasks_output": [], "token_usage": {}},
    "AutoGen": {"source": "assistant", "models_usage": None, "content": "x", "type": "TextMessage"},
    "LangChain": {"type": "human", "data": {"content": "x"}},
    "images": {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "u"}}]}]},
}


@pytest.mark.parametrize(("name", "data"), ROWS.items())
def test_a_known_kind_is_named(name, data):
    form = registry.detect(row(data))
    assert form is FORM
    with pytest.raises(Rejected) as caught:
        form.read(row(data), ReadOptions())
    assert name in caught.value.detail or name in ("tau2", "class", "images")
    assert len(caught.value.detail) <= DETAIL


def test_each_kind_has_a_row_here():
    found = {next(k for k, kind in enumerate(KINDS) if kind.test(data)) for data in ROWS.values()}
    assert found == set(range(len(KINDS)))


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"a": 1},
        {"problem": "x", "answer": "y"},
        {"messages": [{"role": "user", "content": "hi"}]},
        {"text": "plain"},
        {"spans": 3, "data": None, "label": None},
    ],
)
def test_what_is_not_surely_known_is_left_alone(data):
    assert FORM.matches(row(data)) is False
