"""mini-swe-agent's model: asks treadle's back ends, and finds the command in the text by its config's `action_regex`.

What `LitellmTextbasedModel` is there, without litellm: no key is read, and no cost is known. Its exit messages keep
mini-swe-agent's names; `stop` beside them is ours.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from treadle.evaluate.records import Sampling
from treadle.evaluate.swe.agent.loop import Stop
from treadle.evaluate.swe.episodes import Answer, Ask
from treadle.scoring.thoughts import ThoughtTags, thoughts, without_thoughts
from treadle.trajectory import Message

CONTEXT_STATUS = "ContextWindowExceededError"
"""As litellm's error is called, which ends its episodes."""


class ModelConfig(BaseModel):
    """Of `model:` in its configs; the defaults are those of `LitellmTextbasedModelConfig`."""

    model_name: str
    action_regex: str = r"```mswea_bash_command\s*\n(.*?)\n```"
    format_error_template: str = (
        "Please always provide EXACTLY ONE action in triple backticks, found {{actions|length}} actions."
    )
    observation_template: str = (
        "{% if output.exception_info %}<exception>{{output.exception_info}}</exception>\n{% endif %}"
        "<returncode>{{output.returncode}}</returncode>\n<output>\n{{output.output}}</output>"
    )


@dataclass(frozen=True)
class Bounds:
    """What ends an episode before its next question.

    Args:
        tokens: Generated in all.
        seconds: Of all commands; `spent` says how many there were.
        fits: Whether a prompt is short enough.
    """

    tokens: int
    seconds: float
    spent: Callable[[], float]
    fits: Callable[[list[Message]], bool]


class BackendModel:
    """A model behind a back end.

    Args:
        ask: Gets the answer to a question.
        sampling: Of each step.
        tags: Around thoughts, which are parted off and not shown again, as a server with a reasoning parser does it.
    """

    def __init__(
        self, config: ModelConfig, ask: Callable[[Ask], Answer], sampling: Sampling, tags: ThoughtTags, bounds: Bounds
    ) -> None:
        self.config, self._ask, self._sampling, self._tags, self._bounds = config, ask, sampling, tags, bounds
        self.tokens, self._asked = 0, 0

    def query(self, messages: list[dict[str, Any]], **_: Any) -> dict[str, Any]:
        """The next message of the assistant, with its one command.

        Raises:
            minisweagent.exceptions.FormatError: There is not one command in it; the agent goes on.
            minisweagent.exceptions.LimitsExceeded: A bound was reached; the agent ends.
        """
        from minisweagent.exceptions import FormatError
        from minisweagent.models.utils.actions_text import parse_regex_actions

        prompt: list[Message] = [{"role": one["role"], "content": one["content"]} for one in messages]
        self._check(prompt)
        self._asked += 1
        answer = self._ask(Ask(f"step/{self._asked}", prompt, self._sampling))
        if answer.too_long:
            raise _exit(Stop.CONTEXT, CONTEXT_STATUS, answer.generation.error or "")
        generation = answer.generation
        self.tokens += generation.n_tokens
        text = without_thoughts(generation.text, self._tags).strip()
        thought = "\n".join(thoughts(generation.text, self._tags))
        response = {
            "text": generation.text,
            "thought": thought,
            "n_tokens": generation.n_tokens,
            "thought_tokens": answer.thought_tokens,
            "finish_reason": str(generation.finish),
        }
        try:
            actions = parse_regex_actions(
                text,
                action_regex=self.config.action_regex,
                format_error_template=self.config.format_error_template,
                template_kwargs={"finish_reason": str(generation.finish)},
            )
        except FormatError as error:
            error.messages[0]["extra"] |= {"cost": 0.0, "response": response}
            raise
        extra = {"actions": actions, "response": response, "cost": 0.0, "timestamp": time.time()}
        said = {"role": "assistant", "content": text, "extra": extra}
        return said | ({"reasoning_content": thought} if thought else {})

    def format_message(self, **message: Any) -> dict[str, Any]:
        return message

    def format_observation_messages(
        self, message: dict[str, Any], outputs: list[dict[str, Any]], template_vars: dict[str, Any] | None = None
    ) -> list[dict[str, Any]]:
        from minisweagent.models.utils.actions_text import format_observation_messages

        template = self.config.observation_template
        return format_observation_messages(outputs, observation_template=template, template_vars=template_vars)

    def get_template_vars(self, **_: Any) -> dict[str, Any]:
        return self.config.model_dump()

    def serialize(self) -> dict[str, Any]:
        kind = f"{type(self).__module__}.{type(self).__qualname__}"
        return {"info": {"config": {"model": self.config.model_dump(mode="json"), "model_type": kind}}}

    def _check(self, prompt: list[Message]) -> None:
        bounds = self._bounds
        if self.tokens >= bounds.tokens:
            raise _exit(Stop.TOKEN_LIMIT, "LimitsExceeded", f"{self.tokens} tokens were generated")
        if bounds.spent() >= bounds.seconds:
            raise _exit(Stop.TIME_LIMIT, "TimeExceeded", f"commands took {bounds.spent():.0f} s")
        if not bounds.fits(prompt):
            raise _exit(Stop.CONTEXT, CONTEXT_STATUS, "the next prompt has more tokens than are allowed")


def _exit(stop: Stop, status: str, why: str) -> Exception:
    from minisweagent.exceptions import LimitsExceeded

    extra = {"exit_status": status, "submission": "", "stop": str(stop), "why": why}
    return LimitsExceeded({"role": "exit", "content": status, "extra": extra})
