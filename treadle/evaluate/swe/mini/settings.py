"""Configs of mini-swe-agent for `--mode mini`: read as it reads them, and checked before a model is loaded.

Of a config the agent's prompts and limits are used, the templates and the regular expression of the model, and the
variables and the time of commands. The model and the place of commands are treadle's. Templates are Jinja without a
sandbox, so a config is code of who wrote it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import jinja2
import yaml
from pydantic import BaseModel, ValidationError

from treadle.errors import TreadleError
from treadle.evaluate.swe.mini.environment import EnvironmentConfig
from treadle.evaluate.swe.mini.model import ModelConfig
from treadle.evaluate.swe.mini.package import require

DEFAULT = "swebench_backticks.yaml"
"""Of the package: what it measures SWE-bench with, for models that write commands as text."""
_NAMED = "model_name"
_AGENTS = ("", "default", "minisweagent.agents.default.DefaultAgent")


def read_config(
    specs: Sequence[str] = (), max_steps: int | None = None, seconds: float | None = None
) -> tuple[dict[str, dict[str, Any]], list[str]]:
    """The sections `agent`, `environment` and `model` of configs, and the keys of them that are not used.

    Args:
        specs: As mini-swe-agent's `-c`: files, names of its own configs, or `key=value`; later ones win. Its own
            default where there are none.
        max_steps: In place of `agent.step_limit`.
        seconds: In place of `environment.timeout`.

    Raises:
        TreadleError: The package is not installed, a file is missing or no YAML, a value is wrong, or the prompts ask
            for calls of tools.
    """
    require()
    from minisweagent.agents.default import AgentConfig
    from minisweagent.utils.serialize import recursive_merge

    given = recursive_merge(*map(_content, specs or (DEFAULT,)))
    kind = _section(given, "agent").get("agent_class") or ""
    if kind not in _AGENTS:
        raise TreadleError(f"agent.agent_class {kind!r}: expected default, whose episodes need no user")
    found, unused = {}, [key for key in given if key not in ("agent", "environment", "model")]
    own: tuple[tuple[str, type[BaseModel], dict[str, Any]], ...] = (
        ("agent", AgentConfig, {"output_path": None} | ({"step_limit": max_steps} if max_steps else {})),
        ("environment", EnvironmentConfig, {"timeout": seconds} if seconds else {}),
        ("model", ModelConfig, {_NAMED: "model"}),
    )
    for name, config, ours in own:
        section = _section(given, name)
        found[name] = _checked(name, config, section | ours)
        hidden = {"output_path", _NAMED, "agent_class"}
        unused += [f"{name}.{key}" for key in section if key not in config.model_fields or key in hidden]
    del found["model"][_NAMED], found["agent"]["output_path"]
    _check_templates(found)
    return found, unused


def _content(spec: str) -> dict[str, Any]:
    from minisweagent.config import get_config_from_spec

    try:
        found = get_config_from_spec(spec)
    except FileNotFoundError:
        raise TreadleError(
            f"--mini-config {spec}: no such file, and no config of mini-swe-agent; expected YAML, a name such as "
            f"{DEFAULT}, or key=value"
        ) from None
    except (yaml.YAMLError, UnicodeDecodeError, ValueError) as error:
        raise TreadleError(f"--mini-config {spec}: {' '.join(str(error).split())[:300]}; expected YAML") from None
    except OSError as error:
        raise TreadleError(f"--mini-config {spec}: cannot be read: {error.strerror}") from None
    if not isinstance(found, dict):
        raise TreadleError(f"--mini-config {spec}: found {type(found).__name__}, expected agent, environment and model")
    return found


def _section(given: Mapping[str, Any], name: str) -> dict[str, Any]:
    section = given.get(name) or {}
    if not isinstance(section, dict):
        raise TreadleError(f"{name}: found {type(section).__name__}, expected keys with values")
    return section


def _checked(name: str, config: type[BaseModel], values: dict[str, Any]) -> dict[str, Any]:
    try:
        return config(**values).model_dump(mode="json")
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, (name, *first["loc"])))
        hint = f"; begin with --mini-config {DEFAULT}" if first["type"] == "missing" else ""
        raise TreadleError(f"--mini-config: {place}: {first['msg'].lower()}{hint}") from None


def _check_templates(found: Mapping[str, Mapping[str, Any]]) -> None:
    for place in ("agent.system_template", "agent.instance_template", "model.observation_template"):
        section, _, key = place.partition(".")
        try:
            jinja2.Environment().parse(found[section][key])
        except jinja2.TemplateSyntaxError as error:
            raise TreadleError(f"--mini-config: {place}, line {error.lineno}: {error.message}") from None
    pattern = found["model"]["action_regex"]
    try:
        if (compiled := re.compile(pattern, re.DOTALL)).groups > 1:
            raise TreadleError(f"--mini-config: model.action_regex {pattern!r}: expected one group, the command")
    except re.error as error:
        raise TreadleError(f"--mini-config: model.action_regex {pattern!r}: {error}") from None
    told = f"{found['agent']['system_template']}\n{found['agent']['instance_template']}"
    if not compiled.search(told):
        raise TreadleError(
            f"--mini-config: the prompts show no command in the form of model.action_regex {pattern!r}; configs that "
            f"ask for calls of tools, such as swebench.yaml, are for mini-swe-agent's own models: give {DEFAULT}"
        )
