"""`domain.yaml` to the letter: each key wrong in turn, and the message that mends it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.domains.folders import write_domain
from treadle.domains.domain import Command, Graded, Hosted, Limits, ProblemSet
from treadle.domains.folder import read_folder
from treadle.errors import DomainError


def test_every_key_is_read(tmp_path):
    folder = write_domain(
        tmp_path / "field",
        """
name: field
about: Moves.
steps: calls
ends: environment
split: field.py:split
reward: exact
same: field.py:same
shown: code
verdict: {place: field.py:judge, seconds: 2, memory_mb: 512}
environment: world.py:World
problems:
  test: {file: sets/test.jsonl, count: 5, sha256: 0123abcd}
  more: more.jsonl
""",
    )
    (folder / "sets").mkdir()
    for name in ("sets/test.jsonl", "more.jsonl"):
        (folder / name).touch()
    domain = read_folder(folder)
    assert (domain.name, domain.about, domain.folder) == ("field", "Moves.", folder)
    assert (domain.steps, domain.ends, domain.split, domain.shown) == ("calls", "environment", "field.py:split", "code")
    assert (domain.reward, domain.same) == ("exact", "field.py:same")
    assert domain.verdict == Hosted("field.py:judge", Limits(2, 512))
    assert domain.environment == Hosted("world.py:World", Limits(5, 2048))
    assert domain.problems == {
        "test": ProblemSet("sets/test.jsonl", 5, "0123abcd"),
        "more": ProblemSet("more.jsonl"),
    }


def test_what_is_left_out_has_a_default(tmp_path):
    domain = read_folder(write_domain(tmp_path / "field", "name: field"))
    assert (domain.steps, domain.ends, domain.reward, domain.same, domain.shown) == (
        *("text", "boxed", "similarity", "text"),
        "text",
    )
    assert domain.verdict is None
    assert (domain.boxed, domain.acts, domain.of_calls, domain.compares, domain.as_code) == (True, *(False,) * 4)
    assert domain.written


@pytest.mark.parametrize(
    ("verdict", "found"),
    [
        ("math", Graded("math")),
        ("{kind: integer}", Graded("integer")),
        ("field.py:judge", Hosted("field.py:judge")),
        ("{command: [judge, --all], seconds: 1}", Command(("judge", "--all"), Limits(1))),
    ],
)
def test_a_verdict_in_short_and_in_full(tmp_path, verdict, found):
    assert read_folder(write_domain(tmp_path / "field", f"name: field\nverdict: {verdict}")).verdict == found


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("abuot: x", ("unknown key 'abuot'", "did you mean 'about'?")),
        ("colour: x", ("unknown key 'colour'", "known keys: name, about, steps")),
        ("about: [x]", ("about: found ['x']", "valid string")),
        ("steps: words", ("steps: found 'words'", "'text' or 'calls'")),
        ("ends: box", ("ends: found 'box'", "'boxed', 'environment' or 'none'")),
        ("ends: environment", ("ends: environment, and there is none", "add environment: world.py:World")),
        ("split: words", ("split", "found 'words'", "expected file.py:name or package.module:name")),
        ("split: ../a.py:f", ("split", "found '../a.py:f'", "within the domain's folder")),
        ("same: field.py", ("same", "found 'field.py'", "expected")),
        ("shown: html", ("shown: found 'html'", "'text' or 'code'")),
        ("reward: 3", ("reward: found 3", "valid string")),
        ("verdict: /a.py:f", ("verdict.place", "found '/a.py:f'", "within the domain's folder")),
        ("verdict: {}", ("verdict: found none", "expected one of kind, place and command")),
        ("verdict: {kind: math, place: a.py:f}", ("found kind and place", "expected one of")),
        ("verdict: {kind: maths}", ("verdict.kind: found 'maths'", "'math'")),
        ("verdict: {command: []}", ("verdict.command: found []", "at least 1 item")),
        ("verdict: {place: a.py:f, seconds: 0}", ("verdict.seconds: found 0", "greater than 0")),
        ("verdict: {place: a.py:f, second: 1}", ("unknown key 'verdict.second'", "did you mean 'seconds'?")),
        ("environment: {place: a.py:W, memory_mb: 1}", ("environment.memory_mb: found 1", "64")),
        ("environment: {}", ("missing key 'environment.place'", "add it")),
        ("problems: {test: none.jsonl}", ("problems.test: no file none.jsonl", "add it, or mend its name")),
        ("problems: {test: ../rows.jsonl}", ("problems.test.file", "found '../rows.jsonl'", "within the domain's")),
        ("problems: {test: /etc/passwd}", ("problems.test.file", "found '/etc/passwd'", "within the domain's")),
        ("problems: {test: {file: a, sha256: xyz}}", ("problems.test.sha256: found 'xyz'", "pattern")),
        ("problems: {test: {file: a, count: 0}}", ("problems.test.count: found 0", "greater than or equal to 1")),
        ("problems: {'a/b': a}", ("a/b", "cannot be a name")),
    ],
)
def test_what_is_wrong_is_named_with_file_and_key(tmp_path, line, said):
    folder = write_domain(tmp_path / "field", f"name: field\n{line}\n")
    with pytest.raises(DomainError) as error:
        read_folder(folder)
    assert str(error.value).startswith(f"{folder / 'domain.yaml'}: ")
    for part in said:
        assert part in str(error.value)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("about: x", "missing key 'name'; add it"),
        ("name: a b", "name: 'a b' cannot be a name"),
        ("name: ..", "name: '..' cannot be a name"),
        ("- x", "found list, expected keys such as name"),
        ("", "found NoneType, expected keys such as name"),
        ("name: [", "domain.yaml"),
        ("name: !!python/object/apply:os.system [ls]", "domain.yaml"),
    ],
)
def test_no_name_and_no_keys(tmp_path, content, said):
    with pytest.raises(DomainError, match=r"domain\.yaml") as error:
        read_folder(write_domain(tmp_path / "field", content))
    assert said in str(error.value)


def test_no_folder_and_no_template(tmp_path):
    with pytest.raises(DomainError, match=r"nothing: no domain\.yaml; expected a domain's folder"):
        read_folder(tmp_path / "nothing")
    folder = write_domain(tmp_path / "field")
    (folder / "step.j2").unlink()
    with pytest.raises(DomainError, match=r"field: no step\.j2, the template that asks for one step; add it"):
        read_folder(folder)


@given(st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=20))
def test_folders_may_have_any_name(tmp_path_factory, name):
    folder = write_domain(tmp_path_factory.mktemp("any") / f"{name} é")
    assert read_folder(folder).folder == folder
