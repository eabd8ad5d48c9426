"""The page on domains says of `domain.yaml`, of templates and of verdicts what the code has."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from treadle.data.prompts import guided_frame, solve_prompt, step_prompt
from treadle.domains import folder
from treadle.domains.registry import BUILT_IN, use
from treadle.domains.verdict_words import read_verdict
from treadle.errors import DomainError
from treadle.trajectory import Step

pytestmark = pytest.mark.usefixtures("no_domains")
TEXT = (Path(__file__).parents[2] / "docs" / "domains.md").read_text(encoding="utf-8")
SECTIONS = {"verdict": folder._Verdict, "environment": folder._Hosted, "problems.NAME": folder._Problems}


def rows(heading):
    """The rows of the tables below a heading: their cells, without backticks in the first."""
    part = re.split(r"^## ", TEXT, flags=re.MULTILINE)
    text = next(one for one in part if one.startswith(heading))
    found = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| ")]
    return {cells[0].replace("`", "").strip(): [cell.strip(" |`") for cell in cells[1:]] for cells in found}


def test_every_key_of_domain_yaml_stands_there_with_its_default():
    said = {key: cells[0] for key, cells in rows("`domain.yaml`").items() if key != "key"}
    fields = dict(folder._File.model_fields)
    for section, model in SECTIONS.items():
        fields |= {f"{section}.{name}": field for name, field in model.model_fields.items()}
    assert said.keys() == fields.keys()
    for key, field in fields.items():
        if field.is_required():
            assert said[key] == "required", key
        elif isinstance(field.default, str | float | int) and field.default != "":
            assert said[key] == str(field.default), key


def test_short_ways_to_say_a_section(tmp_path):
    (block,) = re.findall(r"```yaml\n(verdict: math.*?)```", TEXT, re.DOTALL)
    (tmp_path / "step.j2").write_text("{{ problem }}")
    (tmp_path / "problems.jsonl").write_text("")
    for line in block.splitlines():
        short, _, whole = line.partition("#")
        found = []
        for value in filter(None, (yaml.safe_load(short), whole.strip() and yaml.safe_load(whole))):
            content = value if short.split(":")[0] in value else {short.split(":")[0]: value}
            (tmp_path / "domain.yaml").write_text(yaml.safe_dump({"name": "field", **content}))
            found.append(folder.read_folder(tmp_path))
        assert all(domain == found[0] for domain in found)


@pytest.fixture
def field(tmp_path):
    """A domain whose templates name all that the page says is there."""
    (tmp_path / "domain.yaml").write_text("name: field")
    variables = {name: cells[0] for name, cells in rows("Templates").items() if name != "variable"}
    for file in ("step.j2", "solve.j2", "solve_guided.j2", "system.j2"):
        given = [
            name for names, where in variables.items() if file in where or where == "all" for name in names.split(", ")
        ]
        (tmp_path / file).write_text(" ".join(f"{name}={{{{ {name} }}}}" for name in given))
    return use(str(tmp_path)).name


def test_templates_are_given_what_the_page_says_and_no_more(field, tmp_path):
    step_prompt(field, "p", [Step("a")], system="s")
    solve_prompt(field, "p")
    assert len(guided_frame(field, "p")) == 2
    (tmp_path / "step.j2").write_text("{{ solution }}")
    with pytest.raises(DomainError) as raised:
        step_prompt(field, "p", [])
    given = str(raised.value).rpartition("what it is given is ")[2].split(", ")
    said = {
        name
        for names, cells in rows("Templates").items()
        if "step.j2" in cells[0] or cells[0] == "all"
        for name in names.split(", ")
    }
    assert set(given) == said


def test_steps_have_what_the_page_says():
    (cell,) = (cells[1] for name, cells in rows("Templates").items() if name == "previous")
    names = re.findall(r"`(\w+)`", cell)
    assert names
    assert all(hasattr(Step("a"), name) for name in names)


def test_what_a_verdict_gives_counts_as_the_page_says():
    said = {value: cells[0] for value, cells in rows("Verdicts").items()}
    for value in (True, False, None):
        assert read_verdict(value, "")[0] == said[str(value)]
    assert read_verdict((False, "why"), "") == ("wrong", "why")
    assert read_verdict("unscorable", "") == ("unscorable", "")


def test_treadles_own_are_named():
    own = TEXT.partition("treadle's own are")[2].partition("\n\n")[0]
    assert set(BUILT_IN) <= set(re.findall(r"`(\w+)`", own))
