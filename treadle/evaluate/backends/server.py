"""The back end for a server with OpenAI's chat completions endpoint: vLLM, SGLang, `transformers serve` and others.

Requests are sent side by side in the order given, so that samples of one prompt meet in the server's prefix cache. What
may pass (429, 5xx, no or half an answer) is tried again with growing, random waits, or after the time that the server
asks for; what does not pass costs that one request. A refusal that holds for all requests, such as a wrong model name,
ends the run.

A server is not trusted. An answer has `answer_bytes(max_new_tokens)` at most, 1.5 MiB for 4,096 tokens, `concurrency`
answers are under way at a time, and one at a time is taken apart, which may need thirty times its bytes. What it says
of tokens is held against the text. A key is not sent anywhere else, and taken out of what a server says.

Limits: the seed is sent with each request, but whether equal seeds give equal texts is up to the server.
`transformers serve` keeps one generator for all requests: only with `concurrency=1` do seeds repeat there.
"""

from __future__ import annotations

import random
import threading
import time
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from treadle.chat.settings import ChatSettings
from treadle.data.prompts.asking import PLAIN
from treadle.errors import ModelError
from treadle.evaluate.backends.api_key import ApiKey
from treadle.evaluate.backends.chat import (
    Answer,
    Dialect,
    answer_bytes,
    concerns_length,
    failed,
    names_extension,
    payload_of,
    read_completion,
)
from treadle.evaluate.backends.http import (
    CHAT,
    MODELS,
    Fault,
    Passing,
    Refusal,
    content_of,
    exchange,
    normal_url,
    shown,
)
from treadle.evaluate.backends.side_by_side import side_by_side
from treadle.evaluate.records import Doubt, Generation, Request, Sampling
from treadle.scoring.thoughts import tags_of_pair

# English and mathematics with the tokenizers of Qwen and Llama: three to four bytes a token.
BYTES_PER_TOKEN = 3.5
# Time in which a server must answer that it is there.
GREETING = 10.0
NAMES = 20
"""Models of a server's list that a message names."""


