"""mini-swe-agent in our sandbox: its agent over our tasks, or our checkouts under its own runner.

`treadle swe run --mode mini` plays its `DefaultAgent` with its prompts (`episode`), a model class that asks treadle's
back ends (`model`) and an environment class that runs each command in the sandbox (`environment`). `TreadleEnvironment`
is that environment for its own runners and models: `environment_class: treadle.evaluate.swe.mini.TreadleEnvironment`.

Its package (the extra `mini`, read at version 2.4.6) is imported where it is needed and not before.
"""

from treadle.evaluate.swe.mini.environment import TreadleEnvironment

__all__ = ["TreadleEnvironment"]
