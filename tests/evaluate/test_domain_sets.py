"""Sets of a domain by name, with their count and content."""

from __future__ import annotations

import pytest

from tests.domains.folders import YAML, walks, write_domain, write_rows
from treadle.cli.problems import sets_of
from treadle.domains.registry import use
from treadle.errors import DataError, DomainError
from treadle.evaluate.domain_sets import load_set
from treadle.evaluate.known_sets import content_hash

pytestmark = pytest.mark.usefixtures("no_domains")
HASH = content_hash([(f"Walk to {i}.", str(i)) for i in range(3)])
PROBLEMS = "problems:\n  test: {{file: test.jsonl, count: {}, sha256: '{}'}}\n  any: test.jsonl\n"


@pytest.fixture
def field(tmp_path):
    def write(count=3, sha256=HASH, verdict="integer"):
        folder = tmp_path / "field"
        folder.mkdir()
        rows = [{name: row[name] for name in ("id", "problem", "answer")} for row in walks(3)]
        write_rows(folder / "test.jsonl", rows)
        return use(str(write_domain(folder, YAML + f"verdict: {verdict}\n" + PROBLEMS.format(count, sha256))))

    return write


@pytest.mark.parametrize("digits", [64, 8])
def test_a_set_is_read_with_its_domain(field, digits):
    field(sha256=HASH[:digits])
    found = load_set("field/test")
    assert (found.name, found.sha256) == ("field/test", HASH)
    assert [(p.id, p.problem, p.answer, p.domain, p.kind, p.benchmark) for p in found.problems] == [
        (f"walk-{i}", f"Walk to {i}.", str(i), "field", "integer", "field/test") for i in range(3)
    ]


def test_the_command_takes_it_beside_others(field):
    field()
    assert [s.name for s in sets_of(["field/test,field/any"], None, None, "heldout", None)] == [
        "field/test",
        "field/any",
    ]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"count": 5}, "found 3 problems, expected 5, as "),
        ({"sha256": "0123abcd"}, f"found the content hash {HASH[:16]}, expected 0123abcd, as "),
        ({"count": 2, "sha256": "0123abcd"}, "found 3 problems, expected 2 and the content hash "),
    ],
)
def test_another_content_is_refused_with_the_line_that_takes_it(field, change, said):
    folder = field(**change).folder
    with pytest.raises(DataError) as error:
        load_set("field/test")
    message = str(error.value)
    assert message.startswith(f"{folder / 'test.jsonl'}: {said}")
    assert message.endswith(f"problems there: test: {{file: test.jsonl, count: 3, sha256: '{HASH[:16]}'}}")
    assert len(load_set("field/any").problems) == 3, "which says nothing of count and content"


def test_what_is_not_there(field):
    field()
    with pytest.raises(DataError, match=r"--benchmark field/tset: .* no set 'tset'; did you mean field/test\?"):
        load_set("field/tset")
    with pytest.raises(DataError, match="no set 'xyz'; it has test, any"):
        load_set("field/xyz")
    with pytest.raises(DataError, match=r"the domain 'math' has no sets; name one under problems in .*domain\.yaml"):
        load_set("math/test")
    with pytest.raises(DomainError, match=r"no domain 'feild': did you mean 'field'\?"):
        load_set("feild/test")


def test_what_the_world_is_set_up_from_is_content():
    pair = [("Sell it.", "")]
    assert content_hash(pair) == content_hash(pair, [None])
    hashes = {content_hash(pair, [setup]) for setup in (None, {"seed": 1}, {"seed": 2}, {"seed": 1, "of": 3})}
    assert len(hashes) == 4
    assert content_hash(pair, [{"seed": 1, "of": 3}]) == content_hash(pair, [{"of": 3, "seed": 1}])


def test_a_file_is_told_how_it_is_given(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "some").mkdir()
    write_rows(tmp_path / "some" / "walks.jsonl", walks(1))
    with pytest.raises(DataError, match=r"--benchmark some/walks\.jsonl: a file, .* give it with --data some/walks"):
        load_set("some/walks.jsonl")
