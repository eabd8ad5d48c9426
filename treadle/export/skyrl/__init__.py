"""SRL and RLVR on SkyRL 0.3. `treadle export skyrl` writes rows, settings and launch.

`main` is SkyRL's entry point here; `environment`, `generator`, `trainer` and `config` are what it puts into SkyRL's own
experiment. They run in an environment without TRL.
"""

ENV_CLASS = "treadle"
"""Name of the environment in rows and in SkyRL's registry."""
