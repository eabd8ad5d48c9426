"""Episodes side by side: the questions of a wave are one batch, and every text is in the journal when it is there.

An episode that is played again is given the answers that the journal has for the same prompts, and asks the back end
for the rest: so a run that was killed ends with the predictions that it would have had. An episode whose question
the back end did not answer is left for the next run.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from treadle.evaluate.records import Doubt, Finish, Generation, Request, Sampling
from treadle.evaluate.store import Journal
from treadle.evaluate.swe.episodes import Answer, Ask, Episode, Outcome, answer_of, too_long
from treadle.evaluate.swe.settings import seed_of
from treadle.files.typed import checked
from treadle.scoring.thoughts import thoughts

if TYPE_CHECKING:
    from treadle.evaluate.backends import Backend

_REMEDY = "delete this line, and `treadle swe run` generates it again"


@dataclass(frozen=True)
class _Text:
    """What is read of a journal's line about a generation."""

    instance_id: str
    place: str
    prompt: str
    text: str
    n_tokens: int
    thought_tokens: int
    finish: Finish
    error: str | None = None
    doubts: tuple[Doubt, ...] = ()


@dataclass(frozen=True)
class _Observation:
    """What is read of a journal's line about a step that was carried out."""

    instance_id: str
    step: int
    observation: str
    seconds: float


class Told:
    """All that was generated and observed so far, in memory and in the run's journal.

    Attributes:
        again: Texts of the journal that were for other prompts, and were generated again.
    """

    def __init__(self, journal: Journal) -> None:
        self._journal, self._lock = journal, threading.Lock()
        self._texts: dict[tuple[str, str], _Text] = {}
        self._seen: dict[tuple[str, int], _Observation] = {}
        self._tokens: dict[str, tuple[int, int]] = {}
        self.again = 0
        for number, record in enumerate(journal, 1):
            where = f"{journal.path}, line {number}"
            if "observation" in record:
                seen = checked(_Observation, record, where, _REMEDY)
                self._seen[seen.instance_id, seen.step] = seen
            else:
                text = checked(_Text, record, where, _REMEDY)
                self._texts[text.instance_id, text.place] = text

    def __len__(self) -> int:
        return len(self._texts)

    def get(self, instance: str, ask: Ask) -> tuple[Generation, int] | None:
        """What was generated for this prompt at this place, and how many of its tokens are thoughts."""
        found = self._texts.get((instance, ask.place))
        if found is None:
            return None
        if found.prompt != _digest(ask):
            self.again += 1
            return None
        generation = Generation(found.text, found.n_tokens, found.finish, found.error, found.doubts)
        self._count(instance, generation, found.thought_tokens)
        return generation, found.thought_tokens

    def put(self, instance: str, ask: Ask, generation: Generation, thought_tokens: int) -> None:
        record = {
            "instance_id": instance,
            "place": ask.place,
            "prompt": _digest(ask),
            "text": generation.text,
            "n_tokens": generation.n_tokens,
            "thought_tokens": thought_tokens,
            "finish": str(generation.finish),
            "error": generation.error,
            "doubts": [str(doubt) for doubt in generation.doubts],
        }
        with self._lock:
            self._journal.append(record)
        self._count(instance, generation, thought_tokens)

    def tokens(self, instance: str) -> tuple[int, int]:
        """Tokens of all texts that an episode was given, and of their thoughts."""
        return self._tokens.get(instance, (0, 0))

    def _count(self, instance: str, generation: Generation, thought_tokens: int) -> None:
        all_tokens, of_thoughts = self.tokens(instance)
        self._tokens[instance] = all_tokens + generation.n_tokens, of_thoughts + thought_tokens

    def memory(self, instance: str) -> OfEpisode:
        """The observations of one episode."""
        return OfEpisode(self, instance)

    def seen(self, instance: str, step: int) -> tuple[str, float] | None:
        found = self._seen.get((instance, step))
        return None if found is None else (found.observation, found.seconds)

    def observe(self, instance: str, step: int, observation: str, seconds: float) -> None:
        record = {"instance_id": instance, "step": step, "observation": observation, "seconds": seconds}
        with self._lock:
            self._journal.append(record)


@dataclass(frozen=True)
class OfEpisode:
    """The observations of one episode, see `agent.loop.Memory`."""

    told: Told
    instance: str

    def get(self, step: int) -> tuple[str, float] | None:
        return self.told.seen(self.instance, step)

    def put(self, step: int, observation: str, seconds: float) -> None:
        self.told.observe(self.instance, step, observation, seconds)


