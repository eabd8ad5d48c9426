"""Tasks made from packages: a release with tests, one bug a task, an issue about it and an expert who mends it.

mutations.py      the bugs: one change of a function each, of a kind in kinds.py, on the spans of spans.py
releases.py       a source distribution, fetched and unpacked
trials.py         what a release's tests say of each bug
issues.py         the issue text of one that they tell
make.py           the folder of tasks
trajectories.py   experts who mend them: episode.py is run, strategies.py chooses, thoughts.py and reasons.py word it
"""
