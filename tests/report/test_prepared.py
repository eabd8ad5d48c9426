from __future__ import annotations

import json

import pytest

from tests.report.reading import Page
from treadle.data.prepare.distribution import Distribution
from treadle.data.sources.report import DropReason
from treadle.report.bars import bars, share, short
from treadle.report.prepared import write_prepare_page

REPORT = {
    "source": "data/f.jsonl",
    "settings": {"format": "auto", "context": 2, "columns": None},
    "rows": {
        "read": 1000,
        "kept": 900,
        "dropped": {"broken_call": 10, "unreadable_json": 90},
        "dropped_examples": {"broken_call": [["f.jsonl, line 3", "<script>alert(1)</script> \x1b[1m \ud800"]]},
        "forms": {"xml-calls": 910},
        "skipped_files": {"symlink loop": 1},
        "notes": {"marked by": {"reward: right": 4}},
    },
    "trajectories": {"train": 890, "heldout": 10},
    "instances": {"train": 24000, "heldout": 300},
    "with_answer": 12,
    "verified": {"true": 800, "false": 0, "unknown": 100},
    "repositories": {f"owner/r{k}": 60 - k for k in range(25)},
    "curated": {"no-op steps": 7},
    "duplicates": {"exact": 3, "near": 5, "examples": [["a-1", "a-2"]]},
    "overlap": {"aime24": 2},
    "overlap_examples": [["f.jsonl, line 9", "aime24 problem 60", "13-gram"]],
    "distributions": {
        "steps per trajectory": Distribution([1, 2, 2, 3]).summary(),
        "action, characters": Distribution([1, 5, 9, 12, 30, 80, 200, 9000]).summary(),
        "prompt, tokens": {},
    },
    "floors": {
        "floor": {"name": "constant", "value": 0.34, "low": 0.3, "high": 0.38},
        "policies": [
            {"name": "another_action", "value": 0.29, "low": None, "high": None, "count": 90, "groups": 2, "texts": []},
            {
                "name": "constant",
                **{"value": 0.34, "low": 0.3, "high": 0.38, "count": 1200, "groups": 40},
                "texts": [{"group": "2", "text": "<b>ls</b> \x1b[1m\u202e", "similarity": 0.4, "steps": 1200}],
            },
        ],
        "chosen_on": {"steps": 1000, "trajectories": 30},
        "measured_on": {"steps": 1200, "trajectories": 40},
        **{"pairs": 5000, "longest": 2000, "cut": 3},
    },
    "seconds": 12.34,
    "examples": [{"id": "a-1, step 2 of 3", "prompt": "Now\nact.", "expert_action": "ls <dir>"}],
}


def page_of(tmp_path, report) -> Page:
    path = tmp_path / "report.html"
    write_prepare_page(report, path)
    page = Page(path)
    page.check_self_contained()
    return page


def test_everything_in_a_report_is_on_its_page(tmp_path):
    page = page_of(tmp_path, json.loads(json.dumps(REPORT)))
    assert "900 kept + 100 dropped = 1,000 read" in page.text
    assert f"unreadable_json {DropReason.UNREADABLE_JSON.explanation} 90 9.0%" in page.text
    assert page.text.index("unreadable_json") < page.text.index("broken_call"), "the most frequent first"
    for part in (
        "kept 900 90%",
        "1 example f.jsonl, line 3 <script>alert(1)</script> \\x1b[1m \\ud800",
        "xml-calls 910 91%",
        "Marked by found",
        "reward: right 4 ",
        "symlink loop 1 100%",
        "900 trajectories 890 train, 10 held out",
        "24,300 instances 24,000 train, 300 held out",
        "12 with a final answer",
        "yes 800 89%",
        "not stated 100 11%",
        "no-op steps 7",
        "near 5 0.5%",
        "a-1 a-2",
        "aime24 2 0.2%",
        "aime24 problem 60",
        "steps per trajectory 1 2 2 2.85 3",
        "up to 0.340 (95% interval 0.300 to 0.380): the best constant action. Constants are chosen on 1,000 steps",
        "measured on 1,200 of 40 others; 5,000 pairs of texts were compared, 3 actions",
        "by their first 2,000 characters.",
        "another expert's action at random 0.290",
        "the best constant action 1 action 2: 0.400 on 1,200 steps <b>ls</b> \\x1b[1m\\u202e 0.340 0.300 to 0.380",
        "in 12.3 s",
        "context 2",
        "ls <dir>",
    ):
        assert part in page.text, part
    assert "columns" not in page.text, "a setting without value"
    assert "script" not in {tag for tag, _ in page.elements}


