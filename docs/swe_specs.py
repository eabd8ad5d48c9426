"""Writes treadle/evaluate/swe/specs.json: how SWE-bench's harness builds and tests each version of a Python repository.

    pip download swebench==4.1.0 --no-deps && unzip swebench-*.whl -d UNPACKED
    python docs/swe_specs.py UNPACKED

Of the harness only `constants/python.py` is executed, which imports nothing.
"""

from __future__ import annotations

import json
import runpy
import sys
from pathlib import Path
from typing import Any

TARGET = Path(__file__).parent.parent / "treadle" / "evaluate" / "swe" / "specs.json"
KEYS = ("python", "packages", "pip_packages", "pre_install", "install", "test_cmd", "no_use_env")


def main() -> None:
    unpacked = Path(sys.argv[1])
    found = runpy.run_path(str(unpacked / "swebench" / "harness" / "constants" / "python.py"))
    about = next(unpacked.glob("swebench-*.dist-info"))
    licence = next(path for path in about.rglob("LICENSE*"))
    repos: dict[str, list[dict[str, Any]]] = {}
    for repo, versions in found["MAP_REPO_VERSION_TO_SPECS_PY"].items():
        if repo != "swe-bench/humaneval":
            repos[repo] = grouped(versions)
    content = {
        "source": f"{about.name.removesuffix('.dist-info')}, harness/constants/python.py",
        "license": " ".join(licence.read_text().split()),
        "requirements": found["MAP_REPO_TO_REQS_PATHS"],
        "conda": found["MAP_REPO_TO_ENV_YML_PATHS"],
        "repos": repos,
    }
    TARGET.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def grouped(versions: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """Specs with all versions that have the same one, in the order of their first."""
    groups: list[dict[str, Any]] = []
    for version, spec in versions.items():
        kept = {key: spec[key] for key in KEYS if key in spec}
        same = next((one for one in groups if {k: v for k, v in one.items() if k != "versions"} == kept), None)
        if same is None:
            groups.append({"versions": [version], **kept})
        else:
            same["versions"].append(version)
    return groups


if __name__ == "__main__":
    main()
