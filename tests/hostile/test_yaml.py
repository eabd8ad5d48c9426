from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.hostile.recipes import SRL, recipe, write
from tests.hostile.yaml_cases import COLLECTED
from treadle.errors import RecipeError, TreadleError
from treadle.files.yaml_reading import MOST_BYTES, parse_yaml
from treadle.recipe.overrides import apply_override
from treadle.recipe.reading import load_recipe, parse_recipe

HEAD = "model: miniature\ndata: prepared\noutput: run\n"
END = "stages: [{kind: srl}]\n"


def aliases(levels: int, each: int) -> str:
    """Lists of the lists before: `each**levels` values."""
    lines = [f"l0: &l0 [{', '.join(['lol'] * each)}]"]
    lines += [f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * each)}]" for n in range(1, levels)]
    return "\n".join(lines) + "\n"


DEEP = "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}]\n" for n in range(1, 60))
MERGED = "a: &b0 {x: 1}\n" + "".join(f"b{n}: &b{n} {{<<: [{', '.join([f'*b{n - 1}'] * 9)}]}}\n" for n in range(1, 9))
REFUSED = {
    "multiplied aliases": (aliases(9, 9), 4, "more than 2,000 values with aliases"),
    "aliases deep in one another": (DEEP, 32, "32 levels"),  # the 32nd has 31 lists around a list of one value
    "merged aliases": (MERGED, 4, "2,000 values"),
    "an alias within itself": ("a: &a [1, *a]", 1, "holds itself"),
    "a section within itself": ("a: &a\n  b: *a", 1, "holds itself"),
    "an unknown alias": ("a: *hunter2", 1, "undefined alias '...'"),
    "lists in lists": ("a: " + "[" * 30_000, 1, "more than 32 levels"),
    "sections in sections": ("\n".join(" " * n + "a:" for n in range(200)), 32, "more than 32 levels"),
    "many values": ("a:\n" + "- 1\n" * 12_000, None, "more than 2,000 values"),
    "megabytes": ("# " + "x" * MOST_BYTES, None, "more than 64 KiB"),
    "a second time": ("a: 1\nb: 2\na: 3", 3, "the key 'a' a second time"),
    "a python tag": ("a: !!python/object/apply:os.system ['touch PWNED']", 1, "a tag (!)"),
    "another tag": ("a: 1\nb: !hunter2 x", 2, "a tag (!)"),
    "binary": ("a: !!binary aGFsbG8=", 1, "a tag (!)"),
    "two documents": ("a: 1\n---\nb: 2", 2, "a second document"),
    "a tab": ("a:\n\tb: 1", 2, "a tab; indent with spaces"),
    "infinity": ("a: 1\nb: .inf", 2, "not finite"),
    "no number": ("a: .nan", 1, "not finite"),
    "too large a number": ("a: 1e999", 1, "not finite"),
    "digits": ("a: " + "9" * 30, 1, "more than 64 bits hold"),
    "thousands of digits": ("a: " + "9" * 6_000, 1, "too long"),
    "Norway": ("no: 1", 1, "a key 'no', which is read as no text; put it into quotes"),
    "a number as key": ("1: x", 1, "a key '1'"),
    "a list as key": ("? [a]\n: b", 1, "a key that is a list"),
    "no key": ("~: 1", 1, "a key '~'"),
    "half a character": ('a: "\\ud800"', 1, "0xd800"),
    "an unseen character": ('a: "\\x1b[2J"', 1, "0x1b"),
    "NUL": ('a: "\\0"', 1, "0x0"),
    "a bare control character": ("a: 1\nb: \x01", 2, "0x1"),
    "beyond Unicode": ('a: "\\U7fffffff"', 1, "no character"),
    "no end": ("a: 'x", 1, "correct it"),
    "colons": ("a: b: c", 1, "correct it"),
    "two anchors": ("a: &x 1\nb: &x 2", 2, "an anchor"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_at_once_with_the_line(tmp_path, name):
    text, line, said = REFUSED[name]
    (tmp_path / "r.yaml").write_text(text)
    with pytest.raises(RecipeError) as caught:
        load_recipe(tmp_path / "r.yaml")
    message = str(caught.value)
    assert said in message
    assert line is None or f"r.yaml, line {line}: " in message
    assert "\n" not in message
    assert len(message) < 400
    assert "hunter2" not in message, "what looks like an alias may be a password"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "found nothing"),
        (b"# nothing\n", "found nothing"),
        (b"- a", "found list"),
        (b"5", "found int"),
        (b"text", "found str"),
        (b"a: 1\nb: \xff", "line 2: not UTF-8 (byte 0xff)"),
        ("model: m".encode("utf-16"), "line 1: not UTF-8"),
        (b"\x00" * 100, "the character 0x0"),
        (b"\x80" * 200_000, "more than 64 KiB"),
    ],
)
def test_files_that_are_no_recipes(tmp_path, content, said):
    (tmp_path / "r.yaml").write_bytes(content)
    with pytest.raises(RecipeError, match=re.escape(said)):
        load_recipe(tmp_path / "r.yaml")


