"""The four benchmarks of the paper's table, known by count and content, so that no other set runs under their name.

Content is compared as follows, so that column order, ids, row order and the form of the file do not matter. Of a
problem's text: Unicode NFKC, then all white space removed. Of an answer: the same, and a decimal whole number loses
sign `+`, leading zeros and a fraction of zeros (`025`, `25` and `25.0` are one answer). A row's line is the SHA-256
of the text in hexadecimal, a space, the answer; the set's hash is the SHA-256 of its lines, sorted, joined by newlines.

Another edition of a set, for instance with other LaTeX for the same formula, is another set: it is refused and can be
evaluated under a name of its own. `_ROWS` was computed from the files of Zhuofeng-Li/math-evaluation-harness (MIT).
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Sequence
from typing import NamedTuple

from treadle.data.curate.problems import NAMED
from treadle.errors import DataError

PART = "-first-"
"""Stands in the name of a part of a known set, between the set's name and the number of problems."""

_WHOLE = re.compile(r"([+-]?)0*(\d+)(?:\.0*)?")
_TEXT_DIGITS, _ANSWER_DIGITS = 8, 4


class Known(NamedTuple):
    """A published set.

    Args:
        title: As the paper names it.
        kind: How its answers are graded.
        sampled: Whether the paper also draws 32 samples of each problem.
        sha256: `content_hash` of its problems.
    """

    title: str
    kind: str
    sampled: bool
    sha256: str


KNOWN = {
    "amc23": Known("AMC23", "integer", True, "9cff4948632f8ea2eb6317249a3a626909eddd2a58d47b3c41929b44b3b6a1eb"),
    "aime24": Known("AIME24", "integer", True, "977c9a4b792f0670c5ee33efa733c7e8ae76190c4aaa068938dab00ff2d57a59"),
    "aime25": Known("AIME25", "integer", True, "bc51a3d6f338e34cb92497848b77483d15a69f1f5790defd60484329e201fa89"),
    "minerva": Known(
        "Minerva Math", "minerva", False, "2cf9a78bdc53a9c379d09426fefb2ec3c767ca51fc53ac1cd26e5823551181f6"
    ),
}

