import pytest

from treadle.data.instances import Rendering, step_instances
from treadle.data.prompts.asking import PLAIN
from treadle.evaluate.records import Finish, Generation
from treadle.evaluate.swe.agent.loop import act, prompt_of
from treadle.evaluate.swe.agent.prompts import call_text, system_text, task_text
from treadle.evaluate.swe.agent.tools import Observed
from treadle.evaluate.swe.episodes import answer_of
from treadle.evaluate.swe.records import SweInstance
from treadle.evaluate.swe.settings import SweSettings
from treadle.scoring.thoughts import PLAIN as TAGS
from treadle.trajectory import Step, Trajectory

INSTANCE = SweInstance("i-1", "r", "c", "f is wrong", "", ("t",), ())
LOOK = call_text("bash", command="ls")


class Counting:
    """Answers each call with how many there were."""

    def __init__(self, patch="", same=False):
        self.calls, self._patch, self.same = [], patch, same

    def execute(self, call):
        self.calls.append(call.text)
        return Observed("seen" if self.same else f"seen {len(self.calls)}", call.name == "submit")

    def patch(self):
        return self._patch


class Kept:
    def __init__(self, known=()):
        self.known = dict(known)

    def get(self, step):
        return self.known.get(step)

    def put(self, step, observation, seconds):
        self.known[step] = observation, seconds


def ended(texts, tools=None, memory=None, tokens=5, fits=lambda prompt: True, **settings):
    """Play an episode whose model gives these texts, the last again and again."""
    tools, memory = tools or Counting(), memory or Kept()
    episode = act(INSTANCE, tools, SweSettings(mode="agent", **settings), PLAIN, memory, fits)
    prompts, given = [], None
    try:
        while True:
            [ask] = next(episode) if given is None else episode.send(given)
            text = texts[min(len(prompts), len(texts) - 1)]
            prompts.append(ask.prompt)
            found = text if isinstance(text, Generation) else Generation(text, tokens, Finish.STOP)
            given = [answer_of(found, TAGS)]
    except StopIteration as end:
        return end.value, prompts


def test_prompts_are_the_code_that_training_has():
    steps = [Step(call_text("bash", command=f"echo {k}"), observation=f"OBSERVATION:\n{k}") for k in range(5)]
    trained = step_instances(
        Trajectory("t", task_text("f is wrong"), (*steps, Step("end")), domain="agent", system=system_text()),
        targets="all",
        context=2,
    )
    for number in range(6):
        assert prompt_of(INSTANCE, steps[:number], 2, PLAIN) == trained[number].prompt
    assert Rendering(context=2).context == 2


@pytest.mark.parametrize(
    ("texts", "settings", "stop", "steps"),
    [
        ([LOOK, LOOK, call_text("submit")], {}, "submitted", 3),
        ([LOOK], {"max_steps": 4}, "step_limit", 4),
        ([LOOK], {"max_tokens": 12}, "token_limit", 3),
        ([LOOK], {"max_seconds": 0.0}, "time_limit", 0),
        (["prose"], {}, "format_faults", 3),
        (["prose", LOOK], {"max_faults": 1}, "format_faults", 1),
    ],
)
def test_episodes_end_for_a_reason(texts, settings, stop, steps):
    outcome, _ = ended(texts, **settings)
    assert (outcome.figures["stop"], outcome.figures["steps"]) == (stop, steps)
    assert outcome.fault == "empty"
    assert stop in outcome.reason


def test_doing_and_seeing_the_same_again_and_again_ends_an_episode():
    assert ended([LOOK], Counting(same=True))[0].figures["stop"] == "repeated"
    assert ended([LOOK], Counting(same=True), max_repeats=5)[0].figures["steps"] == 5
    assert ended([LOOK], max_steps=9)[0].figures["steps"] == 9


def test_however_it_ends_what_was_changed_is_handed_in():
    for texts, settings in (([LOOK], {"max_steps": 2}), (["prose"], {}), ([call_text("submit")], {})):
        outcome, _ = ended(texts, Counting("a patch"), **settings)
        assert (outcome.patch, outcome.fault) == ("a patch", "")


def test_an_answer_without_a_call_is_told_what_is_wrong_and_can_be_mended():
    outcome, prompts = ended(["prose", "<think>hm</think>", LOOK, call_text("submit")])
    assert outcome.figures["faulty_steps"] == 2
    told = "Action 1:\nprose\nObservation 1:\nOBSERVATION:\nYour last answer was not carried out"
    assert told in prompts[1][1]["content"]
    assert "Action 2:\n<think>hm</think>" in prompts[2][1]["content"]
    assert outcome.figures["stop"] == "submitted"


def test_a_step_that_was_cut_off_is_not_carried_out():
    tools = Counting()
    outcome, _ = ended([Generation(LOOK, 99, Finish.LENGTH), call_text("submit")], tools)
    assert tools.calls == [call_text("submit")]
    assert "cut off after 99 tokens" in outcome.steps[0]["observation"]


def test_thoughts_are_recorded_and_never_shown_again():
    outcome, prompts = ended([f"<think>secret plan</think>{LOOK}", call_text("submit")])
    assert outcome.steps[0]["thought"] == "secret plan"
    assert "secret plan" not in prompts[1][1]["content"]


def test_what_is_written_before_a_call_is_recorded_beside_it():
    outcome, _ = ended([f"<think>hm</think>I look first.\n\n{LOOK}", "prose", call_text("submit")])
    assert [(step["prose"], step["action"]) for step in outcome.steps] == [
        ("I look first.", LOOK),
        ("", "prose"),
        ("", call_text("submit")),
    ]


def test_an_episode_that_is_continued_sees_what_it_saw_and_acts_again():
    memory, first, second = Kept(), Counting(), Counting(same=True)
    _, prompts = ended([LOOK, LOOK, call_text("submit")], first, memory)
    _, again = ended([LOOK, LOOK, call_text("submit")], second, memory)
    assert again == prompts
    assert second.calls == first.calls


def test_a_prompt_that_does_not_fit_ends_an_episode():
    outcome, prompts = ended([LOOK], fits=lambda prompt: "Action 1" not in prompt[1]["content"])
    assert (outcome.fault, len(prompts)) == ("context_too_long", 1)
    assert ended([LOOK], Counting("p"), fits=lambda prompt: False)[0].patch == "p"
    long = Generation("", 0, Finish.FAILED, "status 400, maximum context length is 8")
    outcome, _ = ended([LOOK, long])
    assert (outcome.fault, len(outcome.steps)) == ("context_too_long", 1)
