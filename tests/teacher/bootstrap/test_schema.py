"""Recipes with a section `bootstrap`: what is read, refused and printed again."""

from __future__ import annotations

import pytest
import yaml

from tests.domains.folders import write_domain
from treadle.domains.registry import find
from treadle.errors import RecipeError
from treadle.teacher.bootstrap.schema import load_bootstrap, resolved

CONTENT = {
    "model": "miniature",
    "output": "runs/own",
    "stages": [{"kind": "sft"}],
    "bootstrap": {"problems": "p.jsonl", "held_out": "h.jsonl"},
}


@pytest.fixture
def recipe(tmp_path):
    def write(changes=(), **keys):
        content = {**CONTENT, **keys}
        path = tmp_path / "recipe.yaml"
        path.write_text(yaml.safe_dump({k: v for k, v in content.items() if v is not None}))
        return load_bootstrap(path, changes)

    return write


def test_overrides_reach_both_parts(recipe):
    found = recipe(["bootstrap.rounds=5", "stages.sft.epochs=7"])
    assert (found.rounds.rounds, found.training.stages[0].epochs, found.expert) == (5, 7, False)
    assert recipe(data="data/experts").expert


def test_what_is_printed_is_read_again_as_the_same(recipe, tmp_path):
    found = recipe(["bootstrap.samples=3"])
    path = tmp_path / "again.yaml"
    path.write_text(resolved(found))
    assert load_bootstrap(path) == found


@pytest.mark.parametrize(
    ("changes", "keys", "message"),
    [
        ((), {"bootstrap": None}, "no section 'bootstrap'"),
        (("bootstrap.sample=3",), {}, "unknown key 'sample'; did you mean 'samples'?"),
        (("bootstrap.train_from=first",), {}, "train_from: found 'first'"),
        (("bootstrap.temperature=0",), {}, "temperature"),
        (("bootstrap.help=prefix",), {}, "set mode=loop"),
        (("stages.sft.epoch=3",), {}, "did you mean 'epochs'?"),
        ((), {"bootstrap": {"problems": "p.jsonl"}}, "missing key 'held_out'"),
    ],
)
def test_wrong_recipes_are_refused(recipe, changes, keys, message):
    with pytest.raises(RecipeError) as error:
        recipe(changes, **keys)
    assert message in str(error.value)


def test_a_domain_by_its_folder_is_known_from_then_on(recipe, tmp_path, no_domains):
    folder = str(write_domain(tmp_path / "field"))
    bootstrap = {**CONTENT["bootstrap"], "domain": folder}
    assert recipe(bootstrap=bootstrap).rounds.domain == folder
    assert find("field").about
    with pytest.raises(
        RecipeError, match=r"recipe\.yaml, bootstrap: domain: no domain 'feild': did you mean 'field'\?"
    ):
        recipe(bootstrap={**bootstrap, "domain": "feild"})
