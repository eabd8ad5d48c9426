"""Draw the rooms of treadle from its imports, and set the line numbers of links in the documents.

    python docs/architecture.py

reads the import graph and the floors of the contract "rooms" in pyproject.toml, writes docs/architecture.svg, and
rewrites the numbers of links in the documents (`lines.py`). A test repeats it and compares.

An arrow goes from a room to one that it imports from. Where a room also imports, through others, from a room farther
below, there is no arrow of its own. Arrows that cross a floor have a lane there, so that none goes through a room.
"""

from __future__ import annotations

import ast
import sys
import textwrap
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from xml.sax.saxutils import escape

import grimp
from lines import relinked

ROOT = Path(__file__).resolve().parents[1]
PICTURE = ROOT / "docs" / "architecture.svg"

WIDTH, MARGIN, LEFT, RIGHT = 1000, 20, 60, 964  # pixels; rooms stand from LEFT to RIGHT, floors' numbers before
GAP, LANE, SPACE = 28, 30, 26  # between floors; width of a lane; between two rooms
PADDING, LINE = 12, 16  # inside a room; height of a line of text
WIDEST = 430  # of a room
LETTER = 6.9  # width of a letter of the text, at most on average
TITLE = 9.2  # width of a letter of a room's name
INK, QUIET, WALL, FILL, ARROW = "#16384c", "#5a6b76", "#7aa5bf", "#eef5f9", "#8a979f"
PAPER, FLOOR = "#fff", "#f6f7f8"
DARK = {INK: "#d8e6ee", QUIET: "#9aa8b2", FILL: "#23333e", PAPER: "#1e2129", FLOOR: "#262a33"}
"""What is another colour where the reader's pages are dark."""

Pair = tuple[str, str]


@dataclass
class Place:
    """A room, or the lane of an arrow, on a floor.

    Args:
        name: The room's; of a lane, the arrow's two ends.
        text: Lines that say what lives there.
        inner: Lines that name the rooms within it.
        modules: Number of files of code.
    """

    name: str | Pair
    text: list[str] = field(default_factory=list)
    inner: list[str] = field(default_factory=list)
    modules: int = 0
    x: float = 0
    width: float = LANE

    @property
    def middle(self) -> float:
        return self.x + self.width / 2

    @property
    def is_lane(self) -> bool:
        return isinstance(self.name, tuple)


