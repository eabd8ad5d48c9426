"""Figures of agents' steps beside the expert's: worked by hand, and through a whole run."""

from __future__ import annotations

import json

import pytest

from treadle.data.instances import step_instances
from treadle.evaluate.records import Finish, Generation, StepSample
from treadle.evaluate.run import evaluate
from treadle.evaluate.runs import read_run
from treadle.evaluate.settings import EvaluateSettings
from treadle.evaluate.step_calls import call_notes, call_view
from treadle.evaluate.summary_table import as_table
from treadle.report.evaluation import write_evaluation_report
from treadle.scoring.calls import call_text
from treadle.scoring.completion import FormatFault
from treadle.scoring.thoughts import PLAIN
from treadle.trajectory import Step, Trajectory


def view_of(path):
    return call_text("editor", {"command": "view", "path": path})


def step(trajectory, number, of, expert, action, repo=None, domain="agent", similarity=0.5):
    fault = FormatFault.EMPTY_ACTION if action is None else None
    meta = {"domain": domain} | ({"repo": repo} if repo else {})
    return StepSample(
        trajectory, number, of, [], expert, "", "", action, fault, similarity, action == expert, 1, 0, meta
    )


LS = call_text("bash", {"command": "ls"})
STEPS = [
    step("a", 1, 10, view_of("x.py"), view_of("x.py"), "org/one", similarity=1.0),
    step("a", 2, 10, view_of("x.py"), view_of("y.py"), "org/one"),
    step("a", 5, 10, view_of("x.py"), call_text("editor", {"command": "create", "path": "./x.py"}), "org/one"),
    step("a", 10, 10, call_text("submit", {}), None, "org/one", similarity=0.0),
    step("b", 1, 2, "ls", "```bash\nls\n```", "org/two", similarity=0.4),
    step("b", 2, 2, "cat z.py", "cd . && head z.py", "org/two"),
    step("c", 1, 1, "In May she sold 24 clips.", "She sold 24.", domain="math"),
]


def values(figures):
    return {
        name: pytest.approx(figures[name]["value"]) if figures[name] else None
        for name in ("tool", "command", "file", "action")
    }


def test_hand_worked_figures():
    view = call_view(STEPS)
    assert (view["steps"], view["trajectories"], view["repositories"]) == (6, 2, 2)
    assert values(view) == {"tool": 4 / 6, "command": 2 / 3, "file": 3 / 4, "action": 2 / 6}
    assert view["similarity"]["value"] == pytest.approx((1 + 0.5 + 0.5 + 0 + 0.4 + 0.5) / 6)
    assert (view["tool"]["count"], view["file"]["count"], view["tool"]["groups"]) == (6, 4, 2)
    assert list(view["by_position"]) == ["first", "early", "middle", "late"]
    assert values(view["by_position"]["first"]) == {"tool": 1, "command": 1, "file": 1, "action": 1}
    assert values(view["by_position"]["late"]) == {"tool": 0, "command": None, "file": None, "action": 0}
    assert values(view["by_position"]["middle"]) == {"tool": 1 / 2, "command": 0, "file": 1, "action": 0}
    assert list(view["by_repository"]) == ["org/one", "org/two"]
    assert values(view["by_repository"]["org/two"]) == {"tool": 1 / 2, "command": None, "file": 1, "action": 1 / 2}
    assert view["over_repositories"]["tool"]["groups"] == 2
    assert {tool: figure["count"] for tool, figure in view["tools"].items()} == {
        "editor": 3,
        "submit": 1,
        "ls": 1,
        "cat": 1,
    }
    assert call_notes(view)[0].startswith("agents' steps: 6 of 2 trajectories, similarity 48.3% [")
    assert "exact tool 66.7% [" in call_notes(view)[0]


def test_mathematics_has_no_such_figures():
    assert call_view([STEPS[-1]]) is None
    assert call_view([]) is None


def test_without_repositories_there_are_no_intervals_over_them():
    view = call_view([step("a", 1, 2, "ls", "ls"), step("b", 1, 2, "ls", "pwd")])
    assert (view["repositories"], view["over_repositories"], view["by_repository"]) == (0, None, {})


class Agent:
    """A back end that always lists the folder."""

    thought_tags = PLAIN

    def generate(self, requests, sampling):
        for i in range(len(requests)):
            yield i, Generation("<think>look</think>```bash\nls src/\n```", 9, Finish.STOP)

    def count_tokens(self, texts):
        return [len(text) for text in texts]

    def describe(self):
        return {"kind": "transformers", "dtype": "float32"}

    def close(self):
        pass


def test_a_run_has_them_in_results_terminal_and_page(monkeypatch, tmp_path):
    monkeypatch.setattr("treadle.evaluate.backends.open_backend", lambda *_, **__: Agent())
    steps = (Step("ls src", observation="a.py"), Step("cat src/a.py", observation="x"), Step("submit"))
    instances = [
        instance
        for name in ("one", "two", "three")
        for instance in step_instances(
            Trajectory(name, "Fix it.", steps, domain="agent", system="Act.", repo=f"org/{name}"), "all"
        )
    ]
    results = evaluate(
        "org/model",
        [],
        EvaluateSettings(modes=(), steps=True),
        tmp_path / "run",
        instances=instances,
        page=write_evaluation_report,
    )
    calls = results["steps"]["calls"]
    assert values(calls) == {"tool": pytest.approx(1 / 3), "command": None, "file": pytest.approx(1 / 2), "action": 0}
    assert (calls["steps"], calls["repositories"], len(calls["by_repository"])) == (9, 3, 3)
    assert json.loads(json.dumps(results)) == read_run(tmp_path / "run").results
    table = as_table(results)
    for line in (
        "agents' steps: 9 of 3 trajectories",
        "intervals over 3 repositories",
        "agents' steps, first: ",
        "org/two: ",
    ):
        assert line in table
    page = (tmp_path / "run" / "report.html").read_text()
    for text in ("Tools and files of agents' steps", "by place in the trajectory", "by repository", "org/three"):
        assert text.replace("'", "&#39;") in page or text in page


def test_steps_of_a_domain_that_is_not_here_are_compared_without_it():
    """A call is one by its form; whether a bare text is a command is for the domain to say."""
    found = [
        step("a", 1, 2, LS, LS, domain="elsewhere"),
        step("a", 2, 2, "ls", "ls", domain="elsewhere"),
    ]
    assert call_view(found)["steps"] == 1