def test_long_lists_end_with_a_count_of_the_rest(tmp_path):
    page = page_of(tmp_path, REPORT)
    assert "Repositories (25)" in page.text
    assert "owner/r19" in page.text
    assert "owner/r20" not in page.text
    # 60 + 59 + ... + 36 = 1200 in all, 40 + 39 + ... + 36 = 190 of them left out
    assert "and 5 more 190 16%" in page.text


def test_counts_that_do_not_add_up_are_called_out(tmp_path):
    page = page_of(tmp_path, {"rows": {"read": 10, "kept": 5, "dropped": {"malformed": 4}}})
    assert "5 kept + 4 dropped ≠ 10 read: the counts do not add up" in page.text


@pytest.mark.parametrize("part", [{}, *({name: value} for name, value in REPORT.items())])
def test_any_part_of_a_report_makes_a_page(tmp_path, part):
    page = page_of(tmp_path, part)
    assert ("Distributions" in page.text) == ("distributions" in part)
    assert ("Settings" in page.text) == ("settings" in part)
    page_of(tmp_path, dict.fromkeys(part))


def test_a_reason_of_another_version_has_no_explanation(tmp_path):
    report = {"rows": {"read": 1, "kept": 0, "dropped": {"of_tomorrow": 1}}}
    assert "of_tomorrow 1 100%" in page_of(tmp_path, report).text


def test_bars_by_hand():
    drawn = bars({"edges": [1, 2, 3, 4], "counts": [5, 0, 10]})
    assert [bar["height"] for bar in drawn["bars"]] == [50, 0, 100]
    assert drawn["bars"][2]["title"] == "3: 10 (67%)"
    assert drawn["ticks"] == [{"at": p, "label": n} for p, n in ((16.67, "1"), (50, "2"), (83.33, "3"))]
    assert [line["label"] for line in drawn["lines"]] == ["0", "5", "10"]
    assert not drawn["growing"]
    growing = bars({"edges": [0, 10, 100, 2500], "counts": [1, 1, 2]})
    assert growing["growing"]
    assert growing["bars"][2]["title"] == "100 to below 2,500: 2 (50%)"
    assert [(tick["at"], tick["label"]) for tick in growing["ticks"]] == [
        (0, "0"), (33.33, "10"), (66.67, "100"), (100, "2.5k"),
    ]  # fmt: skip
    assert len(bars(Distribution(range(1000)).histogram())["ticks"]) <= 7


def test_a_histogram_says_what_its_picture_cannot_show():
    hidden = bars({"edges": [0, 10, 20], "counts": [7, 3]})
    assert (hidden["peak"], hidden["tallest"], hidden["count"]) == ("70% in one bar, 0 to below 10", 7, 10)
    assert [line["label"] for line in hidden["lines"]] == ["0", "7"], "there are no 3.5 values"
    assert bars({"edges": [0, 10, 20], "counts": [5, 5]})["peak"] == ""
    assert bars({"edges": [1, 2, 3], "counts": [9, 1]})["peak"] == "", "a bar of one whole number hides nothing"


def test_labels_and_shares():
    assert [short(v) for v in (0, 0.25, 999, 1200, 34_000_000)] == ["0", "0.25", "999", "1.2k", "34M"]
    parts = ((0, 5), (1, 5000), (1, 50), (1, 2), (0, 0))
    assert [share(a, b) for a, b in parts] == ["0%", "<0.1%", "2.0%", "50%", "0%"]
