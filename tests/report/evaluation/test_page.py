from __future__ import annotations

import json
import shutil

import pytest
import typer
from typer.testing import CliRunner

from tests.report.evaluation.runs import attempt, step, write_run
from tests.report.reading import Page
from treadle.cli.view import view
from treadle.errors import DataError, OutputError
from treadle.evaluate.behaviours.figures import MEASURED, behaviour_figures
from treadle.evaluate.records import Problem, Stop
from treadle.evaluate.runs import RESULTS, SAMPLES
from treadle.evaluate.step_floor import NOT_GIVEN
from treadle.report.evaluation import write_evaluation_report
from treadle.report.evaluation.page import _SCRIPTS
from treadle.scoring.completion import FormatFault
from treadle.scoring.grading import Verdict


def problems(ids: str, benchmark: str = "amc23", statement: str = "What is {}?") -> list[Problem]:
    return [Problem(id, statement.format(id), "7", benchmark=benchmark) for id in ids]


def greedy(verdicts: dict[str, str], benchmark: str = "amc23", **fields):
    return [attempt(benchmark, id, "whole", "greedy", 0, verdict, **fields) for id, verdict in verdicts.items()]


def a_run(folder, **settings):
    sampled = [
        attempt("amc23", id, "whole", "sampled", k, verdict)
        for id, verdicts in (("a", "rw"), ("b", "ww"))
        for k, verdict in enumerate(verdicts)
    ]
    fault = {"stop": Stop.FORMAT_FAULT, "fault": FormatFault.EMPTY_ACTION, "text": "<think>x</think>"}
    loop = [attempt("amc23", id, "loop", "greedy", 0, "n", **fault) for id in "ab"]
    steps = [step("t", 1, "x = 2", "x = 2"), step("u", 1, "abcd", "abxy")]
    found = [*greedy({"a": "r", "b": "f"}), *sampled, *loop]
    return write_run(folder, problems("ab"), found, steps, **settings)


def test_the_page_has_figures_counts_and_provenance(tmp_path):
    path = write_evaluation_report(a_run(tmp_path / "run", left_out={"no_answer": 3}))
    assert path == tmp_path / "run/report.html"
    page = Page(path)
    assert not {tag for tag, _ in page.elements} & {"link", "img", "iframe", "object", "embed", "base"}
    assert not page.attributes("src")
    assert {href.strip("#") for href in page.attributes("href")} <= set(page.attributes("id"))
    assert "default-src 'none'" in page.attributes("content", "meta")[1]
    text = page.text
    # One of four samples: 25%. Of the greedy attempts one is there and right, and its problem alone is counted.
    for part in (
        "Evaluation of org/model",
        "25.0%",
        "100.0%",
        "pass@2",
        "maj@2",
        "amc23: 3 no answer",
        "amc23, whole, greedy: 1 failed: no answer from the server",
        "mean of the paper's seven columns",
        "not evaluated: ",
        "empty action",
        "What is a?",
        "temperature",
        "versions.torch",
        "2.13",
        f"{0:064x}",
        "2 steps of 2 trajectories",
        "0.750",
        "All texts are on this page; no other file belongs to it.",
    ):
        assert part in text, part
    assert not (tmp_path / "run/report").exists()
    assert page.texts["title"] == ["Evaluation of org/model"]