def _digest(ask: Ask) -> str:
    return hashlib.sha256(json.dumps(ask.prompt, ensure_ascii=False).encode("utf-8", "surrogatepass")).hexdigest()[:24]


@dataclass(eq=False)
class _Live:
    """An episode that is being played."""

    instance: str
    open: AbstractContextManager[Episode]
    episode: Episode | None = None
    asks: list[Ask] = field(default_factory=list)
    answers: list[Answer] | None = None
    outcome: Outcome | None = None
    failed: str = ""

    def advance(self) -> None:
        """Send the answers, and take the next questions or the outcome."""
        try:
            if self.episode is None:
                self.episode = self.open.__enter__()
                self.asks = next(self.episode)
            else:
                self.asks = self.episode.send(self.answers or [])
        except StopIteration as end:
            self.outcome = end.value


Opening = Callable[[str], AbstractContextManager[Episode]]
"""Opens the episode of an instance with what it needs, and clears that away when it is over."""


def play(
    backend: Backend,
    instances: Iterable[str],
    opening: Opening,
    told: Told,
    seed: int,
    together: int,
    workers: int,
    progress: Callable[[str, int], None] = lambda what, count: None,
) -> Iterator[tuple[str, Outcome | str]]:
    """Play the episodes of these instances.

    Args:
        opening: Opens an episode.
        told: What is known already; receives what is generated.
        seed: Of the samples.
        together: Episodes that are played side by side.
        workers: Threads in which their tools work.
        progress: Called with what is done and how many texts a wave asks for.

    Yields:
        The id of an instance and its outcome, as they end; a text is the reason why the back end gave no answer.

    Raises:
        ModelError: The back end cannot work at all.
    """
    waiting, live = iter(instances), []
    try:
        with ThreadPoolExecutor(max_workers=workers) as pool:
            while True:
                for name in waiting:
                    live.append(_Live(name, opening(name)))
                    if len(live) >= together:
                        break
                if not live:
                    return
                list(pool.map(_Live.advance, live))
                yield from _ended(live)
                live = [one for one in live if one.outcome is None]
                progress("texts", sum(len(one.asks) for one in live))
                _answer(backend, live, told, seed)
                yield from ((one.instance, one.failed) for one in live if one.failed)
                live = _closed(live, [one for one in live if one.failed])
    finally:  # when no thread works on them any more
        _closed(live, live)


def _ended(live: list[_Live]) -> Iterator[tuple[str, Outcome]]:
    over = [one for one in live if one.outcome is not None]
    _closed(live, over)
    for one in over:
        assert one.outcome is not None
        yield one.instance, one.outcome


def _closed(live: list[_Live], over: list[_Live]) -> list[_Live]:
    """Clear away what ended episodes hold; the others."""
    for one in over:
        episode, one.episode = one.episode, None
        if episode is not None:
            episode.close()
            one.open.__exit__(None, None, None)
    return [one for one in live if one not in over]


def _answer(backend: Backend, live: list[_Live], told: Told, seed: int) -> None:
    """Find or generate all that is asked for."""
    groups: dict[Sampling, list[tuple[_Live, int]]] = {}
    found: dict[tuple[str, int], Answer] = {}
    for one in live:
        for k, ask in enumerate(one.asks):
            known = told.get(one.instance, ask)
            if known is None:
                groups.setdefault(ask.sampling, []).append((one, k))
            else:
                found[one.instance, k] = answer_of(known[0], backend.thought_tags, known[1])
    for sampling, places in groups.items():
        requests = [Request(one.asks[k].prompt, seed_of(seed, one.instance, one.asks[k].place)) for one, k in places]
        for i, generation in backend.generate(requests, sampling):
            one, k = places[i]
            if generation.finish is Finish.FAILED and not too_long(generation):
                one.failed = generation.error or "no reason given"
                continue
            thought = "\n".join(thoughts(generation.text, backend.thought_tags))
            tokens = backend.count_tokens([thought])[0] if thought else 0
            told.put(one.instance, one.asks[k], generation, tokens)
            found[one.instance, k] = answer_of(generation, backend.thought_tags, tokens)
    for one in live:
        if not one.failed:
            one.answers = [found[one.instance, k] for k in range(len(one.asks))]
