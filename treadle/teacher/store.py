"""Every answer of a teacher, by what it was asked: nothing is asked twice, whatever becomes of a run.

The answers lie in a journal (`treadle.evaluate.store.Journal`), each in the file as soon as it is there; a last line that a
kill left torn is cut off, counted and asked again. In memory is an index alone, from the digest of what a text depends
on to the place of its line: a hundred thousand answers take some twenty megabytes.

A store belongs to one model with one way to ask it. What a text depends on besides its prompt, its seed and how it is
decoded is the store's identity; opened with another one it says which key differs. What is done with the texts, which
checks they pass and how many are asked for, may change from run to run.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from treadle.errors import ModelError, OutputError
from treadle.evaluate.records import Doubt, Finish, Generation, Request, Sampling
from treadle.evaluate.store import Journal, read_json, write_json
from treadle.files.secrets import refuse_secrets
from treadle.files.typed import Count, checked

SETTINGS, ANSWERS = "store.json", "answers.jsonl"
_AGAIN = "delete this line, and the same command asks again"


@dataclass(frozen=True)
class _Line:
    """What is read of a line of the journal."""

    key: str
    text: str
    n_tokens: Count
    finish: Finish
    prompt_tokens: Count | None = None
    model: str | None = None
    error: str | None = None
    doubts: tuple[Doubt, ...] = ()


@dataclass
class Tokens:
    """What was paid for: tokens of prompts and of answers, in how many answers.

    Args:
        estimated: Answers whose prompt the server did not count.
    """

    answers: int = 0
    prompt: int = 0
    completion: int = 0
    estimated: int = 0

    def add(self, prompt: int, completion: int, estimated: bool) -> None:
        self.answers += 1
        self.prompt += prompt
        self.completion += completion
        self.estimated += estimated


class Store:
    """The answers in a folder, for the process that holds the lock of the folder around it.

    Args:
        folder: Made where it is not there.
        identity: All that texts depend on besides requests and sampling, as flat keys: the model, its content, the
            back end, the prompts' templates.

    Attributes:
        torn: Lines that a kill left unfinished, 0 or 1.
        served: The model's name as the server gave it with the first answer; `None` where it gives none.
        tokens: Of all answers in the store.

    Raises:
        OutputError: The store is of another identity, damaged, or cannot be written.
    """

    def __init__(self, folder: Path, identity: Mapping[str, Any]) -> None:
        refuse_secrets(dict(identity), SETTINGS, OutputError)
        check_same(folder, identity)
        if not (folder / SETTINGS).is_file():
            write_json(folder / SETTINGS, dict(identity))
        self._journal = Journal(folder / ANSWERS)
        self.torn = self._journal.torn
        self.served: str | None = None
        self.tokens = Tokens()
        self._places: dict[bytes, int] = {}
        self._end = 0
        self._file = (folder / ANSWERS).open("rb")
        for place, line in self._lines():
            self._take(line, place)

    def __len__(self) -> int:
        return len(self._places)

    def __contains__(self, key: str) -> bool:
        return bytes.fromhex(key) in self._places

    def get(self, key: str) -> Generation | None:
        """The answer to what has this key; `None` where there is none yet."""
        if (place := self._places.get(bytes.fromhex(key))) is None:
            return None
        self._file.seek(place)
        line = self._line(self._file.readline(), f"byte {place}")
        return Generation(line.text, line.n_tokens, line.finish, line.error, line.doubts)

    def put(self, key: str, request: Request, generation: Generation, prompt_tokens: int) -> None:
        """Keep an answer; it is in the journal when this returns. One that failed is kept, too, and asked again.

        Args:
            prompt_tokens: Of the prompt, where the server does not count them.

        Raises:
            ModelError: The server answers with another model than before; that answer is not kept.
            OutputError: It cannot be written.
        """
        if self.served and generation.model and generation.model != self.served:
            raise ModelError(
                f"the server answered with the model {generation.model!r}, before with {self.served!r}; what came "
                f"before is kept. Serve {self.served!r} again, or give another folder with -o for the other one"
            )
        record = {
            "key": key,
            "prompt": request.prompt,
            "seed": request.seed,
            "text": generation.text,
            "n_tokens": generation.n_tokens,
            "finish": str(generation.finish),
            "prompt_tokens": generation.prompt_tokens,
            "model": generation.model,
            **({"error": generation.error} if generation.error else {}),
            **({"doubts": [str(doubt) for doubt in generation.doubts]} if generation.doubts else {}),
        }
        if generation.prompt_tokens is None and generation.finish is not Finish.FAILED:
            record |= {"prompt_tokens": prompt_tokens, "prompt_tokens_estimated": True}
        self._journal.append(record)
        line = checked(_Line, record, "an answer", _AGAIN)
        place, self._end = self._end, (self._journal.path.stat().st_size)
        self._take(line, place, bool(record.get("prompt_tokens_estimated")))

    def close(self) -> None:
        self._file.close()
        self._journal.close()

    def _take(self, line: _Line, place: int, estimated: bool = False) -> None:
        if line.finish is Finish.FAILED:
            return
        self.served = self.served or line.model
        self._places[bytes.fromhex(line.key)] = place
        self.tokens.add(line.prompt_tokens or 0, line.n_tokens, estimated)
