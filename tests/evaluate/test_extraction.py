"""The strict and the lenient figure of the same attempts."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from tests.evaluate.test_solving import Replay
from treadle.errors import DataError, OutputError
from treadle.evaluate.benchmarks import load_data
from treadle.evaluate.compare.arms import check_comparable, read_arms
from treadle.evaluate.records import Stop
from treadle.evaluate.run import evaluate, regrade
from treadle.evaluate.runs import read_run
from treadle.evaluate.settings import EvaluateSettings, fingerprint
from treadle.evaluate.summary_table import as_table
from treadle.report.evaluation import write_evaluation_report

SETTINGS = EvaluateSettings(modes=("whole",), max_new_tokens=4_000_000, max_step_tokens=4000, max_steps=4)
TEXTS = {"1+1?": "\\boxed{2}", "2+2?": "So the answer is 4.", "3+3?": "The answer is 7.", "4+4?": "Eight it is"}


class Spoken(Replay):
    """Answers each problem with a text."""

    thought_tags = SETTINGS.thought_tags

    def generate(self, requests, sampling):
        for i in range(len(requests)):
            prompt = requests[i].prompt[-1]["content"]
            self.replies = [(prompt, next(text for problem, text in self.texts.items() if problem in prompt))]
            for _, generation in super().generate([requests[i]], sampling):
                yield i, generation

    def __init__(self, texts):
        super().__init__([])
        self.texts = texts

    def describe(self):
        return {"kind": "transformers", "dtype": "float32"}

    def close(self):
        pass


@pytest.fixture
def spoken(monkeypatch, tmp_path):
    """Evaluates given texts: `spoken(name, texts, **settings)`."""

    def run(name, texts=TEXTS, out=None, **changes):
        path = tmp_path / "sums.jsonl"
        rows = [{"problem": p, "answer": str(2 * int(p[0]))} for p in texts]
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        monkeypatch.setattr("treadle.evaluate.backends.open_backend", lambda *_, **__: Spoken(texts))
        settings = replace(SETTINGS, **changes)
        return evaluate("org/model", [load_data(path)], settings, out or tmp_path / name, page=write_evaluation_report)

    return run


def figures(results, mode="whole"):
    return results["benchmarks"]["sums"]["modes"][mode]["greedy"]


def test_both_figures_stand_in_results_table_and_page(spoken, tmp_path):
    results = spoken("run")
    found = figures(results)
    assert found["accuracy"]["value"] == 0.25
    extraction = found["extraction"]
    assert (extraction["rule"], extraction["lenient_rule"], extraction["only_lenient"]) == ("boxed", "auto", 1)
    assert (extraction["strict"]["value"], extraction["lenient"]["value"]) == (0.25, 0.5)
    assert extraction["difference"]["value"] == 0.25
    assert extraction["difference"]["low"] <= 0.25 <= extraction["difference"]["high"]
    table = as_table(results)
    assert table.splitlines()[0].endswith("| no answer | without a box |")
    assert "| 3 of 4 | 50.0% |" in table
    assert "with a box 25.0%, without one (auto) 50.0%: 25.0 points" in table
    page = (tmp_path / "run" / "report.html").read_text()
    assert "without a box too" in page
    sample = next(s for s in read_run(tmp_path / "run").samples() if s.reference == "4")
    assert (sample.answer, sample.boxed, sample.lenient, str(sample.lenient_verdict)) == (None, None, "4", "right")


def test_grading_again_by_another_rule_needs_no_model_and_is_recorded(spoken, tmp_path):
    spoken("run")
    journal = (tmp_path / "run" / "generations.jsonl").read_bytes()
    with pytest.raises(
        OutputError, match=r"takes answers by the rule 'boxed', not 'auto'; .*--regrade .* --extract auto"
    ):
        spoken("run", extract="auto")
    found = figures(regrade(tmp_path / "run", extract="auto"))
    assert (found["accuracy"]["value"], found["extraction"]["strict"]["value"]) == (0.5, 0.25)
    info = json.loads((tmp_path / "run" / "run.json").read_text())
    assert (info["settings"]["extract"], info["identity"]["settings.extract"]) == ("auto", "auto")
    assert info["fingerprint"] == fingerprint(info["identity"])
    assert figures(spoken("run", extract="auto")) == found  # continues, with nothing to generate
    assert figures(regrade(tmp_path / "run")) == found
    assert (tmp_path / "run" / "generations.jsonl").read_bytes() == journal
    assert figures(regrade(tmp_path / "run", extract="boxed"))["accuracy"]["value"] == 0.25


@pytest.mark.parametrize(
    ("rule", "value", "lenient"), [("phrase", 0.5, "phrase"), ("auto", 0.5, "auto"), ("whole", 0.5, "auto")]
)
def test_the_rule_of_the_main_figure(spoken, rule, value, lenient):
    found = figures(spoken("run", extract=rule))
    assert found["accuracy"]["value"] == value
    assert (found["extraction"]["lenient_rule"], found["extraction"]["strict"]["value"]) == (lenient, 0.25)


def test_a_run_from_before_the_rules_goes_on_as_boxed(spoken, tmp_path):
    expected = spoken("run")
    path = tmp_path / "run" / "run.json"
    info = json.loads(path.read_text())
    del info["identity"]["settings.extract"], info["settings"]["extract"]
    path.write_text(json.dumps(info))
    assert regrade(tmp_path / "run")["benchmarks"] == expected["benchmarks"]
    assert spoken("run")["benchmarks"] == expected["benchmarks"]


def test_the_loop_goes_on_after_an_answer_without_a_box_which_counts_leniently(spoken, tmp_path):
    results = spoken("run", {"2+2?": "The answer is 4."}, modes=("loop",))
    (sample,) = read_run(tmp_path / "run").samples()
    assert (sample.stop, sample.steps) == (Stop.REPEATED, ["The answer is 4."] * 2)
    assert (sample.boxed, sample.lenient) == (None, "4")
    assert figures(results, "loop")["extraction"]["lenient"]["value"] == 1


def test_runs_whose_answers_were_taken_otherwise_are_not_compared(spoken, tmp_path):
    spoken("a")
    spoken("b", extract="auto")
    arms = read_arms([tmp_path / "a", tmp_path / "b"])
    with pytest.raises(DataError, match=r"taken by different rules: boxed \(.*a\); auto \(.*b\).*--extract boxed"):
        check_comparable(arms)
    assert "Answers taken by different rules" in check_comparable(arms, any_grader=True)[0]


def test_outputs_of_megabytes_are_kept_and_graded(spoken, tmp_path):
    texts = {
        "1+1?": "7 " * 1_000_000 + "\\boxed{2}",
        "2+2?": "\\boxed{" + "4" * 1_500_000 + "}",
        "3+3?": "the answer is 6. " * 60_000,
    }
    found = figures(spoken("run", texts))
    assert found["verdicts"] == {"right": 1, "wrong": 1, "no_answer": 1}
    assert found["extraction"]["lenient"]["value"] == pytest.approx(2 / 3)
    assert [len(s.text) for s in read_run(tmp_path / "run").samples()] == [len(text) for text in texts.values()]
