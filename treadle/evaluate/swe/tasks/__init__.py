"""Tasks made from packages: a release with tests, one bug a task, an issue about it and an expert who mends it.

mutations.py      the bugs: one change of the syntax tree each, kinds in kinds.py
releases.py       a source distribution, fetched and unpacked
make.py           a bug whose tests tell becomes a task
issues.py         its issue text
trajectories.py   its expert
"""
