"""The key `domain` of a recipe."""

from __future__ import annotations

import pytest
import yaml

from tests.domains.folders import write_domain
from treadle.domains.registry import find, get
from treadle.errors import RecipeError
from treadle.recipe.identity import identity, what_differs
from treadle.recipe.reading import load_recipe, parse_recipe, resolved

pytestmark = pytest.mark.usefixtures("no_domains")
CONTENT = {"model": "m", "data": "d", "output": "o", "stages": [{"kind": "srl"}]}


def test_it_is_known_when_the_recipe_is_read_relative_to_where_one_stands(tmp_path, monkeypatch):
    write_domain(tmp_path / "a field")
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(CONTENT))
    monkeypatch.chdir(tmp_path)
    recipe = load_recipe(tmp_path / "recipe.yaml", ["domain=./a field"])
    assert recipe.domain == "./a field"
    assert find("field").folder == tmp_path / "a field"
    assert "domain: ./a field\n" in resolved(recipe)


def test_a_name_that_is_known(tmp_path):
    assert parse_recipe({**CONTENT, "domain": "lean"}).domain == "lean"


@pytest.mark.parametrize(
    ("domain", "said"),
    [
        ("lena", "recipe: domain: no domain 'lena': did you mean 'lean'?"),
        ("./nowhere", "nowhere: no domain.yaml; expected a domain's folder"),
        ("./wrong", "domain.yaml: unknown key 'abuot'; did you mean 'about'?"),
        ("", "domain"),
        (3, "domain"),
    ],
)
def test_what_is_wrong_is_said_by_the_key(tmp_path, monkeypatch, domain, said):
    monkeypatch.chdir(tmp_path)
    write_domain(tmp_path / "wrong", "name: wrong\nabuot: x")
    with pytest.raises(RecipeError, match="recipe: domain: ") as error:
        parse_recipe({**CONTENT, "domain": domain})
    assert said in str(error.value)
    assert get("wrong") is None


def test_another_domain_or_other_templates_are_another_run(tmp_path):
    folders = [write_domain(tmp_path / name, f"name: {name}") for name in ("a", "b")]
    recipes = [parse_recipe({**CONTENT, "domain": str(folder)}) for folder in folders]
    first, second = (identity(recipe, 0, "1f") for recipe in recipes)
    assert f"  domain: {str(folders[0])!r} there, {str(folders[1])!r} now" in what_differs(first, second)
    assert first == identity(recipes[0], 0, "1f")
    (folders[0] / "step.j2").write_text("{{ problem }}")
    assert what_differs(first, identity(recipes[0], 0, "1f")).startswith("  content of domain: ")


def test_without_one_a_run_is_what_it_was(tmp_path):
    assert "domain" not in " ".join(identity(parse_recipe(CONTENT), 0, "1f"))
