"""The whole texts of a run beside its page, where they do not fit on it.

Where all texts of a run fit into `treadle.report.parts.PAGE_BUDGET` the page holds them whole, without side files.
Otherwise every text gets the same limit, the largest that fits: shorter texts stand whole on the page, longer ones with
their beginning, a marker that says how much is left out, and their end (where the answer is). Those are whole in a side
file for each problem, a script that the page loads when the problem is opened, because browsers let no page read data
beside it. A text above `LONGEST` is cut in its side file too; `samples.jsonl` has it.
"""

from __future__ import annotations

from pathlib import Path

from treadle.files.links import open_own
from treadle.report.parts import LONGEST, Parts, as_json, cut


class SideFiles:
    """Writes texts as scripts, a file for each item of a list.

    Args:
        folder: Where they go; made when the first text comes.
        place: `folder` as the page refers to it.
    """

    def __init__(self, folder: Path, place: str) -> None:
        self._folder, self._place = folder, place
        self.files = self.bytes = 0

    def add(self, kind: str, item: int, place: list[int], texts: dict[str, Parts]) -> str:
        """Append the texts of an attempt (`place`: its arm and index) to the file of its item.

        Returns:
            The file as the page refers to it.
        """
        name = f"{kind}{item:05}.js"
        path = self._folder / name
        if not self.files:
            self._folder.mkdir(parents=True, exist_ok=True)
        self.files += not path.exists()
        shortened = {key: cut(text, LONGEST) for key, text in texts.items()}
        line = f"treadleText({as_json([kind, item, place, shortened])});\n"
        with open_own(path, "a") as file:
            self.bytes += file.write(line)
        return f"{self._place}/{name}"
