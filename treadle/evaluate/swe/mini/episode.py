"""Mode `mini`: an episode of mini-swe-agent's `DefaultAgent`.

Handed in is the difference to the base, as in the mode `agent`, however the episode ended; mini-swe-agent's own runner
hands in what the agent printed last, and nothing where a limit ended it. The file that the submission was read from is
no part of the difference. Its trajectory is kept as it writes it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import jinja2

from treadle.errors import TreadleError
from treadle.evaluate.swe.agent.loop import NOTHING, Memory, Stop, ended
from treadle.evaluate.swe.agent.places import changes
from treadle.evaluate.swe.episodes import Answer, Ask, Episode, Outcome
from treadle.evaluate.swe.localise import changed_files
from treadle.evaluate.swe.mini.environment import EnvironmentConfig, SandboxEnvironment
from treadle.evaluate.swe.mini.model import BackendModel, Bounds, ModelConfig
from treadle.evaluate.swe.mini.threads import as_episode
from treadle.evaluate.swe.patches import diff_of
from treadle.evaluate.swe.records import SweInstance, Verdict
from treadle.evaluate.swe.sandbox import Sandbox
from treadle.evaluate.swe.settings import SweSettings
from treadle.scoring.thoughts import ThoughtTags
from treadle.trajectory import Message

_STOPS = {
    "Submitted": Stop.SUBMITTED,
    "LimitsExceeded": Stop.STEP_LIMIT,
    "TimeExceeded": Stop.TIME_LIMIT,
    "RepeatedFormatError": Stop.FORMAT_FAULTS,
}
"""Its exit statuses; those of our own bounds say their stop themselves."""


def mini_episode(
    instance: SweInstance,
    model: str,
    sandbox: Sandbox,
    pristine: Path,
    settings: SweSettings,
    tags: ThoughtTags,
    memory: Memory,
    fits: Callable[[list[Message]], bool],
    keep: Callable[[dict[str, Any]], object],
) -> Episode:
    """The episode of an instance.

    Args:
        model: Its name, for the trajectory.
        sandbox: Of a checkout of its own.
        pristine: The same checkout as nobody has touched it.
        tags: Around thoughts.
        memory: Has the answers to commands of an episode that is continued.
        fits: Whether a prompt is short enough.
        keep: Takes the trajectory at the end.
    """

    def work(ask: Callable[[Ask], Answer]) -> Outcome:
        from minisweagent.agents.default import DefaultAgent

        config = settings.mini or {}
        environment = SandboxEnvironment(EnvironmentConfig(**config["environment"]), sandbox, memory)
        bounds = Bounds(settings.max_tokens, settings.max_seconds, lambda: environment.seconds, fits)
        asking = BackendModel(ModelConfig(model_name=model, **config["model"]), ask, settings.step(), tags, bounds)
        agent = DefaultAgent(asking, environment, **config["agent"])
        failed = ""
        try:
            agent.run(instance.problem_statement)
        except TreadleError:
            raise
        except jinja2.TemplateError as error:
            raise TreadleError(f"--mini-config: a template cannot be rendered: {error}") from None
        except Exception as error:  # of the package, for this task: the run goes on, and tries it again
            failed = f"mini-swe-agent ended with {type(error).__name__}: {error}"
        keep(agent.save(None, {"instance_id": instance.instance_id}))
        return _outcome(agent.messages, environment.seconds, pristine, sandbox.root, failed)

    return as_episode(work)


def _outcome(messages: list[dict[str, Any]], seconds: float, pristine: Path, root: Path, failed: str) -> Outcome:
    extra = messages[-1].get("extra", {})
    status, submission = extra.get("exit_status", ""), extra.get("submission") or ""
    steps = list(_steps(messages))
    figures = {
        "exit_status": status,
        "steps": len(steps),
        "faulty_steps": sum(bool(step["fault"]) for step in steps),
        "tool_seconds": round(seconds, 3),
    }
    stop = extra.get("stop") or _STOPS.get(status)
    if failed or stop is None:
        reason = failed or f"mini-swe-agent ended with the exit status {status!r}"
        return Outcome(fault=Verdict.ENVIRONMENT, reason=reason[:500], figures=figures, steps=steps)
    if submission.strip():
        figures["submitted"] = changed_files(submission)
    last = steps[-1]["action"] if stop == Stop.SUBMITTED else ""
    patch = _difference(pristine, root, submission, last)
    return ended(Stop(stop), patch, figures, steps, extra.get("why", ""))


def _difference(pristine: Path, root: Path, submission: str, last: str) -> str:
    """What was changed, without new files that the last command names and that hold what it submitted."""
    then, now = changes(pristine, root)
    for name, text in list(now.items()):
        if then[name] is None and PurePosixPath(name).name in last and (text or "").strip() == submission.strip():
            del then[name], now[name]
    return diff_of(then, now)


def _steps(messages: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The steps as steps.jsonl has them, from the messages: the command is the action."""
    number, step = 0, None
    for message in messages:
        extra = message.get("extra", {})
        begins, faulty = message["role"] == "assistant", extra.get("interrupt_type") == "FormatError"
        if begins or faulty:
            if step is not None:
                yield step
            number, response = number + 1, extra["response"]
            step = {
                "step": number,
                "thought": response["thought"],
                "action": extra["actions"][0]["command"] if begins else extra["model_response"] or NOTHING,
                "observation": message["content"] if faulty else "",
                "fault": "not one command" if faulty else "",
                "n_tokens": response["n_tokens"],
                "thought_tokens": response["thought_tokens"],
                "seconds": 0.0,
            }
        elif step is not None and "seconds" in extra:
            step |= {"observation": message["content"], "seconds": extra["seconds"]}
    if step is not None:
        yield step
