import pytest

from treadle.evaluate.records import Finish, Generation, Sampling
from treadle.evaluate.swe.episodes import Answer
from treadle.evaluate.swe.mini.model import BackendModel, Bounds, ModelConfig
from treadle.scoring.completion import FormatFault
from treadle.scoring.thoughts import PLAIN

exceptions = pytest.importorskip("minisweagent.exceptions", reason="needs the extra mini")
BLOCK = "```mswea_bash_command\nls -la\n```"
MESSAGES = [{"role": "system", "content": "a", "extra": {}}, {"role": "user", "content": "b"}]


def model(text, finish=Finish.STOP, error=None, **config):
    asked = []

    def ask(question):
        asked.append(question)
        return Answer(Generation(text, 7, finish, error), FormatFault.EMPTY_ACTION, 3, too_long=error is not None)

    bounds = Bounds(tokens=20, seconds=9, spent=lambda: 0, fits=lambda prompt: True)
    return BackendModel(ModelConfig(model_name="m", **config), ask, Sampling(64), PLAIN, bounds), asked


@pytest.mark.parametrize(
    ("text", "content", "thought"),
    [
        (f"THOUGHT: see.\n\n{BLOCK}", f"THOUGHT: see.\n\n{BLOCK}", None),
        (f"<think>first {BLOCK}</think>{BLOCK}", BLOCK, f"first {BLOCK}"),
        (f"so</think>\n{BLOCK}\n", BLOCK, "so"),
    ],
)
def test_the_command_is_what_stands_outside_of_thoughts(text, content, thought):
    asking, asked = model(text)
    message = asking.query(MESSAGES)
    assert message["extra"]["actions"] == [{"command": "ls -la"}]
    assert (message["content"], message.get("reasoning_content")) == (content, thought)
    assert asked[0].prompt == [{"role": "system", "content": "a"}, {"role": "user", "content": "b"}]
    assert (asked[0].place, asking.tokens) == ("step/1", 7)


@pytest.mark.parametrize("text", ["", "nothing", BLOCK * 2 + "\n", f"<think>{BLOCK}", BLOCK[:-3]])
def test_no_command_or_several_are_a_format_error_with_what_was_said(text):
    template = "{{ finish_reason }}: {{ error }}"
    asking, _ = model(text, Finish.LENGTH, format_error_template=template)
    with pytest.raises(exceptions.FormatError) as raised:
        asking.query(MESSAGES)
    [message] = raised.value.messages
    assert message["content"].startswith("length: Expected exactly 1 action, found ")
    assert message["extra"]["response"]["text"] == text


def test_a_prompt_that_is_too_long_and_a_bound_end_the_agent():
    asking, _ = model("", Finish.FAILED, "status 400, context length")
    with pytest.raises(exceptions.LimitsExceeded) as raised:
        asking.query(MESSAGES)
    assert raised.value.messages[0]["extra"]["stop"] == "context_too_long"
    asking, asked = model(BLOCK)
    for _ in range(3):
        asking.query(MESSAGES)
    with pytest.raises(exceptions.LimitsExceeded) as raised:
        asking.query(MESSAGES)
    assert raised.value.messages[0]["extra"] == {
        "exit_status": "LimitsExceeded",
        "submission": "",
        "stop": "token_limit",
        "why": "21 tokens were generated",
    }
    assert len(asked) == 3
