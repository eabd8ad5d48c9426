r"""The plain form of an answer: what is left when markup that does not change its meaning is taken away.

`plain` unifies fractions, spaces, brackets, text commands and Unicode signs; words stay in `\text{...}`. `compact`
also takes away the spaces and braces that LaTeX does not need, so that two forms can be compared as strings. Every
pattern is linear, and callers limit the length, so that no input takes long.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import lru_cache

from treadle.scoring.grading.currencies import with_currency_behind
from treadle.scoring.grading.wrappers import unwrapped

LONGEST = 2000
"""Characters beyond which an answer is compared as a string only."""

_SIGNS = {
    **dict.fromkeys("−–—﹣－", "-"),
    **dict.fromkeys("\x00\t\r\n\u00a0\u2002\u2003\u2009\u200a\u202f", " "),
    **dict.fromkeys("\u200b\u200c\u200d\ufeff", ""),
    **dict.fromkeys("’′ʹ", "'"),
    **dict.fromkeys("·⋅∙", r"\cdot "),
    "×": r"\times ",
    "÷": "/",
    "∕": "/",
    "°": r"^\circ ",
    "∞": r"\infty ",
    "≤": r"\le ",
    "≥": r"\ge ",
    "≠": r"\ne ",
    "≈": r"\approx ",
    "±": r"\pm ",
    "∪": r"\cup ",
    "∈": r"\in ",
    "∅": r"\emptyset ",
    "％": "%",
    "…": r"\ldots ",
    "，": ",",
    "。": ".",
    **{sign: rf"\frac{{{top}}}{{{bottom}}} " for sign, top, bottom in ("½12", "⅓13", "⅔23", "¼14", "¾34")},
    **{
        sign: rf"\{name} "
        for sign, name in re.findall(
            r"(\S) (\w+)",
            "α alpha β beta γ gamma δ delta ε epsilon ζ zeta η eta θ theta λ lambda μ mu ν nu ξ xi π pi ρ rho σ sigma "
            "τ tau φ phi χ chi ψ psi ω omega Γ Gamma Δ Delta Θ Theta Λ Lambda Ξ Xi Π Pi Σ Sigma Φ Phi Ψ Psi Ω Omega "
            "ħ hbar",
        )
    },
}
_SCRIPTS = (
    (re.compile("[⁺⁻]?[⁰¹²³⁴⁵⁶⁷⁸⁹]+"), "^", str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻", "0123456789+-")),
    (re.compile("[₀₁₂₃₄₅₆₇₈₉]+"), "_", str.maketrans("₀₁₂₃₄₅₆₇₈₉", "0123456789")),
)
_UNICODE = str.maketrans(_SIGNS)
_ROOT = re.compile(r"√\s*(?:\(([^()]*)\)|(\d+|[a-zA-Z]))")

_SPACES = re.compile(r"(?<!\\)\\[,;:> ]|\\(?:quad|qquad|enspace|thinspace)(?![a-zA-Z])|~|\s")
_NOTHING = re.compile(
    r"\\!|\\[hv]space\*? ?\{[^{}]*\}|\\(?:h|v|)phantom ?\{[^{}]*\}|\\(?:tag|label) ?\{[^{}]*\}"
    r"|\\(?:bf|it|sl|sc|sf|tt|em|bfseries|itshape|mathstrut|tiny|scriptsize|footnotesize|small|normalsize|large|Large|LARGE"
    r"|huge|Huge|boldmath|centering|nonumber|notag|rm(?! ?\{)|scriptstyle|qed|blacksquare)(?![a-zA-Z])"
    r"|\\(?:left|right|bigl|bigr|Bigl|Bigr|big|Big|displaystyle|textstyle|limits|nolimits)(?![a-zA-Z])\.?"
    r"|(?<!\\)\\[()]|\\?\$|\*\*(?=$)|^\*\*"
)
_TEXT = re.compile(
    r"\\(?:textbf|textit|textrm|textnormal|textsf|textsc|text|mathrm|mathbf|mathit|mathsf|mathtt|boldsymbol|bm|mbox|hbox|operatorname|rm)"
    r"(?![a-zA-Z])\s*(?=\{)"
)
_ARGUMENT = r"(?:[A-Za-z0-9]|\\(?!sqrt|frac|text)[a-zA-Z]+)"
_SYNONYMS = (
    (re.compile(r"\\[dtc]frac(?![a-zA-Z])"), r"\\frac"),
    (re.compile(r"\\(l|g|n)eq(?![a-zA-Z])"), r"\\\1e"),
    (re.compile(r"\\(l|g)eqslant(?![a-zA-Z])"), r"\\\1e"),
    (re.compile(r"(?<=\d),(?: ?\\,| )+(?=000(?!\d))"), ","),
    (re.compile(r"\\overline ?\{ ?([A-Z]{2}) ?\}"), r"\1"),  # a segment is named by its ends
    (re.compile(r"(?<=[\d)\]])(or|and)(?=[\dA-Za-z(\[])"), r" \1 "),
    (re.compile(r"^< ?([^<>]*,[^<>]*) ?>$"), r"\\langle \1\\rangle"),
    (re.compile(r"\\lt(?![a-zA-Z])"), "<"),
    (re.compile(r"\\gt(?![a-zA-Z])"), ">"),
    (re.compile(r"\{ ?([^{}]{1,80}?) ?\\choose(?![a-zA-Z]) ?([^{}]{1,80}?) ?\}"), r"\\binom{\1}{\2}"),
    (re.compile(r"\\[dt]binom(?![a-zA-Z])"), r"\\binom"),
    (re.compile(r"\\text ?\{ ?: ?\}|\\colon(?![a-zA-Z])"), ":"),
    (re.compile(r"^\\text ?\{ ?(\d{1,2}(?::\d\d)? ?[ap]\.? ?m\.?) ?\}$", re.IGNORECASE), r"\1"),
    (re.compile(r"\\not ?="), r"\\ne "),
    (re.compile(r"(\\\\) ?\[ ?-?[\d.]+ ?(?:pt|em|ex|mm|cm|in) ?\]"), r"\1"),  # the height of a row
    (re.compile(r"(?<=[(\[,])( ?[+-]? ?)(?:infinity|inf)(?![A-Za-z])"), r"\1\\infty "),
    (re.compile(r"(?<=[,-])( ?[+-]? ?)(?:infinity|inf)(?= ?[)\]])"), r"\1\\infty "),
    (re.compile(r"^\\text ?\{ ?([^{}A-Za-z\\]*[,:][^{}A-Za-z\\]*?) ?\}$"), r"\1"),  # a point, a ratio
    (re.compile(r"\\text ?\{ ?(\d{1,30}(?:\.\d{1,30})?) ?\}"), r"{\1}"),
    (re.compile(r"(?<![}A-Za-z]) ?\{ ?(\\text ?\{[^{}]*\}) ?\}(?!\{)"), r"\1"),
    (re.compile(r"(?<![A-Za-z\\])oo(?![A-Za-z])"), r"\\infty "),
    (re.compile(r"\\bigcup(?![a-zA-Z_])|(?<=[)\]]) ?U ?(?=[(\[])"), r"\\cup "),
    (re.compile(r"\\(?:simeq|approxeq|cong)(?![a-zA-Z])"), r"\\approx"),
    (re.compile(r"\\(?:dots|cdots|dotsc)(?![a-zA-Z])"), r"\\ldots"),
    (re.compile(r"\\(?:lbrace|rbrace)(?![a-zA-Z])"), lambda m: r"\{" if m[0] == r"\lbrace" else r"\}"),
    (re.compile(r"\\(?:lbrack|rbrack)(?![a-zA-Z])"), lambda m: "[" if m[0] == r"\lbrack" else "]"),
    (re.compile(r"\\(?:degree|degrees)(?![a-zA-Z])"), r"^\\circ "),
    (re.compile(r"\^ ?\{ ?\\circ ?\}"), r"^\\circ "),
    (re.compile(r"\{ ?, ?\}"), ","),
    (re.compile(r"\{ ?([+-]) ?\}"), r"\1"),
    (re.compile(r"\^\\circ ?\\text ?\{ ?([CF]) ?\}"), r"^\\circ \1"),
    (re.compile(r"\\%"), "%"),
    (re.compile(r"\*\*"), "^"),
    (re.compile(r"\\varnothing(?![a-zA-Z])"), r"\\emptyset"),
    # \frac12, \frac\pi2, \frac{1}2, \frac1{2}
    (re.compile(rf"\\frac ?({_ARGUMENT}) ?({_ARGUMENT})"), r"\\frac{\1}{\2}"),
    (re.compile(rf"\\frac ?\{{ ?([^{{}}]*?) ?\}} ?({_ARGUMENT})"), r"\\frac{\1}{\2}"),
    (re.compile(rf"\\frac ?({_ARGUMENT}) ?\{{"), r"\\frac{\1}{"),
    (re.compile(r"\\frac \{"), r"\\frac{"),
    (re.compile(r"\} (?=\{)"), "}"),
    (re.compile(r"\\sqrt ?(\d)"), r"\\sqrt{\1}"),
)
_SEVERAL = re.compile(" {2,}")
_BRACED_COMMA = re.compile(r"\{ ?, ?\}")
_DECIMAL_COMMA = re.compile(r"(?<=\d)\{ ?, ?\}(?=\d)(?!\d{3}(?!\d))")  # 3{,}14, not 3{,}141
_DISPLAYED = re.compile(r"^\\\[(.*)\\\]$", re.DOTALL)
_ROMAN = re.compile(r"\\(?:mathrm|operatorname|rm|text) ?\{ ?([ie]) ?\}|\\(?:mathrm|rm) ([ie])(?![a-zA-Z])")
_FUNCTION = "arcsin|arccos|arctan|sinh|cosh|tanh|sin|cos|tan|cot|sec|csc|ln|log|exp"
_OPERATOR = re.compile(
    rf"\\operatorname ?\{{ ?({_FUNCTION}|min|max|gcd) ?\}}"
    rf"|(?<![A-Za-z\\.])(?:np\.|numpy\.|math\.)?({_FUNCTION})(?= ?\()"
)
_ROMAN_GROUP = re.compile(r"\{ ?\\rm(?![a-zA-Z]) ?([^{}]*)\}")
_NOON = re.compile(r"(?<=\d) ?(?:\\text ?\{ ?)?\b([ap])\. ?m\.? ?\}?$|(?<=\d) ?(?:\\text ?\{ ?)?([ap])m ?\}?$", re.I)
_ANSWER = (
    r"(?:(?:so|thus|hence|therefore),? )?(?:the )?(?:(?:final|correct) )?(?:(?:answers?|ans)"
    r"(?:(?: is| are| =|:|\.)+|(?= ?\}))|(?:number|value|result|total|sum|probability|area|perimeter|volume) is(?= ))"
)
_SAID = re.compile(
    rf"^(?:\\text ?\{{ ?{_ANSWER} ?\}} ?[:=]?|(\\text ?\{{ ?){_ANSWER}|{_ANSWER})(?![A-Za-z]) ?", re.IGNORECASE
)
_ABOUT = re.compile(
    r"^(?:(?:\\approx|\\sim|=|:)(?![a-zA-Z])"
    r"|(?:\\text ?\{ ?)?(?:approximately|approx\.?|about|around|roughly|exactly) ?\}?"
    r"(?=[ \d\\$-])) ?",
    re.IGNORECASE,
)
_GROUPED = re.compile(r"(?<=\d)(?:\{,\}|,)(?:\\,| )*\\!(?:\\[,!]| )*(?=\d{3}(?!\d))")  # 3,\!000 and 11,\! 111
_TWICE_ESCAPED = re.compile(
    r"(?<!\\)\\\\(?=(?:[dt]?frac|sqrt|left|right|text|mathrm|mathbf|pi|infty|cdot|times|cup|boxed|pm|leq?|geq?)(?![a-zA-Z]))"
)
_LABELLED = re.compile(r"^\*\*([A-Za-z ]{1,30}:?)\*\*(:?)")  # **Answer:** 5
_BOXED_BARE = re.compile(r"\\(?:boxed|fbox)(?![a-zA-Z]) ?(?!\{)")
_CHOICE_AND_VALUE = re.compile(r"^\\text ?\{ ?(\([A-J]\)) ?([^{}]*\\.*)\}$")  # \mathrm{(B) \frac{1}{2}}
_AMPERSAND = re.compile(r"\\?&")
_NEEDLESS = re.compile(r" (?![A-Za-z0-9])|(?<![A-Za-z0-9]) ")
_SCRIPT = re.compile(r"([_^])\{([A-Za-z0-9])\}")


def substituted(text: str, table: Iterable[tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]]]) -> str:
    """The text after all replacements of a table, in its order."""
    for pattern, replacement in table:
        text = pattern.sub(replacement, text)
    return text


@lru_cache(maxsize=4096)  # a reference is that of many attempts
def plain(text: str) -> str:
    """The answer without markup that does not change its meaning; words stay in `\\text{...}`."""
    if text.isascii() and text.isdecimal():
        return text
    if not text.isascii():
        for script, sign, digits in _SCRIPTS:
            text = script.sub(lambda m, sign=sign, digits=digits: f"{sign}{{{m[0].translate(digits)}}}", text)
        text = _ROOT.sub(lambda m: rf"\sqrt{{{m[1] or m[2]}}}", text)
    text = _LABELLED.sub(r"\1\2", text.translate(_UNICODE).strip())
    if "\\" in text:
        text = _BOXED_BARE.sub("", _TWICE_ESCAPED.sub(lambda m: "\\", text)).replace(r"\textdollar", r"\$")
        text = _GROUPED.sub(",", text)
    if len(_BRACED_COMMA.findall(text)) == 1:
        text = _DECIMAL_COMMA.sub(".", text)
    text = _DISPLAYED.sub(r"\1", text.strip())
    if r"{j}" not in text:
        text = _ROMAN.sub(
            lambda m: f"{{{m[1] or m[2]}}}", text
        )  # the imaginary unit and Euler's number, no unit vector
    text = _OPERATOR.sub(lambda m: rf"\{m[1] or m[2]} ", _ROMAN_GROUP.sub(r"\\text{\1}", text))
    text = unwrapped(with_currency_behind(text.strip()))
    if "&" in text and r"\begin" not in text:
        text = _AMPERSAND.sub(r"\\text{ and }", text)
    text = _SPACES.sub(" ", _NOTHING.sub("", text))
    text = _SEVERAL.sub(" ", _TEXT.sub(r"\\text", text))
    text = _SEVERAL.sub(" ", substituted(text, _SYNONYMS)).strip().removesuffix("\\\\").rstrip()
    text = _trimmed(text)
    text = _NOON.sub(lambda m: rf"\text{{ {(m[1] or m[2]).lower()}m}}", text)
    text = _ABOUT.sub("", _SAID.sub(lambda m: m[1] or "", text))
    text = _CHOICE_AND_VALUE.sub(r"\\text{\1} \2", text)
    while (inner := _unbraced(text)) is not None:
        text = _trimmed(inner.strip())
    return text


def _trimmed(text: str) -> str:
    """Without a full stop, a comma or the backslash of a space at the end."""
    while text and (text[-1] in ".,;:" or (text[-1] == "\\" and text[-2:] != "\\\\")):
        if text.endswith("..."):
            return text
        text = text[:-1].rstrip()
    return text


def compact(text: str) -> str:
    """A plain form without the spaces and braces that LaTeX does not need."""
    return _SCRIPT.sub(r"\1\2", _NEEDLESS.sub("", text))


def _unbraced(text: str) -> str | None:
    """What is within the one pair of braces around a whole text; `None` where there is no such pair."""
    if not (text.startswith("{") and text.endswith("}")) or text.endswith("\\}"):
        return None
    depth = 0
    for i, character in enumerate(text):
        if text[i - 1 : i] != "\\":
            depth += (character == "{") - (character == "}")
        if depth == 0 and i < len(text) - 1:
            return None
    return text[1:-1] if depth == 0 else None
