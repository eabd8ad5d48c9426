"""Steps of smolagents' memory, on rows by hand in the shape of `get_full_steps()`."""

from __future__ import annotations

import json

from tests.data.sources.agent_samples import read, reason, row
from treadle.data.sources import registry
from treadle.data.sources.agents.smolagents import FORM
from treadle.data.sources.report import DropReason

CODE = "x = 1 + 1\nprint(x)"
OUTPUT = f"Thought: I add.\nCode:\n```py\n{CODE}\n```<end_code>"


def turn(number, **more):
    return {"step_number": number, "timing": {}, "model_input_messages": None, "error": None, **more}


def test_code_by_hand():
    calls = [{"id": "c", "type": "function", "function": {"name": "python_interpreter", "arguments": CODE}}]
    steps = [
        {"system_prompt": "rules"},
        {"task": "Add."},
        {"plan": "One line.", "timing": {}},
        turn(1, model_output=OUTPUT, code_action=CODE, tool_calls=calls, observations="Execution logs:\n2"),
        turn(2, model_output="Code:\n```py\nfinal_answer(2)\n```", code_action="final_answer(2)", tool_calls=calls),
    ]
    data = {"steps": steps}
    trajectory = read(FORM, data)
    first, last = trajectory.steps
    assert (first.action, first.observation, last.action) == (CODE, "Execution logs:\n2", "final_answer(2)")
    assert first.text == f"One line.\n\n{OUTPUT}"
    assert "Thought: I add." in first.thought
    assert (trajectory.problem, trajectory.system) == ("Add.", "rules")
    assert registry.detect(row(data)).name == "smolagents"


def test_tool_calls_and_errors():
    call = {"id": "c", "type": "function", "function": {"name": "search", "arguments": {"q": "Bonn"}}}
    error = {"type": "AgentError", "message": "no net"}
    output = {"role": "assistant", "content": [{"type": "text", "text": "I search."}]}
    steps = [turn(1, model_output_message=output, model_output=None, tool_calls=[call], observations=None)]
    (step,) = read(FORM, {"question": "x", "memory": {"steps": [steps[0] | {"error": error}]}}).steps
    assert step.action == "<function=search>\n<parameter=q>Bonn</parameter>\n</function>"
    assert (step.thought, step.observation, json.loads(step.call)) == ("I search.", "no net", call)


def test_a_memory_without_actions_is_dropped():
    assert reason(FORM, {"question": "x", "steps": [turn(1, model_output="words")]}) == DropReason.NO_ACTIONS