def test_the_floor_of_the_steps_stands_beside_their_similarity(tmp_path):
    floor = {"name": "step_before", "value": 0.5, "low": 0.4, "high": 0.6}
    page = Page(write_evaluation_report(a_run(tmp_path / "run", floor=floor)))
    text = page.text
    assert "1.000 floor 0.50" in text, "in the list"
    lines = [found for tag, found in page.elements if found.get("class") == "floor"]
    assert [found["style"] for found in lines] == ["left: 50.0%"] * 9, "in seven rows and at two steps"
    assert json.loads(page.texts["script"][0])["floor"] == 0.5
    assert "floor: the step before, repeated 0.500 0.400 to 0.600" in text
    assert "The similarity lies +0.250" in text
    unknown = Page(write_evaluation_report(a_run(tmp_path / "later", floor={**floor, "name": "of_tomorrow"}))).text
    assert "floor: of_tomorrow 0.500" in unknown
    without = Page(write_evaluation_report(a_run(tmp_path / "without")))
    words = NOT_GIVEN.replace("`", "")  # which the page shows as code
    assert f"The floor of this similarity is not known: {words}." in without.text
    assert "floor" not in without.attributes("class")
    path = tmp_path / "without" / "results.json"
    results = json.loads(path.read_text())
    del results["steps"]["no_floor"]
    path.write_text(json.dumps(results))
    earlier = Page(write_evaluation_report(tmp_path / "without"))
    assert "not known: the run was made before floors were measured." in earlier.text


def test_attempts_reach_the_script_as_they_are(tmp_path):
    page = Page(write_evaluation_report(a_run(tmp_path / "run")))
    data = json.loads(page.texts["script"][0])
    words, fields = data["words"], data["fields"]
    found = [
        (
            data["arms"][row[0]],
            row[1],
            words[row[fields.index("verdict")]],
            [words[w] for w in row[fields.index("flags")]],
        )
        for row in data["problems"][1]["rows"]
    ]
    assert found == [
        (["whole", "greedy"], 0, "failed", ["failed"]),
        (["whole", "sampled"], 0, "wrong", []),
        (["whole", "sampled"], 1, "wrong", []),
        (["loop", "greedy"], 0, "no_answer", ["format_fault", "no_answer"]),
    ]


def test_an_undecided_answer_is_counted_and_can_be_searched_for(tmp_path):
    found = greedy({"a": "r", "b": "w"})
    found[1].verdict = Verdict.UNDECIDED
    page = Page(write_evaluation_report(write_run(tmp_path / "run", problems("ab"), found)))
    assert "undecided" in page.text
    assert "Answers that the grader did not decide may be right or not, and count as not right." in page.text
    data = json.loads(page.texts["script"][0])
    row = data["problems"][1]["rows"][0]
    assert [data["words"][w] for w in row[data["fields"].index("flags")]] == ["undecided"]


def test_a_page_replaces_the_one_before_whole_or_not_at_all(tmp_path, monkeypatch):
    run = write_run(tmp_path / "run", problems("ab"), greedy({"a": "r", "b": "w"}, text="long " * 2_000_000))
    (run / "report").mkdir()
    (run / "report/notes.txt").write_text("a user's own")
    first = write_evaluation_report(run).read_text()
    side = {p.name for p in (run / "report").iterdir()}
    assert len(side) == 2

    lines = (run / SAMPLES).read_text()
    (run / SAMPLES).write_text(lines + "no JSON\n")
    with pytest.raises(OutputError, match="line 3: no JSON object"):
        write_evaluation_report(run)
    assert (run / "report.html").read_text() == first
    assert {p.name for p in (run / "report").iterdir()} == side

    (run / SAMPLES).write_text(lines)
    write_evaluation_report(run)
    again = {p.name for p in (run / "report").iterdir()}
    assert len(again) == 2
    assert again & side == {"notes.txt"}
    assert {p.name for p in run.iterdir()} == {
        "run.json", "problems.jsonl", "samples.jsonl", "results.json", "report.html", "report"
    }  # fmt: skip


def test_one_run_points_at_the_comparison_with_another(tmp_path):
    text = Page(write_evaluation_report(a_run(tmp_path / "run"))).text
    assert f"treadle compare OTHER {tmp_path / 'run'} -o FOLDER" in text
    # Of eight attempts one of each kind is right; one was not generated, and two loops ended by their format.
    assert "6 of 8 attempts are not right: 2 broke the format, 3 wrong answer, 1 not generated." in text


