r"""Currencies before a number, `\$5`, `USD 5` and `€5`, and behind it, `5¢`: as units, `5\text{ dollars}`."""

from __future__ import annotations

import re

_NAMES = {
    **dict.fromkeys((r"\$", "US$", r"US\$", "USD"), "dollars"),
    **dict.fromkeys(("€", "EUR", r"\euro"), "euros"),
    **dict.fromkeys(("£", "GBP", r"\pounds"), "pounds"),
    **dict.fromkeys(("¥", "JPY", r"\yen"), "yen"),
    **dict.fromkeys(("₹", "INR"), "rupees"),
}
_SIGN = "|".join(re.escape(name) for name in sorted(_NAMES, key=len, reverse=True))
_AMOUNT = r"-?(?:\d[\d,.{}]*)?\d"
_BEFORE = re.compile(rf"^\$?(?:\\text ?\{{ ?)?({_SIGN}) ?\}}? ?({_AMOUNT})(?= ?\.?\$?\.?$)")
_BEHIND = re.compile(rf"^({_AMOUNT}) ?(?:\\text ?\{{ ?)?({_SIGN}|¢|\\cent) ?\}}?$")
_ANY = re.compile(rf"{_SIGN}|¢|\\cent")
_REST = re.compile("[£€¥₹]")


def with_currency_behind(text: str) -> str:
    """An amount of money with its currency as a unit behind it; elsewhere the signs do not count."""
    if not _ANY.search(text):
        return text
    text = _BEFORE.sub(lambda m: rf"{m[2]}\text{{ {_NAMES[m[1]]}}}", text)
    text = _BEHIND.sub(lambda m: rf"{m[1]}\text{{ {_NAMES.get(m[2], 'cents')}}}", text)
    return _REST.sub("", text)
