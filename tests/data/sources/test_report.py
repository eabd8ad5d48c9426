from __future__ import annotations

import pytest

from treadle import DropReason
from treadle.files.rows import Unreadable


@pytest.mark.parametrize("reason", Unreadable)
def test_what_cannot_be_read_is_dropped_for_the_reason_that_files_give(reason):
    assert DropReason(reason).explanation == reason.explanation
    assert str(DropReason(reason)) == str(reason)
