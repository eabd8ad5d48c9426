r"""Where a unit stands: behind a number or an expression, in `\text{}` or bare, and which words are none."""

from __future__ import annotations

import re

from treadle.scoring.grading.units import unit_name

_ANGLE_OF = re.compile(r"\\(?:sin|cos|tan|cot|sec|csc)(?![a-zA-Z])|cis")
_WORD = (
    r"(?:"
    "mm|cm|dm|km|nm|ft|mi|yd|inches|inch|feet|foot|yards|yard|miles|mile|meters|meter|metres|"
    "metre|centimeters|kilometers|mph|kph|kmh|seconds|second|sec|minutes|minute|min|hours|hour|hrs|"
    "hr|days|day|weeks|week|months|month|years|year|yr|kg|mg|grams|gram|kilograms|pounds|pound|"
    "lbs|lb|oz|liters|liter|litres|litre|mL|dollars|dollar|cents|cent|USD|degrees|degree|radians|"
    "radian|rad|units|unit|Hz|kHz|MHz|GHz|eV|keV|MeV|GeV|kJ|kW|kPa|Pa|joules|joule|watts|watt|"
    "volts|volt|newtons|newton|ohms|ohm|mol|moles|erg|ergs|people|students|ways|apples|points|marbles"
    r")(?![A-Za-z])"
)
_POWER = r"(?: ?\^ ?(?:\{ ?-?\d ?\}|-?\d))?"
_TEXT_UNIT = rf"(?:\\mu ?)?(?:\\text ?\{{ ?(?:[^{{}}]|\^ ?\{{ ?-?\d ?\}}){{0,60}}\}}|\\AA(?![a-zA-Z])|Å){_POWER}"
_BARE_UNIT = rf"(?:(?:square|cubic|sq|cu) )?{_WORD}{_POWER}(?: ?(?:/|per) ?[A-Za-z]{{1,10}}{_POWER})?|m/s{_POWER}"
_DEGREES = r"\^\\circ ?(?:[CF](?![A-Za-z]))?"
_UNIT_FRACTION = rf"\\frac ?\{{ ?{_TEXT_UNIT} ?\}}\{{ ?{_TEXT_UNIT}(?: ?{_TEXT_UNIT})? ?\}}"
# Other words than those of units, as answers to word problems have them: `18 eggs`, `8 slices of pizza`.
_WORDS = (
    r" (?=[a-zA-Z]{4}|[a-zA-Z]{3} [a-z]{4}|(?:per|cup|egg|pen|hat|cat|dog|car|box|bag|can)\b)"
    r"[a-zA-Z]{3,20}(?: [a-z]{2,20}){0,5}"
)
_NO_WORDS = re.compile(
    r"\b(?:sin|cos|tan|cot|sec|csc|log|ln|exp|sqrt|pi|choose|over|roots?|equals?|out|pairs?|point|sum|of [a-z] |theta"
    r"|alpha|beta|gamma|lambda|percent|one|two|three|four|five|six|seven|eight|nine|ten|twenty|isn|aren|doesn|is|was|are"
    r"|were|can|cannot|does|has|have)\b"
    r"|^ [a-z]+ed\b"
)
# Words of quantity, order, sign and operation: with them the number is another, in `\text{}` or not. `5 more` is 5, as
# the answer to how many more; beside `5 less` it is a unit of its own.
_SAYS_MORE = re.compile(
    r"\b(?:(?:four|fif|six|seven|eigh|nin|ten|eleven|twelf|(?:thir|four|fif|six|seven|eigh|nine)teen"
    r"|(?:twen|thir|for|fif|six|seven|eigh|nine)tie|hundred|thousand|(?:m|b|tr)illion)ths?|thirds?|half|halves|dozens?"
    r"|scores?|gross|fold|[a-z]+fold|(?:squar|cub|doubl|tripl|quadrupl|halv|divid|multipli|invert|negat)ed|double|triple"
    r"|twice|thrice|plus|minus|factorial|modulo|inverse|reciprocal|remainder|power|exponent|negative|imaginary"
    r"|infinity|zero|above|below|under|beyond|never|except|neither|nor|none|without|but|versus|until|between|loss|debt"
    r"|deficit|either)\b|\b(?:odd|even|prime|composite|positive|real|rational|irrational)(?= ?\}? ?$)",
    re.IGNORECASE,
)
_IN_BRACKETS = re.compile(r"^ ?\( ?((?:\\text ?\{[^{}]*\}|[a-z]{2,})[^()]{0,20})\)$")
_SOLAR = r" ?[MLR] ?_ ?\{? ?\\odot ?\}?"
_UNIT = re.compile(
    rf" ?(?:(?:{_TEXT_UNIT})(?: ?/? ?(?:\\cdot )?{_TEXT_UNIT}){{0,4}}|{_UNIT_FRACTION}|{_BARE_UNIT}"
    rf"|{_DEGREES})|{_SOLAR}| ?''?"
)
_TEXT_AT_END = re.compile(rf"(?<=[^_^ ]) ?{_TEXT_UNIT}(?: ?/? ?{_TEXT_UNIT}){{0,4}}$|(?<=[^_ ]) ?{_DEGREES}$")
# Words in \text{} that say more than a unit does.
_NO_UNIT = re.compile(
    r"\b(?:or|and|not|no|than|least|most|to|thousand|million|billion|trillion|hundred|base|if|for|where|mod"
    r"|times|when|with|undefined|infinite)\b",
    re.IGNORECASE,
)


def read_unit(text: str) -> str | None:
    """What stands behind a number as a unit, in the form of `unit_name`; `None` if it is none."""
    text = _IN_BRACKETS.sub(r" \1", text)
    if _NO_UNIT.search(text) or _SAYS_MORE.search(text):
        return None
    words = re.fullmatch(_WORDS, text) and not _NO_WORDS.search(text)
    return unit_name(text) if words or _UNIT.fullmatch(text) else None


def without_unit(text: str) -> tuple[str, str]:
    r"""An expression and the unit in `\text{}` or degrees behind it, which may be nothing."""
    match = _TEXT_AT_END.search(text)
    if match and "circ" in match[0] and _ANGLE_OF.search(text):
        return text, ""
    if not match or match.start() == 0 or text[match.start() - 1] in "=<>+-*/,{(":
        return text, ""
    if _NO_UNIT.search(match[0]) or _SAYS_MORE.search(match[0]):
        return text, ""
    return text[: match.start()].rstrip(), unit_name(match[0])