# For each problem, in the set's order: 8 digits of its text's hash and 4 of its answer's, to tell which row differs.
_ROWS = {
    "amc23": (
        "670cf7d967064d76767676a53a7d2d9a8117999001cdef582cddc2fc76a554080ef979022a0c45826f4bec432e354e077694a4386b86"
        "d7d17b9e4b22b649a174ef2dc3087728351396d2512e7b1a39e22d976b86430b4e92ef2df90e3dfd1bad86a8dab52c62a995b9e74ec9"
        "9360e941768b28c5691e195853ec94251958353dce127902fe353cbf79024e6aced6790228f561d83fdb849c89561a650382b14f3fdb"
        "4d43e32eef2d7515f1424fc8941284274ec99be822931a65a9d4cf114fc8ecb2c6d04e07758593947559411349152b8ad3d01a284b22"
        "4b0bf534e7f6bef9bc50fa882e7e46be5ec1e2d8cf712c62"
    ),
    "aime24": (
        "89ca1cd8fc56126d10536c6539c9afd59b156a935757131bfb6008439bdb608649215ef62519dc0b74de006ea95db7a5513ee3510b06"
        "391729a6e5b8d1505c4a5ef6f7c7fcb32cfc60d1bfcf84f0ee5d03ec8bcb0a97bf4bddfe5b4c096d9606a63191101e5eb4d10a3636c1"
        "803c40b8535fa6b5e6c08d23df0816a6093463096515377a16c3af0b9a045980fd6981175e92d638c6f3fd373c1648444a1aa35902d2"
        "6c6db85dc9a56f217541922c9985b27e6a97"
    ),
    "aime25": (
        "62e514aaff5ab1b6021aa91704314300b17ea16ce46e2ac8f32f3eb3efd982c4c23bba68cac888eaaf54708711a9a88a1c231caa81b8"
        "aadbc158531667aa3e867c2565e537415e5c716d8e45fc563307b80a39fa8894f5521a429253b4481e5e417985140e17db2cda15a46e"
        "189e68e3482d28576007eaa02f6863ba7cb6ee027a86f0bcc75a48e701ce763bf1ff05ad610fede5c8c94762d8176c65478938c99400"
        "f399fc5d766c31e38fcd5ef69d8be97d6af1"
    ),
    "minerva": (
        "2745e413ec6c10f7b47538614551b191f451fc4624b817eec45646fa2b24641365b8710922b011b66fefa6581f09ad57f9d604679e13"
        "4a2254a32f5314093fe122f50be5bede983b36095942ea735d9da362ba9650dca87b4143d14d4c616f630a732923e0b431fae555312b"
        "cdf91bfeba0a81f4c2cf4a4443e67a9de5aea947cc7a77acb9f2bd375d8a695d1b7ce10d8af699431a651e5647a03ccc755432e8b1ad"
        "10adbd771fbb07347728c26c40b2d0b5f488b8e99b2807054725a0b45547470ca86ad7cb9b1ac018c2f1cd104a6306020ba4bd69e65b"
        "1ff740d37932f4fc1fee37b7bcde0a53e51fecd3dcaee031ad4191e74bb1f58bc174067967a3171dfd7e66c6e02491172b352d1a30be"
        "b1ebf8a8c17140bb636ae98a1ee1e4150284e5066bc94e07696f64c7e50220f4c68bca1e28d5d3dfa7702345c8df9801007f2479b17e"
        "08fa17a46e870ca8f91cfd0de581d27885970fae5d4b28bc4b14ad67d4c9cb011b1b0f8e81799ac64b615774023804211f2920cc53e9"
        "ab5df257b6f770da6a8183c3b851e5f24b2211cf2eb0d473744f971eb3a94d686f6a5fecf52a6a00e0859b2c4e6d84339f41d9dd950c"
        "b4263c03308fb81e1c8a208794dfbf60b89c0e9d97e2d4735e5730daf2a0b205f16b9ccc336746f85d901387dfc025f57803c54db3f1"
        "c5d1de70b76e277d2cc9c13c2c2fba35749d939c42c5765ce278b6704ec2f0fa98021e1ebc851577d0a3e175d1e1d65e57a97d755a3f"
        "6e2515df1c4e25e3b46de915e808a72d6bb452e8c0a92780097f8d3d61acd49ef55a11391d71feabf4fbcb754a563d91e293e200cf3b"
        "4dd9baa87a38daa9789362c6ef6a13ee8a8f0bc1db9a8d918437e69b091c7439056d87065629ae072e405d697da0d9ba07d10271d473"
        "5639c048f4fb38c12dfc47a6f152473c30de06715346514f95b9702ee2013ba5b96d08121589fe51f5cae5b948e8adf165b5698bb144"
        "0fa6c763f3c4aa8ca0233c0eb02388213ff87d144d704051bfc3651cb4af67e675469118f4534be582c13b91cc17a87411e3138c450c"
        "827b7dd6f39f3021adaf70e1559b48784489645091d3aa9ba50fc87bad57ea17b1fe4af7772f1888c72cfece289decc7c6243a160602"
        "dd1b2b5e244dfe6e5266bda6923107e28a05cc9abe1ff823d3df462ac73c200f36614a44611107f1ef2d4995e3634b229d50751c6b86"
        "1664a2102c628d0d43dbad1efe87bf586bcab4102910fbea4def6cf4d4731122e953a230f116f1a00c4106ded267c57793355e1d6989"
        "9bf778854a98882e1392c65da2b66b3fd3600de2920f9dd7709c733e9c19668e499ff52036069094eca0bf01221820592bb2d1657d62"
        "1db7b0857f1b7a2810889c89db456ba919511b5c126e42a964b007824d7939777ce1d2cb763a550695bcd04db0e56b86f1b984ff1109"
        "86ead793f617bcd0404c4ef4f6f91c2c6b86f6007b1ad66594e2b17aade683c67a54340e7f1645817688498031fb1dfb9060f5d1a568"
        "fbce699263e0e895f88c9e0b03a333e80d66055ae9cad4abb9808c741d5f653d4fc3ef2da1ffd54985b9c227a0aff3d82c77b95b99ee"
        "53b29f56884311237a791781f9bf5dbb46c38e1a40d8d606bd3c947fe7f675516e005b661f9bef35b68d3ff9acef295063c64f4a9e53"
        "7e84aa89c5923d0cd5a5bdc54ddeefb1190371c0a8b9c1fa003e7ceb3f5f5ffd55ae291e68bc35a54f6c3047fc48151988ab3ea49e36"
        "62fcf00b5b0f3d1b96f380777911456e73c26936845ad41262d6e2cef2fa59a409019f29403788ec8fcdfedb16fa71ce8ee4d820fa94"
        "562111739964a2714ddb99ee6d2359235679a35af4bde6dae1db86cd83e65515c43a7fb1812eab86964476fd7541bcec492f011c76a5"
        "152d4ecfa30fe3a52486b97de498896609ab6e321bf036eeed9b3034210a6c1bc7181a1c02f651aead57da49e9b0ae7624a8c8309fde"
        "5f99256932282da98baf5c3e4864991e3bd067e8d5ee4b225ad8a60e1d97dcf9583ebccd8a5d258bd108dca9e2244e078a34c064b902"
        "6bd8b036f0d6b794291ea5f5720db138aac88364fde94e0779f2e2f5c837c41537082c62296f52c32dca5bc41ca5da9bf57b02e81c28"
        "1909b0077d6c416400cc6b8694f8c930a68b7c44aee3161d6c8e355769df02a7d9f0f369644e5b0d4b22fab0eb914893ae8b67a997d7"
        "8f5275ca02d4efda7e3dcf8d1018265a1f2855f8299cc98931dbd9cefe32860cbac590434d3349a15ea19b335ecc35b2cd59ba170757"
        "1b346fcfc235690859955ad3"
    ),
}


