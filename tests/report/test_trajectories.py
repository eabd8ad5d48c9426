from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.report.reading import Page
from treadle.data.sources import read_trajectories
from treadle.errors import OutputError
from treadle.report.trajectories import LONGEST, write_trajectories_page
from treadle.trajectory import Step, Trajectory

HOSTILE = "</pre></script><script>alert(1)</script> & \" ' [bold] {{ 1 }} \x1b[31m \x00 \ud800 \u202e"
SHOWN = "</pre></script><script>alert(1)</script> & \" ' [bold] {{ 1 }} \\x1b[31m \\x00 \\ud800 \\u202e"


def page_of(tmp_path, *trajectories: Trajectory) -> Page:
    path = tmp_path / "made" / "page.html"
    write_trajectories_page(trajectories, path, "title")
    return Page(path)


def forty_steps() -> Trajectory:
    steps = [
        Step(f"<function=bash>\n<parameter=command>cat /src/{k}.py</parameter>\n</function>", thought=f"Now {k}.",
             observation="".join(f"{k}: line {n}\n" for n in range(60)))
        for k in range(1, 41)
    ]  # fmt: skip
    return Trajectory("agent-1", "Mend it.", tuple(steps), domain="agent", system="Tools: bash", repo="a/b")


def test_a_page_of_forty_steps(tmp_path):
    page = page_of(tmp_path, forty_steps())
    page.check_self_contained()
    assert [href for href in page.attributes("href", "a") if "-" in href] == [f"#t1-{k}" for k in range(1, 41)]
    assert set(page.attributes("href")) <= {f"#{id}" for id in page.attributes("id")}
    assert page.texts["li"][16] == "17bash cat …/17.py"
    assert page.texts["h3"][16] == "Step 17 of 40"
    assert "<function=bash>\n<parameter=command>cat /src/17.py</parameter>\n</function>" in page.texts["pre"]
    assert "Now 17." in page.texts["pre"]
    # Twelve lines of an observation are seen; 48 of 12 characters unfold, without the end of the last.
    assert "\n".join(f"17: line {n}" for n in range(12)) in page.texts["pre"]
    assert "\n".join(f"17: line {n}" for n in range(12, 60)) in page.texts["pre"]
    assert page.texts["summary"].count("48 more lines, 575 characters") == 31, "steps of two digits"
    for part in ("repository a/b", "steps 40", "verified not stated", "domain agent", "Tools: bash", "Mend it."):
        assert part in page.text


def test_an_index_stands_before_several_trajectories(tmp_path):
    math = Trajectory("m-1", "$x^2$", (Step("1. **A**: \\(x\\)", title="A"),), answer="\\frac{1}{2}", verified=True)
    page = page_of(tmp_path, forty_steps(), math)
    assert page.texts["th"] == ["id", "domain", "verified", "repository", "steps", "answer"]
    assert page.texts["td"] == ["agent-1", "agent", "not stated", "a/b", "40", "", "m-1", "math", "yes", "", "1",
                                "\\frac{1}{2}"]  # fmt: skip
    assert page.attributes("href", "a")[:2] == ["#t1", "#t2"]
    assert "1. **A**: \\(x\\)" in page.texts["pre"]
    assert "table" not in page_of(tmp_path, math).texts


def test_text_from_data_stays_text(tmp_path):
    step = Step(HOSTILE, HOSTILE, HOSTILE, HOSTILE, call=HOSTILE)
    meta = {"preamble": HOSTILE, "epilogue": HOSTILE, "source": HOSTILE, HOSTILE: [HOSTILE]}
    hostile = Trajectory(HOSTILE, HOSTILE, (step,), HOSTILE, HOSTILE, None, meta, HOSTILE, HOSTILE)
    page = page_of(tmp_path, hostile, hostile)
    page.check_self_contained()
    assert [tag for tag, _ in page.elements].count("script") == 1
    assert page.texts["pre"].count(SHOWN) == 2 * 8, "problem, system, two asides and four texts of the step"
    assert page.texts["h2"] == [SHOWN, SHOWN]
    assert not [c for c in page.source if ord(c) < 32 and c not in "\n\t"]


def test_megabytes_are_cut_where_the_page_says_so(tmp_path):
    text = "0123456789\n" * 200_000
    page = page_of(tmp_path, Trajectory("t", "p", (Step("cat f", observation=text),)))
    assert len(page.source) < LONGEST + 20_000
    assert f"[... {200_000 - 1 - 2 * 2272:,} lines, {len(text) - 1 - LONGEST:,} characters left out ...]" in page.text
    assert "199,988 more lines" in page.text


def test_what_is_missing_does_not_appear(tmp_path):
    page = page_of(tmp_path, Trajectory("t", "p", (Step("a", observation=""),), meta={"preamble": "\n", "epilogue": 3}))
    for name in (
        "System",
        "What else",
        "before the first step",
        "after the last step",
        "the call as",
        "answer",
        "repository",
    ):
        assert name not in page.text
    assert "(empty)" in page.texts["pre"]


def test_a_place_that_cannot_be_written_to(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be written"):
        write_trajectories_page([], tmp_path, "title")
    with pytest.raises(OutputError, match="cannot be written"):
        write_trajectories_page([], tmp_path / "file" / "page.html", "title")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(st.characters(), min_size=1, max_size=60).filter(str.strip))
def test_any_text_makes_a_sound_page(tmp_path, text):
    page = page_of(tmp_path, Trajectory(text, text, (Step(text, text, text, text),), answer=text, meta={text: text}))
    page.check_self_contained()


def test_real_agent_trajectories(data, tmp_path):
    trajectories = list(read_trajectories(data / "trajectories" / "swe_smith_xml.jsonl"))
    page = page_of(tmp_path, *trajectories)
    page.check_self_contained()
    assert len(page.texts["article"]) == sum(len(t.steps) for t in trajectories) > 70
    actions = {step.action.replace("\r\n", "\n").strip("\n") for t in trajectories for step in t.steps}
    short = {action for action in actions if action.count("\n") < 30}
    assert len(short) > 40
    assert short <= set(page.texts["pre"])
