r"""Commands around an answer that only change how it looks: `\textcolor{red}{25}`, `\underline{25}`, `\boxed{25}`."""

from __future__ import annotations

import re

_WRAPPER = re.compile(
    r"\\(?:(?:textcolor|colorbox|fcolorbox) ?(?:\[[^\[\]]*\])? ?\{[^{}]*\}"
    r"|(?:underline|uline|emph|boldsymbol|bm|pmb|boxed|fbox|ensuremath"
    r"|mathbf|mathit|mathsf|mathtt|textbf|textit|textsl|underbrace|mathop) ?)(?= ?\{)"
)
_COLOR = re.compile(r"\\color ?(?:\[[^\[\]]*\])? ?\{[^{}]*\}")
_MATHEMATICS = re.compile(r"\d|\\[a-zA-Z]|[=+(<>^_]")
_MOST_WRAPPERS = 20


def unwrapped(text: str) -> str:
    r"""Without colours, lines and bold print: `\textcolor{red}{25}` is 25. What is in a wrapper may be a word.

    A bold letter or word stays, since `\mathbf{v}` may not be `v`.
    """
    text = _COLOR.sub("", text)
    at = 0
    for _ in range(_MOST_WRAPPERS):
        match = _WRAPPER.search(text, at)
        if not match:
            break
        begin = text.index("{", match.end()) + 1
        end = _end_of_group(text, begin)
        if end is None:
            break
        inner = text[begin:end]
        name = match[0].strip()
        if (
            name.startswith((r"\math", r"\text"))
            and not name.startswith(r"\textcolor")
            and not _MATHEMATICS.search(inner)
        ):
            at = match.end()
            continue
        if inner.lstrip().startswith("(") and name.startswith((r"\math", r"\text")):
            at = match.end()  # a choice, `\textbf{(B)}`
            continue
        alone = (
            text[: match.start()].rstrip()[-1:] in ("", "=", ",", "(", "$", "{") and text[end + 1 :].lstrip()[:1] != "^"
        )
        text = text[: match.start()] + (inner if alone else f"{{{inner}}}") + text[end + 1 :]
        at = match.start()
    return text


def _end_of_group(text: str, begin: int) -> int | None:
    depth = 1
    for k in range(begin, len(text)):
        if text[k - 1] != "\\":
            depth += (text[k] == "{") - (text[k] == "}")
        if depth == 0:
            return k
    return None