def test_a_page_without_attempts(tmp_path):
    page = Page(write_evaluation_report(write_run(tmp_path / "run", [], [], [step("t", 1, "a", "b")])))
    assert "1 step of 1 trajectory" in page.text
    assert "one trajectory, no interval" in page.text


def test_behaviours_stand_with_what_is_known_of_their_detectors(tmp_path):
    run = a_run(tmp_path / "run")
    thought = "Let me check this: 2 + 2 = 4. Wait, that is wrong, let me try another way."
    samples = greedy({"a": "r"}, text=f"<think>{thought}</think>4", thoughts=[thought])
    results = json.loads((run / RESULTS).read_text())
    results["behaviours"] = {"amc23/whole/greedy": behaviour_figures(samples)}
    (run / RESULTS).write_text(json.dumps(results))
    text = Page(write_evaluation_report(run)).text
    assert "amc23, whole, greedy 1 attempts" in text
    seen = {
        name for name, one in results["behaviours"]["amc23/whole/greedy"]["behaviours"].items() if one["share"]["value"]
    }
    assert 0 < len(seen) < len(MEASURED)
    for behaviour, measured in MEASURED.items():
        precision, recall = (f"{part} of {whole}" for part, whole in (measured["precision"], measured["recall"]))
        # Of what no attempt has, only what its detector misses tells anything.
        assert (precision if behaviour in seen else f"{behaviour} (recall {recall})") in text
    assert "in none of 1 attempts, " in text
    assert "Precision and recall were measured on labelled traces" in text


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"problem": "nope"}, r"attempt 1: is at \('amc23', 'nope'\), no problem of the run"),
        ({"verdict": "maybe"}, "attempt 1: verdict: .*'right'.*found 'maybe'"),
        ({"text": None}, "attempt 1: text: .*found None"),
    ],
)
def test_damaged_attempts_are_named_in_a_line(tmp_path, change, found):
    run = a_run(tmp_path / "run")
    first, *others = (run / SAMPLES).read_text().splitlines()
    (run / SAMPLES).write_text("\n".join([json.dumps({**json.loads(first), **change}), *others]) + "\n")
    with pytest.raises(OutputError, match=found + ".*--regrade"):
        write_evaluation_report(run)


def test_results_that_are_none_are_named_in_a_line(tmp_path):
    run = a_run(tmp_path / "run")
    (run / RESULTS).write_text("[]")
    with pytest.raises(OutputError, match=r"results.json: found list, expected an object; .*--regrade"):
        write_evaluation_report(run)


class TestAgainst:
    def test_flips_and_tests(self, tmp_path):
        here, there = (dict(zip("abcd", verdicts, strict=True)) for verdicts in ("rrww", "wrrw"))
        run = write_run(tmp_path / "run", problems("abcd"), greedy(here), model="org/srl")
        other = write_run(tmp_path / "other", problems("abcd"), greedy(there, n_tokens=40), model="org/base")
        page = Page(write_evaluation_report(run, other))
        assert "What changed against org/base" in page.text
        assert "srl against base: cannot be told apart in 1 of 1 figure ." in page.text
        # 20 tokens of each attempt here, 40 there.
        assert "amc23, whole, greedy 0.50" in page.text
        assert page.text.count("was ✗") == 1
        assert page.text.count("was ✓") == 1

    def test_other_problems_under_the_same_ids_are_not_compared(self, tmp_path):
        both = [*problems("ab"), *problems("xy", "aime24")]
        attempts = [*greedy({"a": "r", "b": "w"}), *greedy({"x": "r", "y": "w"}, "aime24")]
        changed = [*problems("ab", statement="Else {}?"), *problems("xz", "aime24")]
        there = [*greedy({"a": "w", "b": "r"}), *greedy({"x": "w", "z": "w"}, "aime24")]
        page = Page(
            write_evaluation_report(
                write_run(tmp_path / "run", both, attempts), write_run(tmp_path / "o", changed, there)
            )
        )
        assert "amc23: the other run has no problem of it that is the same" in page.text
        assert "aime24: problems that are the same in both runs: 1, of 2 here and 2 there" in page.text
        assert "aime24, whole, greedy 1 0 0" in page.text

    def test_nothing_in_common(self, tmp_path):
        run = write_run(tmp_path / "run", problems("a"), greedy({"a": "r"}))
        other = write_run(tmp_path / "other", problems("b"), greedy({"b": "r"}))
        with pytest.raises(DataError, match=r"no problem in common .*its benchmarks: amc23; expected some of amc23"):
            write_evaluation_report(run, other)
        assert not (run / "report.html").exists()


