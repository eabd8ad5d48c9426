"""mini-swe-agent's environment: each command is a process of its own in the sandbox, in a checkout of an instance.

What it answers is what mini-swe-agent's own environments answer: `output`, `returncode` and `exception_info`, and
`Submitted` where the first line of a command that succeeded says so. Theirs show `/etc` and the network (`bubblewrap`)
or all of the machine (`local`), and give prompts all variables of the process; ours shows what `jail` lists.
"""

from __future__ import annotations

import json
import platform
import tempfile
import time
from contextlib import ExitStack
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field, ValidationError

from treadle.errors import TreadleError
from treadle.evaluate.swe.agent.loop import Memory
from treadle.evaluate.swe.agent.prompts import MOUNT
from treadle.evaluate.swe.agent.tools import MOST_COMMAND, stopped
from treadle.evaluate.swe.instances import instance_by_id, read_instances
from treadle.evaluate.swe.records import SweInstance
from treadle.evaluate.swe.sandbox import Limits, Sandbox, SandboxError
from treadle.evaluate.swe.worlds import Worlds
from treadle.files.secrets import refuse_secrets

OPEN = "treadle-instance"
"""The command that names the instance where the settings do not: mini-swe-agent's runner renders it for each."""
_SUBMITS = "COMPLETE_TASK_AND_SUBMIT_FINAL_OUTPUT"
_SHELL = 'cd -- "$1" || exit 1; shift; exec "$@"'


class EnvironmentConfig(BaseModel):
    """Of `environment:` in its configs; keys of other environments are passed over, as theirs do."""

    cwd: str = MOUNT
    """Where commands begin."""
    env: dict[str, str] = {}
    """Variables beside those of the sandbox; nothing is inherited."""
    timeout: float = Field(60, gt=0)
    """Seconds of a command."""
    interpreter: list[str] = Field(["bash", "-c"], min_length=1)
    """Takes the command as its last argument."""
    output_kb: int = Field(256, gt=0)
    """Of a command's output that is kept, its middle is cut: templates show less, trajectories have all of it."""


class TreadleConfig(EnvironmentConfig):
    """Of `TreadleEnvironment`: as the options of `treadle swe run` with these names."""

    tasks: str
    """A folder that `treadle swe tasks` made, a file, or a hub id."""
    instance: str = ""
    """By default the first command names it: `run.env_startup_command: treadle-instance {{ instance_id }}`."""
    split: str | None = None
    cache: Path = Path(".treadle/swe")
    mirrors: Path | None = None
    python: Path | None = None
    unsafe_local: bool = False
    memory_mb: int = Field(Limits.memory_mb, gt=0)
    processes: int = Field(Limits.processes, gt=0)
    disk_mb: int = Field(Limits.disk_mb, gt=0)


class SandboxEnvironment:
    """The environment in a sandbox that is given.

    Args:
        sandbox: Of the checkout.
        memory: Has the answers of an episode that is continued: commands are carried out again for what they do to the
            checkout, and the answers are those that the model saw.

    Attributes:
        seconds: Wall time of all commands so far.
    """

    def __init__(self, config: EnvironmentConfig, sandbox: Sandbox | None = None, memory: Memory | None = None) -> None:
        refuse_secrets(config.env, "environment.env", TreadleError)
        self.config, self.sandbox, self._memory = config, sandbox, memory
        self.seconds, self._commands = 0.0, 0

    def execute(self, action: dict[str, Any], cwd: str = "", *, timeout: float | None = None) -> dict[str, Any]:
        """Carry out a command; none raises because of what a model wrote, but for the one that submits.

        Raises:
            minisweagent.exceptions.Submitted: The command said that the work is done; with what it printed then.
        """
        begun = time.monotonic()
        answer = self._answer(str(action.get("command") or ""), cwd, timeout)
        seconds, self._commands = round(time.monotonic() - begun, 3), self._commands + 1
        if self._memory is not None:
            if (known := self._memory.get(self._commands)) is not None:
                answer, seconds = json.loads(known[0]), known[1]
            else:
                self._memory.put(self._commands, json.dumps(answer), seconds)
        self.seconds += seconds
        answer["extra"] = {**answer.get("extra", {}), "seconds": seconds}
        self._raise_where_submitted(answer)
        return answer

    def get_template_vars(self, **more: Any) -> dict[str, Any]:
        """What prompts may name: the settings and the kernel; of the machine's name and variables nothing."""
        return {**self.config.model_dump(mode="json"), **platform.uname()._asdict(), "node": "sandbox", **more}

    def serialize(self) -> dict[str, Any]:
        kind = f"{type(self).__module__}.{type(self).__qualname__}"
        known = {"environment": self.config.model_dump(mode="json"), "environment_type": kind}
        return {"info": {"config": known}}

    def _answer(self, command: str, cwd: str, timeout: float | None) -> dict[str, Any]:
        sandbox = self._opened()
        if "\0" in command or len(command.encode("utf-8", "replace")) > MOST_COMMAND:
            return _refused(f"it should have at most {MOST_COMMAND} bytes, and no zero byte")
        top = str(sandbox.path)
        command = command.encode("utf-8", "replace").decode()  # halves of characters, which no program can be given
        words = [text.replace(MOUNT, top) for text in (cwd or self.config.cwd, *self.config.interpreter, command)]
        modules = {"PYTHONPATH": f"{top}/src:{top}"}  # a release is not installed, and tests import it
        limits = replace(sandbox.limits, seconds=timeout or self.config.timeout, output_kb=self.config.output_kb)
        try:
            ran = sandbox.run(["bash", "-c", _SHELL, "bash", *words], env=modules | self.config.env, limits=limits)
        except SandboxError as error:  # what an agent did to its checkout may keep the next command from starting
            return _refused(f"it could not be started: {error}")
        output = ran.output.replace(top, MOUNT)
        if why := stopped(ran):
            return _refused(why, output)
        if ran.cut and _submission(output, ran.code) is not None:
            return _refused(f"what it submits is longer than {limits.output_kb} KiB", output)
        return {"output": output, "returncode": ran.code, "exception_info": ""}

    def _opened(self) -> Sandbox:
        assert self.sandbox is not None
        return self.sandbox

    def _raise_where_submitted(self, answer: dict[str, Any]) -> None:
        submission = _submission(answer["output"], answer["returncode"])
        if submission is not None:
            from minisweagent.exceptions import Submitted

            extra = {"exit_status": "Submitted", "submission": submission, "seconds": answer["extra"]["seconds"]}
            raise Submitted({"role": "exit", "content": submission, "extra": extra})


