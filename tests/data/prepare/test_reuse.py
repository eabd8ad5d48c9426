"""What a prepared folder's fingerprint goes by."""

from __future__ import annotations

import os

from treadle.data.prepare.reuse import fingerprint, reusable
from treadle.data.prepare.settings import PrepareSettings


def test_a_fingerprint_changes_with_whatever_changes_the_result(tmp_path, tiny_tokenizer):
    source, other = tmp_path / "in.jsonl", tmp_path / "eval.jsonl"
    source.write_text('{"a": 1}\n')
    other.write_text('{"problem": "p"}\n')
    settings = PrepareSettings(against=(str(other),))
    first = fingerprint(source, settings, None)
    assert fingerprint(source, settings, None) == first
    found = {first, fingerprint(source, PrepareSettings(), None), fingerprint(source, settings, tiny_tokenizer)}
    found.add(fingerprint(tmp_path, settings, None))
    other.write_text('{"problem": "other"}\n')
    found.add(fingerprint(source, settings, None))
    os.utime(source, ns=(1, 1))
    found.add(fingerprint(source, settings, None))
    assert len(found) == 6


def test_what_may_change_without_a_sign_is_never_reused(tmp_path):
    assert fingerprint("-", PrepareSettings(), None) is None
    assert fingerprint("owner/name", PrepareSettings(), None) is None
    assert reusable(tmp_path, None) is None
    assert reusable(tmp_path, "x") is None
