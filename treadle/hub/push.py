"""Send a finished model to a repository of the Hugging Face hub, by `huggingface_hub`.

The repository is private unless asked otherwise, and one that is public already gets nothing by mistake: its visibility
is read before the first file is sent. Weights that have arrived are not sent again, so that the same command goes on
after an interruption. The token is the environment's or that of `hf auth login`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version

from huggingface_hub import CommitOperationAdd, HfApi, get_token
from huggingface_hub.errors import (
    HfHubHTTPError,
    HFValidationError,
    HTTPError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
)
from huggingface_hub.utils import validate_repo_id

from treadle.errors import TreadleError
from treadle.files.secrets import hidden
from treadle.hub.finished import Finished

LARGEST = 500 * 10**9
"""Bytes of a file that the hub takes at most."""
_LOGIN = "log in with `hf auth login`, or set it in the environment: export HF_TOKEN=..."


class PushError(TreadleError):
    """A model could not be sent; the message says why and what mends it."""


@dataclass(frozen=True)
class Target:
    """Where a model goes.

    Args:
        repository: `OWNER/NAME`, or `NAME` for one's own.
        public: Whether it is, or may be, seen by everybody.
    """

    repository: str
    public: bool = False


def check_target(target: Target, model: Finished) -> str:
    """Everything that can be checked without the network; returns the token.

    Raises:
        PushError: The name is none, nobody is logged in, or a file is too big.
    """
    try:
        validate_repo_id(target.repository)
    except HFValidationError as error:
        raise PushError(
            f"{target.repository!r}: is no name of a repository: {_line(error)}; OWNER/NAME is one"
        ) from None
    for name, size in model.sent.items():
        if size > LARGEST:
            raise PushError(
                f"{model.folder / name}: has {size:,} bytes, and the hub takes at most {LARGEST:,} a file; save the "
                "model in smaller parts (save_pretrained with max_shard_size)"
            )
    token = get_token()
    if token is None:
        raise PushError(f"nobody is logged in to the hub: there is no token; {_LOGIN}")
    return token


def push(model: Finished, target: Target, token: str) -> str:
    """Send the files; returns the repository's address.

    Raises:
        PushError: The hub refuses, cannot be reached, or has a public repository of that name.
    """
    api = HfApi(token=token, library_name="treadle", library_version=version("treadle"))
    with _said(target, token):
        made = api.create_repo(target.repository, private=not target.public, exist_ok=True)
        private = api.model_info(made.repo_id).private
        if not private and not target.public:
            raise PushError(
                f"{made.repo_id}: is there already, and public; nothing was sent. Choose another name, or say that it "
                "is meant with --public"
            )
        files = [CommitOperationAdd(name, model.folder / name) for name in model.sent]
        message = f"Model from treadle {version('treadle')}"
        api.create_commit(made.repo_id, files, commit_message=message)
    return f"{made} ({'private' if private else 'public'})"


@contextmanager
def _said(target: Target, token: str) -> Iterator[None]:
    """Every error of the hub and of the connection as one line, without the token."""
    try:
        yield
    except (HTTPError, OSError, ValueError, RuntimeError) as error:
        raise PushError(hidden(_why(error, target), token)) from None


def _why(error: BaseException, target: Target) -> str:
    while isinstance(error, RuntimeError) and error.__cause__ is not None:  # by which uploads in threads say which file
        error = error.__cause__
    if isinstance(error, OfflineModeIsEnabled):
        return "HF_HUB_OFFLINE is set, so nothing is sent; unset it"
    if isinstance(error, HfHubHTTPError):
        return _refused(error, target)
    if isinstance(error, HTTPError | ConnectionError | TimeoutError):
        return f"the hub cannot be reached ({_line(error)}); the same command goes on where it stopped"
    return f"{target.repository}: not sent: {_line(error)}"


def _refused(error: HfHubHTTPError, target: Target) -> str:
    status = error.response.status_code if error.response is not None else 0
    said = _line(error.server_message or error)
    if status == 401 and not isinstance(error, RepositoryNotFoundError):
        return f"the hub does not know the token ({said}); {_LOGIN}"
    if status == 403:
        return f"{target.repository}: the token may not write there ({said}); make one with the right to write"
    if status == 413:
        return f"{target.repository}: a file is too big for the hub ({said}); save the model in smaller parts"
    return f"{target.repository}: the hub refuses, status {status}: {said}"


def _line(error: object) -> str:
    return " ".join(str(error).split())[:300]
