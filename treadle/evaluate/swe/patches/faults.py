"""How a patch was applied, and why one was not: the rungs of the ladder and the faults."""

from __future__ import annotations

from collections.abc import Iterable

from treadle.errors import Explained


class Rung(Explained):
    """What had to be overlooked, from nothing to most."""

    EXACT = "exact", "as `git apply` takes it"
    PROSE = "prose", "the diff stands in a fence of markdown or among prose"
    FINAL_NEWLINE = "final_newline", "the last line of the patch or of a file has no end where the other has one"
    PREFIX = "prefix", "paths without a/ and b/"
    HEADER = "header", "a header that does not say that the file is new, or names no file of its own"
    COUNTS = "counts", "a hunk's header counts other lines than the hunk has"
    BARE = "bare", "a hunk's header names no lines"
    UNANCHORED = "unanchored", "no context below the change, which is not at the end of the file"
    OFFSET = "offset", "a hunk stands at another line than it says, and nowhere else"
    CRLF = "crlf", "lines end otherwise than in the file"
    TRAILING_SPACE = "trailing_space", "lines differ in white space at their end"
    UNTAGGED = "untagged", "lines of context without the space before them"
    REINDENTED = "reindented", "all lines of a hunk are shifted by the same white space"


class PatchFault(Explained):
    """Why a patch was not applied."""

    EMPTY = "empty", "no patch"
    TOO_LARGE = "too_large", "a patch larger than the limit"
    NO_DIFF = "no_diff", "a text without a diff"
    NO_EDIT = "no_edit", "an answer with neither a SEARCH/REPLACE block nor a diff"
    MALFORMED = "malformed", "a header or hunk that cannot be read"
    BINARY = "binary", "a part that is not text"
    OUTSIDE = "outside", "a path that leads out of the repository, through a link, or into .git"
    NOT_ALLOWED = "not_allowed", "a path that must not be changed"
    NO_FILE = "no_file", "a file that is not there"
    EXISTS = "exists", "a new file that is there already"
    NOT_FOUND = "not_found", "a hunk whose lines stand nowhere in the file"
    AMBIGUOUS = "ambiguous", "a hunk whose lines stand at several places"
    NO_CONTEXT = "no_context", "a hunk that adds lines and does not say where"
    OVERLAP = "overlap", "two hunks for the same lines"
    NO_CHANGE = "no_change", "a patch after which everything is as before"


class PatchError(Exception):
    """A patch that is not applied; inside this package, where callers get the fault as data."""

    def __init__(self, fault: PatchFault, reason: str) -> None:
        super().__init__(fault, reason)
        self.fault = fault
        self.reason = reason


def ladder(rungs: Iterable[Rung]) -> tuple[Rung, ...]:
    """Rungs from the firmest to the loosest, each once; `EXACT` alone where nothing was overlooked."""
    found = set(rungs) - {Rung.EXACT}
    return tuple(rung for rung in Rung if rung in found) or (Rung.EXACT,)
