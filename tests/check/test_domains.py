"""What is said of the domains of prepared data before anything is trained."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.domains.folders import YAML, walks, write_domain, write_rows
from treadle.check.domains import described, domains
from treadle.check.results import Status
from treadle.check.run import check_recipe, stop_or_warn
from treadle.check.speech import round_trip
from treadle.data.prepare import PrepareSettings, prepare
from treadle.domains.digest import digest
from treadle.domains.domain import Command, Graded, Hosted
from treadle.domains.registry import VARIABLE, find, use
from treadle.errors import ModelError

pytestmark = pytest.mark.usefixtures("no_domains")


def write_judged(folder):
    """A domain whose verdict is always right."""
    write_domain(folder, YAML + "verdict: code.py:judge\n")
    (folder / "code.py").write_text("def judge(task, attempt):\n    return True\n")
    return folder


@pytest.fixture
def field(tmp_path):
    """A domain, and data of it where `subject` looks for it."""
    domain = use(str(write_judged(tmp_path / "field")))
    prepare(write_rows(tmp_path / "walks.jsonl", walks(6)), tmp_path / "data", PrepareSettings(domain="field"))
    return domain


def test_it_says_who_judges(field, subject):
    (found,) = domains(subject())
    assert found == ("domains", Status.OK, "field (Moves on a line): attempts are judged by code.py:judge")


def test_problems_without_an_answer_have_no_text_to_come_back(tmp_path, subject):
    domain = use(str(write_judged(tmp_path / "field")))
    rows = [{name: value for name, value in row.items() if name != "answer"} for row in walks(6)]
    prepare(write_rows(tmp_path / "walks.jsonl", rows), tmp_path / "data", PrepareSettings(domain=domain.name))
    it = subject({"kind": "rlvr", "prompts_per_step": 2, "rollouts": 4, "micro_batch": 8})
    assert it.rows(it.stages[0])[0]["answer"] is None
    assert list(round_trip(it)) == []


@pytest.mark.parametrize(
    ("verdict", "judge"),
    [
        (Graded("integer"), "treadle's grader (integer)"),
        (Hosted("a.b:f"), "a.b:f"),
        (Command(("judge", "--all")), "judge --all"),
        (None, "nobody"),
    ],
)
def test_who_may_judge(verdict, judge):
    assert described(replace(find("math"), verdict=verdict, about="")) == f"math: attempts are judged by {judge}"


def test_other_templates_are_a_warning(field, subject):
    then = digest(field)
    (field.folder / "step.j2").write_text("{{ problem }} Go on.")
    warned, said = domains(subject())
    assert (warned.id, warned.status, said.status) == ("domain.field", Status.WARNING, Status.OK)
    assert f"({digest(field)}) than when" in warned.message
    assert f"was prepared ({then})" in warned.message
    assert "prepare the data again with --overwrite" in warned.message


def test_an_unknown_domain_stops_with_one_line(field, subject, monkeypatch):
    monkeypatch.setenv(VARIABLE, "")
    (found,) = domains(subject())
    assert (found.id, found.status) == ("domain.field", Status.ERROR)
    assert "no domain 'field'" in found.message
    assert "`domain: FOLDER` in a recipe" in found.message
    with pytest.raises(ModelError, match="no domain 'field'"):
        stop_or_warn(check_recipe(subject().recipe))


def test_a_recipe_that_names_the_folder_mends_it(field, subject, monkeypatch):
    monkeypatch.setenv(VARIABLE, "")
    made = subject(domain=str(field.folder))
    assert [check.status for check in domains(made)] == [Status.OK]


def test_data_of_treadles_own_domains(prepared, subject):
    (found,) = domains(subject())
    assert found.message.startswith("miniature (The quick start's chained arithmetic)")


def test_without_data_nothing_is_said(subject):
    assert list(domains(subject(data=False))) == []
    assert list(domains(subject())) == [], "there is none, as `data` says"
