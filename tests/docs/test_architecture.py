"""The picture of the rooms and the page around it are those of the code as it is."""

from __future__ import annotations

import itertools
import json
import re
import xml.etree.ElementTree as ElementTree

import pytest
import torch
from architecture import LEFT, PICTURE, RIGHT, ROOT, documents, floors, imports, laid_out, picture, reduced
from trl import GRPOTrainer

from treadle import SRLTrainer, read_trajectories, srl_reward, step_instances
from treadle.training.sampling import spread_P

PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
REDRAW = "run: python docs/architecture.py"


def test_the_picture_is_that_of_the_imports():
    assert PICTURE.read_text(encoding="utf-8") == picture(), f"{PICTURE} shows other rooms or arrows; {REDRAW}"


@pytest.mark.parametrize("page", documents(), ids=lambda page: page.name)
def test_links_name_the_lines_that_the_script_finds(page):
    assert page.read_text(encoding="utf-8") == documents()[page], f"line numbers of links in {page} are old; {REDRAW}"


def test_links_of_the_page_lead_to_definitions():
    links = re.findall(r"\[`([\w.]+)`\]\(\.\./([\w/]+\.py)#L(\d+)\)", PAGE)
    assert len(links) > 50
    for symbol, path, number in links:
        line = (ROOT / path).read_text(encoding="utf-8").splitlines()[int(number) - 1]
        name = symbol.split(".")[-1]
        assert re.match(rf"\s*((async )?def|class) {name}\b|{name}(:.*)? = ", line), f"{symbol}: {line!r}; {REDRAW}"


def test_arrows_that_follow_from_others_are_left_out():
    assert reduced({("a", "b"), ("b", "c"), ("a", "c"), ("a", "d")}) == [("a", "b"), ("a", "d"), ("b", "c")]
    drawn = set(reduced(imports()))
    assert drawn < imports()


def test_arrows_point_down():
    floor_of = {room: number for number, floor in enumerate(floors()) for room in floor}
    assert all(floor_of[importer] < floor_of[imported] for importer, imported in imports())


@pytest.mark.parametrize("more", [[], [("cli", "errors"), ("miniature", "tree"), ("report", "files")]])
def test_rooms_and_lanes_stand_side_by_side(more):
    for floor in laid_out(floors(), [*reduced(imports()), *more]):
        assert floor[0].x >= LEFT - 1e-6
        assert floor[-1].x + floor[-1].width <= RIGHT + 1e-6
        assert all(left.x + left.width < right.x for left, right in itertools.pairwise(floor))


def test_the_picture_is_well_formed_and_holds_every_room():
    texts = [node.text for node in ElementTree.parse(PICTURE).iter() if node.tag.endswith("text")]
    for room in (room for floor in floors() for room in floor):
        assert f"{room}/" in texts or f"{room}.py" in texts


def test_the_table_has_every_room_on_its_floor():
    rows = [(int(floor), room) for floor, room in re.findall(r"^\| (\d+) \| `(\w+)` \|", PAGE, re.MULTILINE)]
    assert rows == [(len(floors()) - number, room) for number, floor in enumerate(floors()) for room in floor]


def test_every_seam_that_is_overridden_is_in_the_table():
    overridden = {name for name in vars(SRLTrainer) if name in dir(GRPOTrainer) and callable(getattr(SRLTrainer, name))}
    told = set(re.findall(r"\[`SRLTrainer\.(\w+)`\]", PAGE))
    assert told == overridden - {"__init__"}


def test_the_walk_from_file_to_gradient_has_the_figures_of_the_code(tmp_path):
    row = re.search(r"```json\n(.*?)```", PAGE, re.DOTALL)[1]
    assert len(json.loads(row)) == 2
    (tmp_path / "row.jsonl").write_text(row)
    (trajectory,) = read_trajectories(tmp_path / "row.jsonl")
    assert (trajectory.meta["form"], len(trajectory.steps), trajectory.answer) == ("gsm8k", 2, "72")
    (instance,) = step_instances(trajectory)
    assert f"`expert_action` is `{instance.expert_action}`" in " ".join(PAGE.split())
    told = re.findall(r"^ +\| `(.+)` \| (-?[\d.]+) \|$", PAGE, re.MULTILINE)
    rewards = srl_reward([text for text, _ in told], [instance.expert_action] * len(told))
    assert [f"{reward:.3f}" if reward >= 0 else f"{reward:.0f}" for reward in rewards] == [said for _, said in told]
    spread = spread_P(torch.tensor(rewards, dtype=torch.float64), len(rewards)).item()
    assert f"its spread of {spread:.3f} is above 0.01" in " ".join(PAGE.split())
