"""Asking, checking, and asking again: each sample is a small state machine, and all that are open ask together.

    ask -> checks -> kept
              |----> ask again with the fault named, while tries are left
              |----> given up, with the reason of the last try
     |-------------> failed: the back end gave no answer; the next run tries again

All open samples send their requests through `Backend.generate` in one wave; each answer is stored as it comes, then
checked. A window bounds how many are open, so that memory does not grow with the work. What the store holds is not
asked again: a run that was stopped goes through the same states without a request.

In memory stay, of each try, the key of its answer, a digest and the fault; texts are read from the store again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from treadle.chat.progress import progress as showing
from treadle.evaluate.records import Finish, Generation, Request, Sampling
from treadle.teacher.asking import Assignment, Wording, ask, ask_again, draft_of, parted, prompt_digest
from treadle.teacher.checks import Check, Fault, first_fault
from treadle.teacher.costs import Prices
from treadle.teacher.drafts import Draft, Origin
from treadle.teacher.settings import seed_of
from treadle.teacher.store import Store, key_of
from treadle.trajectory import Message

if TYPE_CHECKING:
    from treadle.evaluate.backends import Backend

WINDOW, DEPTH = 2048, 32
"""Samples open at a time: at least so many, and so many for each request under way. A wave waits for its slowest answer
once, which counts for less the deeper it is."""


class State(StrEnum):
    """Where a sample is."""

    OPEN = "open"
    KEPT = "kept"
    GIVEN_UP = "given up"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Try:
    """One answered try: the store's key of the answer, the digest of its prompt, and what is wrong with it."""

    key: str
    prompt_sha256: str
    checks: tuple[str, ...]
    fault: Fault | None


@dataclass(slots=True)
class Work:
    """One sample of an assignment.

    Args:
        tries: Those that were answered, in order.
        error: What the back end said where it gave no answer.
    """

    assignment: Assignment
    sample: int
    state: State = State.OPEN
    tries: list[Try] = field(default_factory=list)
    error: str | None = None
    messages: list[Message] | None = None


@dataclass
class Teacher:
    """Who is asked, how, and what is done with the answers.

    Args:
        model: Its name, for `Origin`.
        checks: Of each draft, in order; the first that it does not pass is what is wrong with it.
        tries: At most, for each sample.
        window: Samples that are open at a time.
        round: Of bootstrapping, for `Origin`.
    """

    backend: Backend
    store: Store
    model: str
    wording: Wording
    sampling: Sampling
    checks: Sequence[Check]
    tries: int = 1
    seed: int = 0
    prices: Prices = field(default_factory=Prices)
    window: int = WINDOW
    round: int = 0

    def work(self, works: Sequence[Work], progress: bool = False) -> bool:
        """Bring all samples to their end, in place.

        Args:
            progress: Whether to say how far it is and what it costs.

        Returns:
            Whether all came to their end; if not, the budget would not surely have been enough for the next request.

        Raises:
            ModelError: The back end is gone or refuses, or its model changed. What was answered before is stored.
            OutputError: The store cannot be written.
        """
        waiting, opened = deque(works), []
        limit = self.sampling.max_new_tokens

        def cost(done: int) -> str:
            return self.prices.shown(self.store.tokens, done, len(works))

        with showing(self.model, len(works), limit, progress, unit="sample", note=cost) as finished:
            while waiting or opened:
                opened, requests = self._filled(waiting, opened, finished)
                spent = self.prices.of(self.store.tokens) or 0.0
                count = self.prices.affordable([request for _, request in requests], self.sampling, spent)
                if requests and not count:
                    return False
                self._wave(opened[:count], requests[:count], finished)
                opened = [work for work in opened if work.state is State.OPEN]
        return True

    def _filled(
        self, waiting: deque[Work], opened: list[Work], finished: Callable[[], object]
    ) -> tuple[list[Work], list[tuple[str, Request]]]:
        """Samples that need an answer from the back end, a window of them at most, and their keys and requests."""
        found, requests = [], []
        for work in self._next(waiting, opened):
            while work.state is State.OPEN:
                key, request = self._request(work)
                if (answer := self.store.get(key)) is None:
                    found.append(work)
                    requests.append((key, request))
                    break
                self._take(work, key, request, answer)
            else:
                finished()
            if len(found) >= self.window:
                break
        return found, requests

    def _next(self, waiting: deque[Work], opened: list[Work]) -> Iterator[Work]:
        yield from opened
        while waiting:
            yield waiting.popleft()

    def _wave(
        self, works: Sequence[Work], requests: Sequence[tuple[str, Request]], finished: Callable[[], object]
    ) -> None:
        for i, generation in self.backend.generate([request for _, request in requests], self.sampling):
            key, request = requests[i]
            prompt_tokens = generation.prompt_tokens
            if prompt_tokens is None:
                prompt_tokens = sum(self.backend.count_tokens([m["content"] for m in request.prompt]))
            self.store.put(key, request, generation, prompt_tokens)
            self._take(works[i], key, request, generation)
            if works[i].state is not State.OPEN:
                finished()

    def _request(self, work: Work) -> tuple[str, Request]:
        """What a sample asks next, and its key."""
        if work.messages is None:
            work.messages = ask(work.assignment, self.wording)
        seed = seed_of(self.seed, work.assignment.id, work.sample, len(work.tries) + 1)
        request = Request(work.messages, seed)
        return key_of(request, self.sampling), request

    def _take(self, work: Work, key: str, request: Request, generation: Generation) -> None:
        """Take the answer to a sample's request."""
        if generation.finish is Finish.FAILED:
            work.state, work.error, work.messages = State.FAILED, generation.error or "no reason given", None
            return
        digest = prompt_digest(request.prompt)
        draft, fault = first_fault(self._draft(work, generation, digest, len(work.tries) + 1), self.checks)
        work.tries.append(Try(key, digest, draft.origin.checks, fault))
        if fault is None:
            work.state = State.KEPT
        elif len(work.tries) >= self.tries:
            work.state = State.GIVEN_UP
        work.messages = None
        if work.state is State.OPEN:
            said = parted(generation.text, self.wording.tags)[1]
            work.messages = ask_again(request.prompt, said, fault.detail or fault.reason.explanation)

    def _draft(self, work: Work, generation: Generation, digest: str, attempt: int) -> Draft:
        kind = work.assignment.command
        origin = Origin(kind, self.model, digest, work.sample, self.round, attempt)
        return draft_of(work.assignment, generation, origin, self.wording.tags)

    def drafts(self, work: Work) -> Iterator[tuple[Draft, Fault | None]]:
        """The drafts of a sample's tries with what was wrong with each, read from the store."""
        for attempt, one in enumerate(work.tries, 1):
            draft = self._draft(work, self.store.get(one.key), one.prompt_sha256, attempt)
            yield draft.passed(*one.checks), one.fault


def window_of(backend: Backend) -> int:
    """Samples that are open at a time with this back end."""
    return max(WINDOW, DEPTH * getattr(backend, "concurrency", 1))


def works_of(assignments: Iterable[Assignment], samples: int) -> list[Work]:
    """So many samples of each assignment, those of one next to each other, so that they meet in a server's cache."""
    return [Work(assignment, sample) for assignment in assignments for sample in range(samples)]
