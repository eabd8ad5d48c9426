import pytest

from treadle.data.prompts.asking import Asking
from treadle.evaluate.records import Finish, Generation
from treadle.evaluate.swe.episodes import answer_of, too_long
from treadle.evaluate.swe.records import SweInstance
from treadle.evaluate.swe.repair import Around, Candidate, Shown, choose, repair
from treadle.evaluate.swe.settings import SweSettings
from treadle.scoring.thoughts import PLAIN

TEXTS = {"a.py": "def f(x):\n    return x + 1\n", "b.py": "y = 2\n"}
INSTANCE = SweInstance("i-1", "r", "c", "f is wrong", "", ("t",), ())


def block(search, replace, path="a.py"):
    return f"### {path}\n<<<<<<< SEARCH\n{search}=======\n{replace}>>>>>>> REPLACE\n"


GOOD = block("    return x + 1\n", "    return x - 1\n")
SAME = block("    return x + 1\n", "    return x - 1  # less\n")
OTHER = block("    return x + 1\n", "    return 0\n")


def ended(answers, think=True, breaks=None, **settings):
    settings = SweSettings(samples=len(answers), **settings)
    around = Around(TEXTS, settings, Asking(think=think), lambda prompt: len(prompt[0]["content"]), breaks)
    episode = repair(INSTANCE, [Shown("a.py", TEXTS["a.py"])], True, around)
    asks = next(episode)
    given = [a if isinstance(a, Generation) else Generation(a, 9, Finish.STOP) for a in answers]
    try:
        episode.send([answer_of(generation, PLAIN) for generation in given])
    except StopIteration as end:
        return asks, end.value
    raise AssertionError("the episode goes on")


def test_the_first_sample_is_greedy_and_all_have_one_prompt():
    asks, outcome = ended([GOOD, OTHER, SAME])
    assert [ask.sampling.temperature for ask in asks] == [0, 0.8, 0.8]
    assert [ask.prompt for ask in asks] == [asks[0].prompt] * 3
    assert "+    return x - 1\n" in outcome.patch
    assert outcome.figures["distinct"] == 2


def test_prompts_ask_for_thoughts_only_where_the_model_was_trained_to():
    assert "<think>" in ended([GOOD])[0][0].prompt[0]["content"]
    assert "<think>" not in ended([GOOD], think=False)[0][0].prompt[0]["content"]


def test_thoughts_are_parted_off_and_may_hold_blocks():
    _, outcome = ended([f"<think>{OTHER}</think>{GOOD}"])
    assert "return x - 1" in outcome.patch


@pytest.mark.parametrize(
    ("answer", "fault", "reason"),
    [
        ("", "empty", "the answer is empty"),
        ("<think>only thoughts</think>", "empty", "the answer is empty"),
        ("no edits here", "edit_fault", "neither"),
        (block("nowhere\n", "x\n"), "edit_fault", "a.py"),
        (block("y = 2\n", "y = 2\n", "b.py"), "empty", "every file is as before"),
        (block("", "x = 1\n", "b.py"), "edit_fault", "b.py"),
        (block("", "x = 1\n", "/etc/cron.d/x"), "edit_fault", "etc"),
        (Generation("<think>long", 77, Finish.LENGTH), "edit_fault", "cut off after 77 tokens"),
    ],
)
def test_an_answer_without_a_patch_says_why(answer, fault, reason):
    outcome = ended([answer])[1]
    assert (outcome.patch, outcome.fault) == ("", fault)
    assert reason in outcome.reason


def test_a_fault_is_one_sample_of_several():
    outcome = ended(["no edits", GOOD, ""])[1]
    assert "return x - 1" in outcome.patch
    assert (outcome.figures["edits"], outcome.figures["edit_faults"]) == (3, 1)
    assert ended(["", "no edits"])[1].fault == "edit_fault"


def test_most_samples_that_change_the_same_win_whatever_their_comments():
    assert "return 0" in ended([OTHER, GOOD], choice="majority")[1].patch
    assert "return x - 1\n" in ended([OTHER, GOOD, SAME], choice="majority")[1].patch
    assert "return 0" in ended([OTHER, GOOD, SAME], choice="first")[1].patch


def test_tests_choose_among_different_repairs_and_are_run_once_for_each():
    seen = []

    def breaks(patch):
        seen.append(patch)
        return int("return x - 1" in patch)

    assert "return 0" in ended([GOOD, SAME, OTHER], choice="tests", breaks=breaks)[1].patch
    assert len(seen) == 2
    ended([GOOD, SAME], choice="tests", breaks=breaks)
    assert len(seen) == 2


def test_without_a_usable_sample_nothing_is_chosen():
    assert choose([Candidate(fault="edit_fault")], "majority") is None


def test_only_the_white_space_of_a_setting_is_overlooked_and_counted():
    shifted = block("return x + 1\n", "return x - 1\n")
    assert ended([shifted])[1].fault == "edit_fault"
    outcome = ended([shifted], whitespace=True)[1]
    assert "+    return x - 1\n" in outcome.patch
    assert outcome.figures["tolerant"] == 1


def test_a_prompt_that_is_too_long_is_known_by_the_back_ends_words():
    said = "status 400, This model's maximum context length is 4096 tokens"
    assert too_long(Generation("", 0, Finish.FAILED, said))
    assert too_long(Generation("", 0, Finish.FAILED, "the prompt of 9 tokens leaves no room within the model's 8"))
    assert not too_long(Generation("", 0, Finish.FAILED, "status: 503, longer than ever (3 attempts)"))
    assert ended([Generation("", 0, Finish.FAILED, said)])[1].fault == "context_too_long"
