"""Every answer of a teacher, by what it was asked: nothing is asked twice, whatever becomes of a run.

The answers lie in a journal (`treadle.evaluate.store.Journal`), each in the file as soon as it is there; a last line
that a kill left torn is cut off, counted and asked again. In memory is an index alone, from the digest of what a text
depends on to the place of its line: a hundred thousand answers take some twenty megabytes.

A store belongs to one model with one way to ask it. What texts depend on besides prompt, seed and decoding is the
store's identity; opened with another one it says which key differs. What is done with the texts, which checks they pass
and how many are asked for may change from run to run.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from treadle.errors import ModelError, OutputError
from treadle.evaluate.records import Doubt, Finish, Generation, Request, Sampling
from treadle.evaluate.store import Journal, read_json, write_json
from treadle.files.same import other_keys
from treadle.files.secrets import refuse_secrets
from treadle.files.typed import Count, checked

IDENTITY, ANSWERS = "store.json", "answers.jsonl"
_MEND = "delete this line, and the same command asks again"
_COPY = "copy it again, or begin another folder with -o"


@dataclass(frozen=True)
class _Line:
    """What is read of a line of the journal."""

    key: str
    text: str
    n_tokens: Count
    finish: Finish
    prompt_tokens: Count = 0
    prompt_estimated: bool = False
    model: str | None = None
    error: str | None = None
    doubts: tuple[Doubt, ...] = ()


@dataclass
class Tokens:
    """What was paid for.

    Args:
        answers: How many there are.
        prompt, completion: Tokens of what was asked and of what was answered, thoughts included.
        estimated: Answers whose prompt the server did not count.
    """

    answers: int = 0
    prompt: int = 0
    completion: int = 0
    estimated: int = 0


class Store:
    """The answers in a folder, for the process that holds the lock of the folder around it.

    Args:
        folder: Made where it is not there.
        identity: All that texts depend on besides requests, as flat keys.

    Attributes:
        torn: Lines that a kill left unfinished, 0 or 1.
        served: The model's name as the server gave it with the first answer; `None` where none did.
        tokens: Of all answers in the store.

    Raises:
        OutputError: The store is of another identity, is damaged, or cannot be written.
    """

    def __init__(self, folder: Path, identity: Mapping[str, Any]) -> None:
        refuse_secrets(dict(identity), IDENTITY, OutputError)
        check_same(folder, identity)
        if not (folder / IDENTITY).is_file():
            write_json(folder / IDENTITY, dict(identity))
        self._path = folder / ANSWERS
        self._journal = Journal(self._path)
        self.torn, self.served, self.tokens = self._journal.torn, None, Tokens()
        self._places: dict[bytes, int] = {}
        self._file = self._path.open("rb")
        self._index()

    def __len__(self) -> int:
        return len(self._places)

    def __contains__(self, key: str) -> bool:
        return bytes.fromhex(key) in self._places

    def get(self, key: str) -> Generation | None:
        """The answer to what has this key; `None` where there is none yet."""
        if (place := self._places.get(bytes.fromhex(key))) is None:
            return None
        self._file.seek(place)
        line = self._read(self._file.readline(), f"byte {place:,}")
        return Generation(line.text, line.n_tokens, line.finish, doubts=line.doubts)

    def put(self, key: str, request: Request, generation: Generation, prompt_tokens: int) -> None:
        """Keep an answer; it is in the journal when this returns. That none came is kept, too, and does not count as
        an answer.

        Args:
            prompt_tokens: Of the prompt, where the server does not say it.

        Raises:
            ModelError: The server answers with another model than before; that answer is not kept.
            OutputError: It cannot be written.
        """
        if self.served and generation.model and generation.model != self.served:
            raise ModelError(
                f"the server answers with the model {generation.model!r} now, and did with {self.served!r} before; "
                f"serve {self.served!r} again, or begin another folder with -o"
            )
        record = {
            "key": key,
            "prompt": request.prompt,
            "seed": request.seed,
            "text": generation.text,
            "n_tokens": generation.n_tokens,
            "finish": str(generation.finish),
            "prompt_tokens": prompt_tokens if generation.prompt_tokens is None else generation.prompt_tokens,
            "prompt_estimated": generation.prompt_tokens is None,
            "model": generation.model,
            **({"error": generation.error} if generation.error else {}),
            **({"doubts": [str(doubt) for doubt in generation.doubts]} if generation.doubts else {}),
        }
        place = self._path.stat().st_size
        self._journal.append(record)
        self._take(_line_of(record, "an answer"), place)

    def close(self) -> None:
        """Wait until the answers are on the disk, and let go of the files."""
        self._file.close()
        self._journal.close()

    def _index(self) -> None:
        place = 0
        for number, data in enumerate(self._file, 1):
            self._take(self._read(data, f"line {number:,}"), place)
            place += len(data)

    def _read(self, data: bytes, where: str) -> _Line:
        try:
            record = json.loads(data)
        except (ValueError, RecursionError):
            record = None
        if not isinstance(record, dict):
            raise OutputError(f"{self._path}, {where}: no JSON object; {_MEND}")
        return _line_of(record, f"{self._path}, {where}")

    def _take(self, line: _Line, place: int) -> None:
        if line.finish is Finish.FAILED:
            return
        self.served = self.served or line.model
        self._places[bytes.fromhex(line.key)] = place
        self.tokens.answers += 1
        self.tokens.prompt += line.prompt_tokens
        self.tokens.completion += line.n_tokens
        self.tokens.estimated += line.prompt_estimated


def _line_of(record: dict[str, Any], where: str) -> _Line:
    line = checked(_Line, record, where, _MEND)
    try:
        bytes.fromhex(line.key)
    except ValueError:
        raise OutputError(f"{where}: key {line.key!r:.40}, expected hexadecimal digits; {_MEND}") from None
    return line


def key_of(request: Request, sampling: Sampling) -> str:
    """Names a request among all that one model may be asked: messages, seed and decoding, 32 hexadecimal digits."""
    content = json.dumps([request.prompt, request.seed, asdict(sampling)], sort_keys=True)
    return hashlib.sha256(content.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def recorded(folder: Path, name: str) -> Any:
    """What the store in `folder` has under a key of its identity; `None` where there is no store or no such key."""
    if not (folder / IDENTITY).is_file():
        return None
    return read_json(folder / IDENTITY, "", _COPY).get(name)


def check_same(folder: Path, identity: Mapping[str, Any], but: tuple[str, ...] = ()) -> None:
    """Raise `OutputError` if a store in `folder` is of another identity; the message names each key that differs.

    Args:
        but: Beginnings of keys that are not compared.
    """
    if not (folder / IDENTITY).is_file():
        return
    old = read_json(folder / IDENTITY, "", _COPY)
    keys = [key for key in other_keys(old, identity) if not key.startswith(but)]
    if keys:
        differences = "; ".join(f"{key}: {old.get(key)!r} there, {identity.get(key)!r} now" for key in keys)
        raise OutputError(
            f"{folder}: its answers were asked for with other settings ({differences}); give another folder with -o, "
            "or replace this one with --overwrite"
        )
