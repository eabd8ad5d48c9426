"""The think-act loop with an environment, on a back end that replays given texts: every output is known by hand."""

from __future__ import annotations

import json
import time
from dataclasses import replace

import pytest

from tests.domains.stack import FIELD, script, write_problems
from tests.evaluate.test_solving import Replay
from tests.processes import forked
from tests.teacher.scripted import teaching
from treadle.cli.problems import context_of
from treadle.data.prepare import PrepareSettings, prepare
from treadle.data.sources.native import to_row
from treadle.domains.registry import use
from treadle.errors import DomainError, TreadleError
from treadle.evaluate.benchmarks import Benchmark, load_data
from treadle.evaluate.observations import Observations
from treadle.evaluate.records import Problem, Stop
from treadle.evaluate.run import evaluate, regrade
from treadle.evaluate.runs import read_run
from treadle.evaluate.settings import EvaluateSettings, identity
from treadle.evaluate.solving import judge, solve
from treadle.evaluate.store import Journal, read_lines
from treadle.evaluate.turns import Turns
from treadle.report.evaluation import write_evaluation_report
from treadle.scoring.grading import Verdict
from treadle.trajectory import Step, Trajectory

SEVEN = Problem("p", "reach 7", "7", domain="stack", setup={"target": 7})
SETTINGS = EvaluateSettings(modes=("loop",), max_step_tokens=40, max_steps=6)


@pytest.fixture(autouse=True)
def stack(monkeypatch):
    monkeypatch.delenv("TREADLE_DOMAINS", raising=False)
    use(str(FIELD))


class Script(Replay):
    """A back end that gives the actions of a script, by how many earlier steps the prompt has."""

    def __init__(self, *actions):
        super().__init__([])
        self.actions = actions

    def generate(self, requests, sampling):
        done = requests[0].prompt[-1]["content"].count(" -> ")
        self.replies = [("", self.actions[done])]
        yield from super().generate(requests, sampling)


def played(*actions, observations=None, turns=None, problem=SEVEN, **changes):
    """The attempt, and what the model was shown."""
    backend, turns, settings = Script(*actions), Turns() if turns is None else turns, replace(SETTINGS, **changes)
    (sample,) = solve(backend, [problem], "loop", "greedy", settings, turns, observations=observations)
    return sample, [requests[0].prompt[-1]["content"] for requests in backend.asked]


def test_the_loop_shows_what_the_environment_answered_and_ends_when_it_says_so():
    sample, prompts = played("push 3", "<think>four more</think>push 4", "add", "submit", "push 1")
    assert sample.steps == ["push 3", "push 4", "add", "submit"]
    assert sample.observations == ["[3]", "[3, 4]", "[7]", "submitted 7"]
    assert sample.stop is Stop.FINISHED
    assert prompts == [
        "next reach 7",
        "next reach 7\npush 3 -> [3]",
        "next reach 7\npush 3 -> [3]\npush 4 -> [3, 4]",
        "next reach 7\npush 3 -> [3]\npush 4 -> [3, 4]\nadd -> [7]",
    ]
    judge([sample], [SEVEN])
    assert (sample.verdict, sample.why) == (Verdict.RIGHT, "submitted 7")


@pytest.mark.parametrize(
    ("actions", "changes", "stop", "observations"),
    [
        (["push 1"] * 6, {}, Stop.STEP_LIMIT, ["[1]", "[1, 1]", "[1, 1, 1]"]),  # the world moved
        (["fly", "fly"], {}, Stop.REPEATED, ["cannot fly", "cannot fly"]),
        (["push 1", "<think>a</think>b<think>"], {}, Stop.FORMAT_FAULT, ["[1]"]),
        (["push 1", "x" * 41], {}, Stop.TRUNCATED, ["[1]"]),
        (["push 1", "\\boxed{7}", "submit"], {}, Stop.FINISHED, ["[1]", "cannot \\boxed{7}", "submitted 1"]),
    ],
)
def test_why_an_attempt_ends(actions, changes, stop, observations):
    sample, _ = played(*actions, **{"max_steps": 3, **changes})
    assert sample.stop is stop
    assert sample.observations == observations