def plain_text(text: str) -> str:
    """A problem's text as it is compared."""
    return "".join(unicodedata.normalize("NFKC", text).split())


def plain_answer(answer: str) -> str:
    """An answer as it is compared."""
    text = plain_text(answer)
    if match := _WHOLE.fullmatch(text):
        sign, digits = match.groups()
        return f"-{digits}" if sign == "-" and digits.strip("0") else digits
    return text


def content_hash(problems: Sequence[tuple[str, str]]) -> str:
    """SHA-256 in hexadecimal of `(problem, answer)` pairs, whatever their order; see the module's description."""
    lines = sorted(f"{_hash(plain_text(problem))} {plain_answer(answer)}" for problem, answer in problems)
    return _hash("\n".join(lines))


def position(name: str, problem: str) -> int:
    """The place of a problem in the known set, from 0."""
    return _places(name)[_hash(plain_text(problem))[:_TEXT_DIGITS]][0]


def check(name: str, source: str, rows: Sequence[tuple[str, str, str]]) -> None:
    """Make sure that rows are the known set `name`.

    Args:
        source: Where they were read.
        rows: Of each row its place, problem and answer.

    Raises:
        DataError: They are not; the message says in what they differ.
    """
    if content_hash([(problem, answer) for _, problem, answer in rows]) == KNOWN[name].sha256:
        return
    problems = f"{len(rows)} problems with answers, {name} has {NAMED[name].count}; "
    raise DataError(
        f"{source} is not {KNOWN[name].title} as known under the name {name!r}: "
        f"{problems if len(rows) != NAMED[name].count else ''}{_difference(name, rows)}. To evaluate it as it is, give "
        f"it a name of its own: --data my_{name}=FILE"
    )


def _difference(name: str, rows: Sequence[tuple[str, str, str]]) -> str:
    places, seen = _places(name), set()
    for where, problem, answer in rows:
        digest = _hash(plain_text(problem))[:_TEXT_DIGITS]
        if digest not in places:
            return f"first difference at {where}: the problem {problem[:60]!r} is not in the set"
        if _hash(plain_answer(answer))[:_ANSWER_DIGITS] != places[digest][1]:
            return f"first difference at {where}: the set has another answer than {answer[:40]!r}"
        if digest in seen:
            return f"first difference at {where}: the problem {problem[:60]!r} stands there a second time"
        seen.add(digest)
    missing = sorted(i for digest, (i, _) in places.items() if digest not in seen)
    return f"all its rows are of the set, but the set's problem {missing[0] + 1} is missing"


def _places(name: str) -> dict[str, tuple[int, str]]:
    """Digits of a problem's hash -> its place and the digits of its answer's hash."""
    return {
        row[:_TEXT_DIGITS]: (i, row[_TEXT_DIGITS:]) for i, row in enumerate(re.findall(r"[0-9a-f]{12}", _ROWS[name]))
    }


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
