import os
import subprocess
import sys
from importlib.util import find_spec

import pytest

from treadle.errors import TreadleError
from treadle.evaluate.swe.mini.package import require

INSTALLED = find_spec("minisweagent") is not None


@pytest.mark.skipif(INSTALLED, reason="the extra is installed")
def test_without_the_package_one_line_says_what_to_install():
    with pytest.raises(TreadleError, match=r"^mini-swe-agent is not installed; .*pip install .*\[mini\]'?$"):
        require()


@pytest.mark.skipif(not INSTALLED, reason="needs the extra mini")
def test_its_import_prints_nothing_reads_no_keys_and_makes_no_folder(tmp_path):
    config = tmp_path / ".config/mini-swe-agent"
    config.mkdir(parents=True)
    (config / ".env").write_text("OPENAI_API_KEY=not-to-be-read\n")
    code = (
        "import os; from treadle.evaluate.swe.mini.package import require; require()\n"
        "print(os.environ.get('OPENAI_API_KEY'), [name for name in os.environ if name.startswith('MSWEA')])"
    )
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("MSWEA", "XDG", "OPENAI"))}
    for home in (tmp_path, tmp_path / "none"):
        done = subprocess.run(
            [sys.executable, "-c", code], env=clean | {"HOME": str(home)}, capture_output=True, text=True, timeout=120
        )
        assert done.stdout == "None []\n", done.stderr
    assert not (tmp_path / "none").exists()