def test_a_step_that_hangs_or_fails_is_an_observation_and_the_state_is_as_before():
    sample, prompts = played("push 7", "hang", "raise", "submit")
    assert sample.stop is Stop.FINISHED
    assert sample.observations[0] == "[7]"
    assert sample.observations[3] == "submitted 7"  # not the 99 of the step that failed
    assert sample.observations[1] in prompts[2]
    judge([sample], [SEVEN])
    assert sample.verdict is Verdict.RIGHT


def test_the_window_and_long_observations():
    sample, prompts = played("push 7", "print 5000", "submit", context=1, observation_chars=400)
    assert sample.observations[1] == "x" * 5000  # kept whole
    assert prompts[1] == "next reach 7\npush 7 -> [7]"
    assert prompts[2].startswith("next reach 7\n(1 left out)\nprint 5000 -> " + "x" * 200 + " [... 4,600 characters")
    assert prompts[2].count("x") == 400 + 1  # and that of "next"


def test_what_was_answered_is_shown_again_whatever_the_environment_says_now(tmp_path):
    """A run that is killed before a generation, before an answer of the environment, or within the line of one."""
    actions = ["push 3", "hang", "push 4", "add", "submit"]
    journal, answers = tmp_path / "generations.jsonl", tmp_path / "observations.jsonl"
    whole, prompts = played(*actions, observations=Observations([SEVEN], answers), turns=Turns(Journal(journal)))
    lines, answered = journal.read_text().splitlines(True), answers.read_text().splitlines(True)
    assert len(lines) == len(answered) == 5
    assert "timeout" in answered[1]
    for kept, torn in ((3, 0), (3, 10), (5, 0), (2, 5)):
        for behind in (0, 1):  # the generation is there, its answer is not
            journal.write_text("".join(lines[:kept]))
            answers.write_text("".join(answered[: kept - behind]) + answered[4][:torn])
            observations, turns = Observations([SEVEN], answers), Turns(Journal(journal))
            again, shown = played(*actions, observations=observations, turns=turns)
            assert again == whole
            assert shown == prompts[kept:]
            assert [r["observation"] for r in read_lines(answers)] == whole.observations
    changed = answers.read_text().replace("[3]", "[3!]")
    answers.write_text(changed)
    journal.write_text("".join(lines[:1]))
    _, shown = played(*actions, observations=Observations([SEVEN], answers), turns=Turns(Journal(journal)))
    assert shown[0] == "next reach 7\npush 3 -> [3!]"


def test_attempts_of_a_wave_are_asked_about_together():
    tasks = [replace(SEVEN, id=str(i), problem=f"reach {i}", setup={"target": i}) for i in range(4)]
    asked = []

    class Noting(Observations):
        def answer(self, samples):
            asked.append(len(samples))
            super().answer(samples)

    samples = solve(Script("push 3", "submit"), tasks, "loop", "greedy", SETTINGS, Turns(), observations=Noting(tasks))
    assert asked == [4, 4]
    judge(samples, tasks)
    assert [s.right for s in samples] == [False, False, False, True]


def test_a_problem_that_cannot_be_set_up_says_so():
    with pytest.raises(DomainError, match="no target"):
        played("push 1", problem=replace(SEVEN, setup=None))


def test_no_journal_where_no_domain_has_an_environment(tmp_path):
    Observations([Problem("p", "7a91", "64", domain="miniature")], tmp_path / "observations.jsonl").close()
    assert not list(tmp_path.iterdir())


def test_what_belongs_to_the_identity_of_a_run(tmp_path):
    def of(problem, **changes):
        settings = EvaluateSettings(modes=("loop",), **changes)
        return identity("m", {}, settings, [Benchmark("b", (problem,), "0", "f")])

    plain, own = Problem("p", "7a91", "64", domain="miniature"), of(SEVEN)
    assert of(plain) == of(plain, observation_chars=500)
    assert {key for key in own if key not in of(plain)} == {"settings.observation_chars", "environment of stack"}
    assert of(SEVEN, observation_chars=500) != own != of(replace(SEVEN, setup={"target": 8}))
    assert of(plain, context=2)["settings.context"] == 2