def floors() -> list[list[str]]:
    """The rooms of each floor, from the top, as pyproject.toml has them; those that do not exist yet are left out."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
    contract = next(contract for contract in settings["contracts"] if contract["id"] == "rooms")
    named = [[name.strip(" ()") for name in floor.split("|")] for floor in contract["layers"]]
    return [[name for name in floor if _source(name).is_file()] for floor in named]


def _source(room: str) -> Path:
    package = ROOT / "treadle" / room / "__init__.py"
    return package if package.is_file() else ROOT / "treadle" / f"{room}.py"


def imports() -> set[Pair]:
    """Which room imports from which."""
    graph = grimp.build_graph("treadle", cache_dir=None)
    pairs = {
        (importer.split(".")[1], imported.split(".")[1])
        for importer in graph.modules - {"treadle"}
        for imported in graph.find_modules_directly_imported_by(importer) - {"treadle"}
    }
    return {(importer, imported) for importer, imported in pairs if importer != imported}


def reduced(pairs: set[Pair]) -> list[Pair]:
    """The pairs that do not follow from others, sorted; there are no circles."""
    below: dict[str, set[str]] = {}
    for importer, imported in pairs:
        below.setdefault(importer, set()).add(imported)

    def reached(room: str) -> set[str]:
        return below.get(room, set()).union(*(reached(other) for other in below.get(room, ())))

    return sorted(
        (importer, imported)
        for importer, imported in pairs
        if not any(imported in reached(other) for other in below[importer])
    )


def described(room: str, width: float) -> Place:
    """A room with what its first sentence says, in lines that fit."""
    source = _source(room)
    sentence = " ".join(ast.get_docstring(ast.parse(source.read_text(encoding="utf-8"))).split("\n\n")[0].split())
    sentence = sentence.split(". ")[0].rstrip(".").replace("`", "")
    text = textwrap.wrap(sentence, int((width - 2 * PADDING) / LETTER))
    if source.name != "__init__.py":
        return Place(room, text, modules=1, width=width)
    within = "  ".join(sorted(f"{path.parent.name}/" for path in source.parent.glob("*/__init__.py")))
    inner = textwrap.wrap(within, int((width - 2 * PADDING) / LETTER))
    files = [path for path in source.parent.rglob("*.py") if path.name != "__init__.py"]
    return Place(room, text, inner, len(files), width=width)


def laid_out(rooms: list[list[str]], arrows: list[Pair]) -> list[list[Place]]:
    """All rooms and lanes with their places, from left to right on each floor."""
    floor_of = {room: number for number, floor in enumerate(rooms) for room in floor}
    lanes = [[a for a in arrows if floor_of[a[0]] < number < floor_of[a[1]]] for number in range(len(rooms))]
    house = []
    for floor, across in zip(rooms, lanes, strict=True):
        free = RIGHT - LEFT - len(across) * (LANE + SPACE) - (len(floor) - 1) * SPACE
        width = min(WIDEST, free / len(floor))
        house.append([*(described(room, width) for room in floor), *(Place(arrow) for arrow in across)])
    for floor in house:
        _spread(floor)
    for turn in range(8):  # each floor in the order of what it hangs on, downwards and upwards
        for number in range(1, len(house)) if turn % 2 == 0 else reversed(range(len(house) - 1)):
            others = house[number - 1 if turn % 2 == 0 else number + 1]
            house[number].sort(key=lambda place, others=others: _pull(place, others, arrows))
            _spread(house[number])
    return house


def _spread(floor: list[Place]) -> None:
    x = (LEFT + RIGHT - sum(place.width for place in floor) - (len(floor) - 1) * SPACE) / 2
    for place in floor:
        place.x = x
        x += place.width + SPACE


def _pull(place: Place, others: list[Place], arrows: list[Pair]) -> float:
    found = [other.middle for other in others for arrow in arrows if {place.name, other.name} <= {*arrow, arrow}]
    return sum(found) / len(found) if found else place.middle


def drawn(house: list[list[Place]], arrows: list[Pair]) -> str:
    """The picture."""
    parts, y, tops, bottoms = [], MARGIN, [], []
    for number, floor in enumerate(house):
        lines = max(1 + len(place.text) + len(place.inner) for place in floor if not place.is_lane)
        height = lines * LINE + 2 * PADDING
        parts.append(
            f'<rect x="{MARGIN}" y="{y - 8}" width="{WIDTH - 2 * MARGIN}" height="{height + 16}" fill="{FLOOR}"/>'
        )
        parts.append(_text(MARGIN + 18, y + height / 2 + 5, str(len(house) - number), 15, QUIET, "middle", "bold"))
        tops.append(y)
        bottoms.append(y + height)
        y += height + GAP + 16
    parts += [_path(arrow, house, tops, bottoms, arrows) for arrow in arrows]
    for floor, top, bottom in zip(house, tops, bottoms, strict=True):
        parts += [_room(place, top, bottom) for place in floor if not place.is_lane]
    said = "An arrow points to a room that is imported from; arrows that follow from others are left out."
    parts.append(_text(WIDTH / 2, y, said, 12, QUIET, "middle"))
    height = y + MARGIN
    dark = " ".join(f'[fill="{light}"] {{ fill: {colour} }}' for light, colour in DARK.items())
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" '
        'font-family="system-ui, sans-serif" role="img" aria-label="The rooms of treadle on their floors">\n'
        f"<style>@media (prefers-color-scheme: dark) {{ {dark} }}</style>\n"
        f'<defs><marker id="tip" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7" '
        f'orient="auto"><path d="M0 0 10 5 0 10z" fill="{ARROW}"/></marker></defs>\n'
        f'<rect width="{WIDTH}" height="{height}" rx="10" fill="{PAPER}"/>\n'
    )
    return head + "\n".join(parts) + "\n</svg>\n"


def _path(arrow: Pair, house: list[list[Place]], tops: list[float], bottoms: list[float], arrows: list[Pair]) -> str:
    """From the bottom of one room through the lanes to the top of another, with curves between floors."""
    stops = [(number, place) for number, floor in enumerate(house) for place in floor if place.name in (*arrow, arrow)]
    (first, begin), *_ = stops
    x, y = _door(begin, arrow, house, arrows, 0), bottoms[first]
    path = [f"M{x:.1f} {y:.1f}"]
    for number, place in stops[1:]:
        to = place.middle if place.is_lane else _door(place, arrow, house, arrows, 1)
        half = (y + tops[number]) / 2
        path.append(f"C{x:.1f} {half:.1f} {to:.1f} {half:.1f} {to:.1f} {tops[number]:.1f}")
        x, y = to, bottoms[number]
        if place.is_lane:
            path.append(f"V{y:.1f}")
    return f'<path d="{" ".join(path)}" fill="none" stroke="{ARROW}" stroke-width="1.6" marker-end="url(#tip)"/>'


def _door(place: Place, arrow: Pair, house: list[list[Place]], arrows: list[Pair], end: int) -> float:
    """Where an arrow leaves a room (`end` 0) or enters it (1): in the order of where it comes from or goes to."""

    def beside(other: Pair) -> tuple[float, Pair]:
        floor = next(n for n, floor in enumerate(house) if place in floor)
        nearest = house[floor + 1 if end == 0 else floor - 1]
        return next(p.middle for p in nearest if p.name in (*other, other)), other

    through = sorted((other for other in arrows if other[end] == place.name), key=beside)
    return place.x + place.width * (through.index(arrow) + 1) / (len(through) + 1)


def _room(place: Place, top: float, bottom: float) -> str:
    x = place.x + PADDING
    title = f"{place.name}/" if _source(place.name).name == "__init__.py" else f"{place.name}.py"
    count = f"{place.modules} modules" if place.modules > 1 else "1 module"
    free = place.width - 2 * PADDING
    if len(title) * TITLE + len(count) * LETTER > free:
        count = str(place.modules)
    if len(title) * TITLE + (len(count) + 1) * LETTER > free:
        count = ""
    parts = [
        f'<rect x="{place.x:.1f}" y="{top:.1f}" width="{place.width:.1f}" height="{bottom - top:.1f}" rx="6" '
        f'fill="{FILL}" stroke="{WALL}"/>',
        _text(x, top + PADDING + 11, title, min(15, int(15 * free / (len(title) * TITLE))), INK, weight="bold"),
        _text(place.x + place.width - PADDING, top + PADDING + 11, count, 12, QUIET, "end"),
    ]
    y = top + PADDING + 11 + LINE + 2
    for line, colour in [*((line, INK) for line in place.text), *((line, QUIET) for line in place.inner)]:
        parts.append(_text(x, y, line, 12, colour))
        y += LINE
    return "\n".join(parts)


def _text(x: float, y: float, text: str, size: int, fill: str, anchor: str = "start", weight: str = "normal") -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" fill="{fill}" text-anchor="{anchor}" '
        f'font-weight="{weight}" xml:space="preserve">{escape(text)}</text>'
    )


def picture() -> str:
    """The content of docs/architecture.svg."""
    arrows = reduced(imports())
    return drawn(laid_out(floors(), arrows), arrows)


def documents() -> dict[Path, str]:
    """Each document with what it should hold."""
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
    return {page: relinked(page.read_text(encoding="utf-8"), page.parent) for page in pages}


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))  # this checkout, whichever is installed
    for path, content in {PICTURE: picture(), **documents()}.items():
        if not path.is_file() or path.read_text(encoding="utf-8") != content:
            path.write_text(content, encoding="utf-8")
            print(f"{path.relative_to(ROOT)} written")