class TestCommand:
    @pytest.fixture
    def app(self):
        app = typer.Typer()
        app.command()(view)
        return app

    def test_it_says_where_the_page_is(self, app, tmp_path):
        run = a_run(tmp_path / "run")
        found = CliRunner().invoke(app, [str(run)])
        assert found.exit_code == 0
        assert found.output.split() == ["written", "to", f"{run}/report.html", "(0.1", "MB)"]

    def test_a_folder_that_is_no_run(self, app, tmp_path):
        found = CliRunner().invoke(app, [str(tmp_path)])
        assert isinstance(found.exception, OutputError)
        assert "expected a folder written by `treadle evaluate" in str(found.exception)
        assert list(tmp_path.iterdir()) == []

    def test_a_run_that_vanished(self, app, tmp_path):
        run = a_run(tmp_path / "run")
        shutil.rmtree(run)
        assert isinstance(CliRunner().invoke(app, [str(run)]).exception, OutputError)


def test_scripts_are_part_of_the_package():
    for name in _SCRIPTS:
        assert name.endswith(".j2"), "the package ships its .j2 files alone"


def test_nothing_is_a_formula_where_actions_are_code(tmp_path):
    """Two sets with the same text: a domain's whose actions are code, and one of mathematics."""
    text = "<think>so</think>echo $\\frac{1}{2}$"
    both = [Problem("a", "Say $\\sqrt{2}$.", "7", domain=domain, benchmark=domain) for domain in ("lean", "math")]
    attempts = [attempt(domain, "a", "whole", "greedy", 0, text=text) for domain in ("lean", "math")]
    page = Page(write_evaluation_report(write_run(tmp_path / "both", both, attempts)))
    code, plain = json.loads(page.texts["script"][0])["problems"]
    assert (code["benchmark"], code["code"]) == ("lean", True)
    assert "code" not in plain
    alone = Page(write_evaluation_report(write_run(tmp_path / "alone", both[:1], attempts[:1])))
    assert json.loads(alone.texts["script"][0])["formulas"] == {}
    assert "$\\frac{1}{2}$" in json.loads(page.texts["script"][0])["formulas"]


def test_a_run_of_a_domain_that_is_not_here_is_shown(tmp_path):
    problem = [Problem("a", "Walk.", "7", domain="elsewhere", benchmark="set")]
    found = [attempt("set", "a", "whole", "greedy", 0, text="<think>x</think>$\\frac{1}{2}$")]
    page = Page(write_evaluation_report(write_run(tmp_path / "run", problem, found)))
    assert "code" not in json.loads(page.texts["script"][0])["problems"][0]


@pytest.mark.parametrize(("domain", "formulas"), [("lean", 0), ("math", 1)])
def test_flips_of_a_domain_of_code_hold_no_formulas(tmp_path, domain, formulas):
    problem = [Problem("a", "Say it.", "7", domain=domain, benchmark="set")]
    runs = [
        write_run(
            tmp_path / verdict, problem, [attempt("set", "a", "whole", "greedy", 0, verdict, text="say $\\frac{1}{2}$")]
        )
        for verdict in "wr"
    ]
    page = write_evaluation_report(runs[1], against=runs[0]).read_text()
    (sides,) = [part.split('class="sides"')[1].split("</details>")[0] for part in page.split('class="flipped"')[1:]]
    assert sides.count("<mfrac") == 2 * formulas
    assert "$\\frac{1}{2}$" in sides
