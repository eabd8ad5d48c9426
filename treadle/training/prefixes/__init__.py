"""RLVR from prefixes of the expert's solution: a group begins after the first steps, and a policy says how many.

policy.py       what a policy is told, and what it answers
registry.py     a recipe's name and settings to a policy: built in, of another package, or a class of one's own
reverse.py      the start slides from the end of the solution to its beginning
anneal.py       hints become rarer as the stage goes on, and end
adaptive.py     each trajectory's own interval, narrowed by its success
on_failure.py   only after a group without a right rollout, and at once
guidance.py     a hint in the prompt, as short as it can be
"""
