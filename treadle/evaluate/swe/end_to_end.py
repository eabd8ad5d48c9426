"""Mode `end-to-end`: files are found from the issue and the tree, then parts of those that are long, then repaired.

The paper's second figure for software engineering, in the manner of Agentless.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Any

from treadle.evaluate.swe.episodes import Answer, Ask, Episode, Outcome, too_long_outcome
from treadle.evaluate.swe.localise import excerpt, gold_files, named_files, named_parts, tree_of
from treadle.evaluate.swe.outlines import Part, drawn, outline
from treadle.evaluate.swe.records import SweInstance, Verdict
from treadle.evaluate.swe.repair import Around, Shown, repair
from treadle.scoring.completion import FormatFault

Parts = Generator[list[Ask], list[Answer], dict[str, list[Part]] | Outcome]


def end_to_end(instance: SweInstance, around: Around) -> Episode:
    """The episode of an instance."""
    settings, texts = around.settings, around.texts
    tree, omitted = tree_of(texts, settings.tree_chars)
    issue = instance.problem_statement
    figures: dict[str, Any] = {"gold": gold_files(instance, texts), "found": []}
    prompt = around.prompt("files", issue=issue, tree=tree, omitted=omitted, most=settings.files)
    if not around.fits(prompt):
        return too_long_outcome(f"the prompt with the list of files has {around.count(prompt)} tokens", **figures)
    [answer] = yield [Ask("files", prompt, settings.answers(sampled=False))]
    if answer.too_long:
        return too_long_outcome(answer.generation.error or "", **figures)
    files, unknown = named_files(_said(answer), texts, settings.files)
    figures |= {"found": files, "unknown_files": unknown}
    if not files:
        reason = f"no file of the repository was named{': ' + unknown[0] if unknown else ''}"
        return Outcome(fault=Verdict.EMPTY, reason=reason, figures=figures)
    parts = yield from _parts(issue, files, around)
    if isinstance(parts, Outcome):
        parts.figures |= figures
        return parts
    figures["parts"] = {path: [part.name for part in found] for path, found in parts.items()}
    shown, whole = _shown(files, parts, around)
    while len(shown) > 1 and not around.fits(around.prompt("repair", issue=issue, files=shown, whole=whole)):
        shown = shown[:-1]
    figures["not_shown"] = len(files) - len(shown)
    return (yield from repair(instance, shown, whole, around, **figures))


def _said(answer: Answer) -> str:
    """What an answer says outside of its thoughts; one that was cut off still names the files before its end."""
    parsed = answer.parsed
    if not isinstance(parsed, FormatFault):
        return parsed.action
    return answer.generation.text if parsed is FormatFault.TRUNCATED and not answer.thought_tokens else ""


def _parts(issue: str, files: Sequence[str], around: Around) -> Parts:
    """Ask for the parts of the files that are long and have some; `{}` where none is long."""
    texts = around.texts
    long = [path for path in files if len(texts[path]) > around.settings.long_file]
    outlines = {path: found for path in long if (found := outline(texts[path]))}
    if not outlines:
        return {}
    rows = [
        {"path": path, "lines": texts[path].count("\n") + 1, "outline": drawn(found)}
        for path, found in outlines.items()
    ]
    prompt = around.prompt("parts", issue=issue, files=rows)
    if not around.fits(prompt):
        return too_long_outcome(f"the prompt with the outlines has {around.count(prompt)} tokens")
    [answer] = yield [Ask("parts", prompt, around.settings.answers(sampled=False))]
    if answer.too_long:
        return too_long_outcome(answer.generation.error or "")
    return named_parts(_said(answer), outlines)


def _shown(files: Sequence[str], parts: dict[str, list[Part]], around: Around) -> tuple[list[Shown], bool]:
    """The files as the prompt shows them, and whether all are whole."""
    shown = [
        Shown(path, excerpt(around.texts[path], parts[path]) if parts.get(path) else around.texts[path].rstrip("\n"))
        for path in files
    ]
    return shown, not any(parts.get(path) for path in files)