def test_whole_solutions_are_refused_before_anything_is_generated():
    with pytest.raises(DomainError, match=r"'stack' has no prompt for whole solutions .*--mode loop"):
        EvaluateSettings().check([Benchmark("b", (SEVEN,), "0", "f")])
    SETTINGS.check([Benchmark("b", (SEVEN,), "0", "f")])


def test_a_run_that_is_killed_goes_on_to_the_samples_of_one_that_is_not(tmp_path):
    """SIGKILL in the middle, over a server; then attempts, their observations and figures are those of a whole run."""
    problems = write_problems(tmp_path / "set.jsonl", range(5, 17))
    out, answers = tmp_path / "killed", tmp_path / "killed" / "observations.jsonl"
    settings = EvaluateSettings(modes=("loop",), samples=4, max_steps=5, max_step_tokens=40)
    with teaching(script) as server:
        options = {"url": server.url, "concurrency": 8}
        command = ["evaluate", "tiny", "--data", problems, "-o", out, "--mode", "loop", "--samples", "4"]
        command += ["--max-steps", "5", "--max-step-tokens", "40", "--backend", "openai", "--base-url", server.url]
        with forked("treadle.cli.main", *command, "--domain", FIELD, out=tmp_path / "said") as process:
            until = time.monotonic() + 200
            while not (answers.exists() and answers.stat().st_size > 12_000):
                assert process.poll() is None, process.output
                assert time.monotonic() < until
                time.sleep(0.002)
        assert not (out / "results.json").exists()
        with answers.open("ab") as file:
            file.write(b'{"benchmark": "set", "prob')
        arguments = ("tiny", [load_data(problems, domain="stack")], settings)
        found = evaluate(*arguments, out, "openai", options)
        whole = evaluate(*arguments, tmp_path / "whole", "openai", options, page=write_evaluation_report)
    assert list(read_lines(out / "samples.jsonl")) == list(read_lines(tmp_path / "whole" / "samples.jsonl"))
    assert found["benchmarks"] == whole["benchmarks"]
    samples = list(read_run(out).samples())
    assert len(samples) == 12 * 5
    assert {s.stop for s in samples} == {Stop.FINISHED, Stop.REPEATED}
    assert {(len(s.steps), s.verdict) for s in samples} == {
        (4, Verdict.RIGHT),
        (2, Verdict.WRONG),
        (3, Verdict.UNDECIDED),
    }
    assert all(len(s.steps) == len(s.observations) for s in samples)
    assert '"observation","submitted ' in (tmp_path / "whole" / "report.html").read_text()
    assert json.loads((out / "run.json").read_text())["settings"]["context"] == "full"
    before = (out / "samples.jsonl").read_bytes()
    answers.write_text("".join(answers.read_text().splitlines(True)[::2]))  # lost ones are asked for again
    regrade(out)
    assert (out / "samples.jsonl").read_bytes() == before


def test_the_window_is_that_of_the_prepared_data_where_there_is_an_environment(tmp_path):
    def prepared(name, domain, context):
        steps = (Step("push 3", observation="[3]"), Step("submit", observation="submitted 3"))
        rows = [Trajectory(str(n), f"reach {n}", steps, "3", domain, meta={"setup": {"target": 3}}) for n in range(3)]
        source = tmp_path / f"{name}.jsonl"
        source.write_text("".join(json.dumps(to_row(row)) + "\n" for row in rows))
        prepare(source, tmp_path / name, PrepareSettings(context=context, held_out=1, duplicates="off"))
        return str(tmp_path / name)

    one, two = prepared("one", "stack", 1), prepared("two", "stack", 2)
    assert context_of(None, [one]) == 1
    assert context_of("full", [one]) == "full"
    assert context_of("0", [one]) == 0
    assert context_of(None, [prepared("plain", "miniature", 1)]) == "full"
    assert context_of(None, [str(write_problems(tmp_path / "set.jsonl", [3]))]) == context_of(None, None) == "full"
    with pytest.raises(TreadleError, match=r"1 of .*one, 2 of .*two.*--context"):
        context_of(None, [one, two])
    with pytest.raises(TreadleError, match="expected full or a number"):
        context_of("some", [one])
