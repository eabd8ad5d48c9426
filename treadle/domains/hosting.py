"""A domain's own code, run in processes that can be killed: verdicts, and worlds that answer to actions.

What a model wrote, and what a domain's code makes of it, can hang, take all memory or die there: it costs the attempt
or the action, and is said. A process has the limits of `Limits`: processor time of each call (four times as long on the
clock), address space, no core, and it can write no file. What the code prints is not shown.

The same task and actions give the same observations, so that what was observed once is not asked for again, and a
verdict plays an attempt's actions again: a run can be judged from its journal without a model.
"""

from __future__ import annotations

import atexit
import re
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

from treadle.domains.commands import check_command, judge_by_command
from treadle.domains.domain import Attempt, Command, Domain, Hosted, Limits, Task
from treadle.domains.observed import Observed, Remembered, failed, key_of
from treadle.domains.served import DomainProcess, at_fault, split_of
from treadle.errors import DomainError
from treadle.processes import PATIENCE, Pool

_EMPTY_LINES = re.compile(r"\n[^\S\n]*\n")


class UnsetTask(DomainError):
    """A task that the domain's environment cannot set up."""


class Unsplit(Exception):
    """Why a whole solution could not be cut into actions."""


class Host:
    """Runs the code of one domain. Safe to use from any thread.

    Args:
        domain: Has a verdict or an environment of its own.
        workers: Number of processes; the default is one for each processor, at most four.
    """

    def __init__(self, domain: Domain, workers: int | None = None) -> None:
        self.domain = domain
        self._pool = Pool(lambda: DomainProcess(domain), workers)
        self._seen = Remembered()
        atexit.register(self.close)

    def judge(self, pairs: Sequence[tuple[Task, Attempt]]) -> list[tuple[str, str]]:
        """Judge attempts by the domain's verdict.

        Where the domain has an environment the actions are played again, the attempt gets the observations that they
        give now, and a function of three parameters the world after them.

        Args:
            pairs: N tasks, each with an attempt.

        Returns:
            N verdicts, a word of `treadle.scoring.grading.Verdict` and why: `crashed` for code that raises or dies,
            `hung` beyond its time, `unscorable` for a task that the environment cannot set up.

        Raises:
            DomainError: The domain has no verdict of its own, or its code does not do what it has to.
        """
        if not isinstance(self.domain.verdict, Hosted | Command):
            raise DomainError(f"domain {self.domain.name!r}: has no verdict of its own to judge attempts by")
        keys = [key_of(vars(task), vars(attempt)) for task, attempt in pairs]
        different = dict(zip(keys, pairs, strict=True))  # samples of one problem often agree
        with ThreadPoolExecutor(self._pool.size) as threads:
            judged = dict(
                zip(different, threads.map(lambda pair: self._judged(*pair), different.values()), strict=True)
            )
        return [judged[key] for key in keys]

    def replay(self, task: Task, actions: Sequence[str]) -> list[Observed]:
        """What the environment answers to actions, one after the other, up to the first that ends the episode.

        Args:
            actions: Those of an episode from its beginning; without any the task is set up, and that is all.

        Raises:
            UnsetTask: The environment does not take the task.
            DomainError: The domain has no environment, or its code does not do what it has to.
        """
        if self.domain.environment is None:
            raise DomainError(f"domain {self.domain.name!r}: has no environment to play actions in")
        self._set_up(task)
        found: list[Observed] = []
        carried: list[str] = []
        for action in actions:
            found.append(self._step(task, carried, action))
            if found[-1].done:
                break
            if not found[-1].fault:
                carried.append(action)
        return found

    def unlike(self, task: Task, actions: Sequence[str], seen: Sequence[Observed]) -> str | None:
        """How an episode that is played again differs from what was observed, in words; `None` where it does not.

        Args:
            actions, seen: As `replay` was given and has answered, without faults.

        Raises:
            DomainError: As of `replay`.
        """
        limits = self.domain.environment.limits
        try:
            answer = self._ask({"do": "again", "task": vars(task), "actions": actions}, limits, 3 * len(actions))
        except (TimeoutError, EOFError):
            return "played again, it takes too long or its process dies"
        if "afresh" not in answer:
            return f"played again, it fails ({answer.get('why') or answer.get('unset')})"
        for when, observations in (
            ("of a world set up anew; the same actions must give the same observations", answer["afresh"]),
            ("of a copy of the world before; copy() must share no state", answer["kept"]),
        ):
            for number, (before, now) in enumerate(zip(seen, observations, strict=True), 1):
                if now != before.observation:
                    return f"step {number}: the environment says {before.observation!r:.80}, and {now!r:.80} {when}"
        return None

    def check(self) -> None:
        """Look at what can be told before anything is judged.

        Raises:
            DomainError: Its code cannot be imported, or is none; its command is not there.
        """
        if isinstance(self.domain.verdict, Command):
            check_command(self.domain.verdict, self.domain.folder)
        if any(
            isinstance(part, Hosted) for part in (self.domain.verdict, self.domain.environment, split_of(self.domain))
        ):
            self._pool.ask(lambda worker: None)

    def actions(self, text: str) -> tuple[str, ...]:
        """The actions of a whole solution, as `Domain.split` says.

        Raises:
            Unsplit: The domain's function raises, dies or takes too long.
            DomainError: It does not do what it has to.
        """
        split = split_of(self.domain)
        if split is None:
            parts = text.splitlines() if self.domain.split == "lines" else _EMPTY_LINES.split(text)
            return tuple(part.strip() for part in parts if part.strip())
        try:
            answer = self._ask({"do": "split", "task": vars(Task("", "")), "text": text}, split.limits)
        except (TimeoutError, EOFError) as error:
            why = f"longer than {split.limits.seconds:g} s" if isinstance(error, TimeoutError) else "its process died"
            raise Unsplit(f"{split.place}: {why}") from None
        if "fault" in answer:
            raise Unsplit(f"{split.place}: {answer['why']}")
        return tuple(answer["actions"])

    def close(self) -> None:
        """Stop all processes."""
        self._pool.close()

    def _judged(self, task: Task, attempt: Attempt) -> tuple[str, str]:
        carried: list[str] = []
        if self.domain.environment is not None:
            try:
                found = self.replay(task, attempt.actions)
            except UnsetTask as error:
                return "unscorable", str(error)
            carried = [action for action, seen in zip(attempt.actions, found, strict=False) if not seen.fault]
            attempt = replace(attempt, observations=tuple(seen.observation for seen in found))
        if isinstance(self.domain.verdict, Command):
            return judge_by_command(self.domain.verdict, self.domain.folder, task, attempt)
        limits = self.domain.verdict.limits
        question = {"do": "judge", "task": vars(task), "attempt": vars(attempt), "actions": carried}
        try:
            answer = self._ask(question, limits, len(carried))
        except TimeoutError:
            return "hung", f"longer than {limits.seconds:g} s"
        except EOFError:
            return "crashed", "the process died twice"
        if "unset" in answer:  # this once, since `replay` has set it up
            return "unscorable", answer["unset"]
        return ("crashed", answer["why"]) if "fault" in answer else (answer["verdict"], answer["why"])

    def _set_up(self, task: Task) -> None:
        key = key_of(vars(task))
        if self._seen.get(key) is not None:
            return
        limits = self.domain.environment.limits
        try:
            answer = self._ask({"do": "set_up", "task": vars(task)}, limits)
            why = answer.get("unset") or answer.get("why")
        except TimeoutError:
            why = f"longer than {limits.seconds:g} s"
        except EOFError:
            why = "the process died twice"
        if why is not None:
            raise UnsetTask(
                f"task {task.id!r}: environment {self.domain.environment.place} cannot set it up ({why}); found setup "
                f"{task.setup!r:.80}"
            )
        self._seen.put(key, Observed("", False))

    def _step(self, task: Task, carried: Sequence[str], action: str) -> Observed:
        key = key_of(vars(task), carried, action)
        if (known := self._seen.get(key)) is not None:
            return known
        limits = self.domain.environment.limits
        question = {"do": "step", "task": vars(task), "actions": list(carried), "action": action}
        try:
            answer = self._ask(question, limits, len(carried))
        except TimeoutError:
            answer = {"fault": "timeout"}
        except EOFError:
            answer = {"fault": "crashed"}
        fault = answer.get("fault") or ("raised" if "unset" in answer else "")
        seen = (
            failed(fault, limits, answer.get("why") or answer.get("unset", ""))
            if fault
            else Observed(answer["observation"], answer["done"])
        )
        self._seen.put(key, seen)
        return seen

    def _ask(self, question: dict[str, Any], limits: Limits, before: int = 0) -> dict[str, Any]:
        """Ask a process, which may have to play so many actions before."""
        seconds = limits.seconds + before * (self.domain.environment.limits.seconds if self.domain.environment else 0.0)
        answer = self._pool.ask(lambda worker: worker.ask(question, PATIENCE * seconds))
        if "error" in answer:
            raise at_fault(self.domain, answer["error"])
        return answer


_hosts: dict[tuple[str, str], Host] = {}
_hosts_lock = threading.Lock()


def host_of(domain: Domain) -> Host:
    """The host of a domain, one for this process; its own processes are started when they are first needed."""
    key = domain.name, str(domain.folder)
    with _hosts_lock:
        if key in _hosts and _hosts[key].domain != domain:  # its domain.yaml was changed and read again
            _hosts.pop(key).close()
        if key not in _hosts:
            _hosts[key] = Host(domain)
        return _hosts[key]
