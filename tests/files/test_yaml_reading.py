"""What hostile files are refused for is in tests/hostile/test_yaml.py."""

from __future__ import annotations

import yaml

from treadle.files.yaml_reading import parse_yaml, read_yaml


def test_ordinary_recipes_are_read_as_by_pyyaml(tmp_path):
    text = "model: a/b\nlora: {r: 4}\nstages:\n  - &a {kind: srl, on_time: yes}\n  - <<: *a\n    name: 'two'\n"
    (tmp_path / "r.yaml").write_text(text)
    assert read_yaml(tmp_path / "r.yaml") == parse_yaml(text, "r") == yaml.safe_load(text)


def test_a_byte_order_mark_is_no_content(tmp_path):
    (tmp_path / "r.yaml").write_bytes(b"\xef\xbb\xbfmodel: m\r\nseed: 1\r\n")
    assert read_yaml(tmp_path / "r.yaml") == {"model": "m", "seed": 1}