class TreadleEnvironment(SandboxEnvironment):
    """The environment of an instance, with a checkout of its own that goes when the environment does.

    Args:
        settings: See `TreadleConfig`.

    Raises:
        TreadleError: A setting is wrong, the instance is unknown, its checkout or its environment cannot be made, or no
            sandbox can be had.
    """

    config: TreadleConfig

    def __init__(self, **settings: Any) -> None:
        self._stack = ExitStack()
        try:
            config = TreadleConfig(**settings)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            raise TreadleError(f"environment.{'.'.join(map(str, first['loc']))}: {first['msg'].lower()}") from None
        super().__init__(config)
        self._pristine: Path | None = None
        if config.instance:
            self._open(config.instance)

    def execute(self, action: dict[str, Any], cwd: str = "", *, timeout: float | None = None) -> dict[str, Any]:
        words = str(action.get("command") or "").split()
        if self.sandbox is None and len(words) == 2 and words[0] == OPEN:
            self._open(words[1])
            return {"output": "", "returncode": 0, "exception_info": ""}
        return super().execute(action, cwd, timeout=timeout)

    def cleanup(self) -> None:
        """Remove the checkout."""
        self._stack.close()
        self.sandbox = None

    def __del__(self) -> None:
        self.cleanup()

    def _open(self, name: str) -> None:
        config = self.config
        limits = Limits(
            config.timeout,
            memory_mb=config.memory_mb,
            processes=config.processes,
            disk_mb=config.disk_mb,
        )
        worlds = Worlds(config.cache, config.mirrors, limits, config.unsafe_local, config.python)
        worlds.check()
        instance = instance_by_id(_instances(config.tasks, config.split), name)
        work = Path(
            self._stack.enter_context(tempfile.TemporaryDirectory(prefix="treadle-", ignore_cleanup_errors=True))
        )
        self._pristine = self._stack.enter_context(worlds.pristine(instance, work))
        self.sandbox = worlds.workplace(instance, self._pristine)

    def _opened(self) -> Sandbox:
        if self.sandbox is None:
            raise TreadleError(
                "no instance is open; set environment.instance, or "
                f"run.env_startup_command: {OPEN} {{{{ instance_id }}}}"
            )
        return self.sandbox


@cache
def _instances(tasks: str, split: str | None) -> list[SweInstance]:
    return read_instances(tasks, split)


def _submission(output: str, code: int | None) -> str | None:
    """What a command submits, by mini-swe-agent's own rule; `None` for one that does not."""
    lines = output.lstrip().splitlines(keepends=True)
    return "".join(lines[1:]) if lines and lines[0].strip() == _SUBMITS and code == 0 else None


def _refused(why: str, output: str = "") -> dict[str, Any]:
    """The answer to a command that did not end by itself, in the form that theirs has for it."""
    extra = {"exception_type": "CommandRefused", "exception": why}
    said = f"An error occurred while executing the command: {why}"
    return {"output": output, "returncode": -1, "exception_info": said, "extra": extra}