class ServerBackend:
    """Generates through a server.

    Args:
        model: Name under which the server knows the model.
        url: Its address, with or without `/v1`.
        concurrency, retries: Requests that are under way at a time; further attempts after the first.
        timeout, deadline: Seconds for one attempt, and for one request with all its attempts and waits.
        first_wait, longest_wait: Seconds between attempts: they double from the first to the longest, and each is
            drawn between half of that and all of it. A longer `Retry-After` is kept.
        give_up_after: Requests in a row that failed for good after which the server counts as gone.
        api_key_variable: Environment variable that holds the key; `None` sends none.
        tokenizer: Folder or hub id, to count tokens that the server does not report; `None` estimates them.
        chat_template_kwargs: Variables of the chat template, sent with each request; vLLM and SGLang take them.
        system_role: `user` puts system messages before the first user's; else they are sent as they are.
        thought_tags: Opening and closing tag; `None` for the paper's. Special tokens need a reasoning parser there.
        trust_remote_code: Whether Python code that comes with the tokenizer is executed.

    Attributes:
        faults: Failed attempts by reason, those that a later attempt made good included.
        dialect: How sampling is made neutral on this server; settled by the first requests.

    Raises:
        ModelError: Nothing answers at `url`, or the environment variable is not set.
    """

    def __init__(
        self,
        model: str,
        url: str = "http://localhost:8000/v1",
        concurrency: int = 32,
        retries: int = 6,
        timeout: float = 1800.0,
        deadline: float = 7200.0,
        first_wait: float = 1.0,
        longest_wait: float = 60.0,
        give_up_after: int = 64,
        api_key_variable: str | None = None,
        tokenizer: str | None = None,
        chat_template_kwargs: Mapping[str, Any] | None = None,
        system_role: str | None = None,
        thought_tags: Sequence[str] | None = None,
        trust_remote_code: bool = False,
    ) -> None:
        self.model, self.url, self.thought_tags = model, normal_url(url), tags_of_pair(thought_tags)
        self.concurrency, self.retries, self.timeout, self.deadline = concurrency, retries, timeout, deadline
        self.first_wait, self.longest_wait, self.give_up_after = first_wait, longest_wait, give_up_after
        self._key = ApiKey(api_key_variable)
        self.tokenizer = _tokenizer(tokenizer, trust_remote_code) if tokenizer else None
        self.asking = PLAIN  # a server does not tell what its model was trained with
        self._chat = ChatSettings().changed(chat_template_kwargs, system_role, None, thought_tags)
        self.counts = f"tokenizer {tokenizer}" if tokenizer else f"estimated, {BYTES_PER_TOKEN} bytes a token"
        self.faults: Counter[Fault] = Counter()
        self.dialect, self._lock = Dialect.SAMPLER, threading.Lock()
        self._reading = threading.Lock()  # what is read takes several times its bytes: one answer at a time
        self._uncounted, self._lost = False, 0
        try:
            exchange(self.url + MODELS, min(GREETING, timeout), key=self._key.value)
        except Passing as passing:
            raise ModelError(
                f"{self.url}: no server answers ({self._key.hidden_in(passing)}); start one, for instance with "
                f"`vllm serve {model} --port 8000`, or correct the address"
            ) from passing

    def generate(self, requests: Sequence[Request], sampling: Sampling) -> Iterator[tuple[int, Generation]]:
        """Send all requests; each generation is yielded when its answer is there.

        A request is looked up when it is sent, and no more than `concurrency` are sent and not yet taken from here: a
        sequence that makes its items holds few of them, and a taker that is slow or killed has few answers waiting.

        Yields:
            Index into `requests` and its generation, each index once, in the order of the answers. A request whose
            attempts all failed is `Finish.FAILED` with the last reason.

        Raises:
            ModelError: The server refuses in a way that holds for all requests, or is gone. What it answered before
                comes first.
        """
        return side_by_side(
            lambda i, stop: self._complete(requests[i], sampling, stop), len(requests), self.concurrency
        )

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Length of each text in tokens: by the tokenizer where one was named, otherwise estimated from its bytes."""
        if self.tokenizer and texts:
            return [len(ids) for ids in self.tokenizer(list(texts), add_special_tokens=False)["input_ids"]]
        return [-int(-len(text.encode("utf-8", "surrogatepass")) // BYTES_PER_TOKEN) for text in texts]

    def describe(self) -> dict[str, Any]:
        """What the texts depend on, as far as it is known here."""
        known = {"kind": "openai", "model": self.model, "server": self.url, "token_counts": self.counts}
        return known | ({"chat": chat} if (chat := self._chat.describe()) else {})

    def close(self) -> None:
        """Nothing is kept open between requests."""

    def _complete(self, request: Request, sampling: Sampling, stop: threading.Event) -> Generation:
        until, attempt = time.monotonic() + self.deadline, 0
        while True:
            dialect = self.dialect
            seconds = max(min(self.timeout, until - time.monotonic()), 0.001)
            try:
                payload = payload_of(self.model, request, sampling, dialect, self._chat)
                most = answer_bytes(sampling.max_new_tokens)
                reply = exchange(self.url + CHAT, seconds, payload, self._key.value, most)
                with self._reading:
                    answer = read_completion(content_of(reply), sampling.max_new_tokens, self.thought_tags)
                self._lost = 0
                return self._generation(answer)
            except Refusal as refusal:
                if concerns_length(refusal.status, refusal.message):
                    self._lost = 0
                    return failed(f"status {refusal.status}, {self._key.hidden_in(refusal.message)}")
                if not self._step_down(dialect, refusal):
                    raise ModelError(self._refused(refusal)) from refusal
                continue
            except Passing as passing:
                last = passing
            with self._lock:
                self.faults[last.fault] += 1
            wait = max(last.wait, min(self.first_wait * 2**attempt, self.longest_wait) * random.uniform(0.5, 1.0))
            attempt += 1
            over = time.monotonic() + wait >= until
            if attempt > self.retries or over or stop.wait(wait):
                if not stop.is_set():
                    self._count_lost(last)
                why = f"deadline of {self.deadline:g} s" if over and attempt <= self.retries else "no attempt left"
                return failed(f"{last.fault}: {self._key.hidden_in(last)} ({attempt} attempts, {why})")

    def _count_lost(self, last: Passing) -> None:
        with self._lock:
            self._lost += 1
            lost = self._lost
        if lost >= self.give_up_after:
            raise ModelError(
                f"{self.url}: the last {lost} requests failed after all their attempts, with nothing answered in "
                f"between; the latest: {last.fault}, {self._key.hidden_in(last)}. Look at the server's log, then run "
                "the same command again"
            )

    def _generation(self, answer: Answer) -> Generation:
        count = answer.count
        if count is None:
            count = self.count_tokens([answer.text])[0]
            with self._lock:
                first, self._uncounted = not self._uncounted, True
            if first:
                what = "reports tokens that cannot be" if Doubt.USAGE in answer.doubts else "does not report tokens"
                warnings.warn(f"{self.url} {what}; their counts are: {self.counts}", stacklevel=2)
        return Generation(
            self._key.cut_from(answer.text),
            count,
            answer.finish,
            doubts=answer.doubts,
            prompt_tokens=answer.prompt_tokens,
            model=answer.model and self._key.cut_from(answer.model),
        )

    def _step_down(self, tried: Dialect, refusal: Refusal) -> bool:
        """Whether the request can be sent again with fewer fields; settles them for all that follow."""
        if not names_extension(refusal.message, tried):
            return False
        with self._lock:
            if self.dialect is tried and tried.next:
                self.dialect = tried.next
                if self.dialect is Dialect.PLAIN:
                    warnings.warn(
                        f"{self.url} takes no top_k or repetition_penalty: its own defaults hold, which may come from "
                        "the model's generation config",
                        stacklevel=2,
                    )
        return self.dialect is not tried

    def _refused(self, refusal: Refusal) -> str:
        if refusal.status in (401, 403):
            fix = "name the environment variable that holds the key with --api-key-env (api_key_variable)"
        elif 300 <= refusal.status < 400:
            fix = "give the address that the server redirects to"
        else:
            fix = f"expected one of its models: {', '.join(self._served()) or 'it lists none'}"
        said = self._key.hidden_in(refusal.message)
        return f"{self.url}{CHAT}: status {refusal.status} for model {self.model!r}: {said}; {fix}"

    def _served(self) -> list[str]:
        """Names of the models that the server lists; none where it gives no list."""
        try:
            entries = content_of(exchange(self.url + MODELS, GREETING, key=self._key.value)).get("data")
        except (Passing, Refusal):
            return []
        names = [e["id"] for e in entries if isinstance(e, dict) and "id" in e] if isinstance(entries, list) else []
        return [shown(str(name), 80) for name in names[:NAMES]]


def _tokenizer(model: str, trust_remote_code: bool) -> Any:
    from treadle.recipe.models import load_tokenizer  # imports torch and transformers

    return load_tokenizer(model, trust_remote_code)