def test_what_is_read_as_written():
    text = "a: [1e-5, 1e5, 0.5, .5, 0x1F, 1_000, yes, off, ~]\nb: [2025-01-01, 010, 1:30, '1e5', nan, 12e]\n"
    assert parse_yaml(text, "r") == {
        "a": [1e-5, 1e5, 0.5, 0.5, 31, 1000, True, False, None],
        "b": ["2025-01-01", "010", "1:30", "1e5", "nan", "12e"],
    }


def test_merges_and_copies(tmp_path):
    (tmp_path / "r.yaml").write_text(
        HEAD + "stages:\n  - &a {kind: srl, name: one, trl: {top_k: 5}}\n  - {<<: *a, name: two}\n"
    )
    one, two = load_recipe(tmp_path / "r.yaml", ["stages.one.trl.top_k=7"]).stages
    assert (one.trl, two.trl, two.name) == ({"top_k": 7}, {"top_k": 5}, "two"), "an alias is a copy"


@pytest.mark.parametrize("name", ["r_bomb", "r_bomb2", "r_recursive", "r_python"])
def test_the_collected_ones(treadle, scratch, name):
    (scratch / "r.yaml").write_text(COLLECTED[name])
    outcome = treadle("train", "r.yaml", more_mib=512)
    outcome.refused("r.yaml, line")
    assert outcome.mib < 100
    assert not list(Path(scratch).glob("PWNED*"))


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("stages.srl.trl=" + "[" * 2000, "more than 32 levels"),
        ("stages.srl.trl={a: &a [*a]}", "holds itself"),
        ("max_hours=.inf", "not finite"),
        ("max_hours=inf", "max_hours: found 'inf'"),
        ("stages.srl.learning_rate=nan", "learning_rate: found 'nan'"),
        ("seed=" + "9" * 5000, "too long"),
        ("seed=!!python/name:os.system", "a tag (!)"),
        ("a" + ".a" * 5000 + "=1", "at most 32"),
        ("stages.0.kind.x=1", "is a value, not a section"),
        ("stages." + "9" * 5000 + "=1", "no stage"),
        ("=1", "expected key.path=value"),
        ("model=" + "x" * 70_000, "more than 64 KiB"),
        ("model=a: b: c", "override of model, line 1"),
    ],
)
def test_overrides(tmp_path, override, said):
    with pytest.raises(RecipeError) as caught:
        load_recipe(write(tmp_path), [override])
    assert said in str(caught.value)
    assert len(str(caught.value)) < 600


def test_an_override_below_a_stage_that_is_no_section():
    with pytest.raises(RecipeError, match="is a value, not a section"):
        apply_override({"stages": ["srl"]}, "stages.0.max_steps=1")


# Fuzz: any text, any structure and any override is a recipe or a mistake that is explained.

WORDS = ["srl", "sft", "x", "..", ""]
SCALARS = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8), st.sampled_from(WORDS))
NAMES = ["model", "data", "output", "stages", "kind", "trl", "lora", "prompts", "name", "seed", "date", "report_to"]
KEYS = st.one_of(st.sampled_from(NAMES), st.text(max_size=5))
VALUES = st.recursive(SCALARS, lambda v: st.lists(v, max_size=4) | st.dictionaries(KEYS, v, max_size=4), max_leaves=12)
PATHS = st.lists(st.one_of(KEYS, st.sampled_from(["0", "1", "srl", "9"])), min_size=1, max_size=4).map(".".join)
MARKS = st.text(st.sampled_from("abk:-[]{}&*!|>'\"%@`#,? \n\t~<=.0123456789e"), max_size=60)
TEXTS = st.one_of(st.text(max_size=60), MARKS)


def explained(call) -> None:
    with suppress(TreadleError):
        call()


def fuzz(examples: int):
    return settings(max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck), database=None)


def anything(text: str, content: dict, value: object, path: str, written: str) -> None:
    explained(lambda: parse_yaml(text, "r"))
    explained(lambda: parse_yaml(HEAD + text + END, "r"))
    explained(lambda: parse_recipe(content))
    changed = recipe()
    explained(lambda: apply_override(changed, f"{path}={written}"))
    explained(lambda: parse_recipe(changed))
    last = path.rsplit(".", 1)[-1]
    explained(lambda: parse_recipe(recipe(**{last: value})))
    explained(lambda: parse_recipe(recipe(stages=[{**SRL, last: value}])))
    explained(lambda: parse_recipe(recipe(stages=[{**SRL, "trl": {last: value}}])))


@fuzz(25)
@given(TEXTS, st.dictionaries(KEYS, VALUES, max_size=5), VALUES, PATHS, TEXTS)
def test_anything_is_explained(text, content, value, path, written):
    anything(text, content, value, path, written)


@pytest.mark.slow
@fuzz(1_000)
@given(TEXTS, st.dictionaries(KEYS, VALUES, max_size=5), VALUES, PATHS, TEXTS)
def test_anything_is_explained_for_long(text, content, value, path, written):
    anything(text, content, value, path, written)
