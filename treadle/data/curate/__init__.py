"""What `treadle prepare` may do to trajectories on request, and what it counts.

steps.py        repeated and no-op steps, number of steps, length of actions      one trajectory at a time
shortening.py   long observations lose their middle                               one trajectory at a time
language.py     the natural language of the actions                               one trajectory at a time
overlap.py      problems that occur in an evaluation set; problems.py reads it    one trajectory at a time
duplicates.py   exact and near duplicates                       a hash and a signature each, then all together
holdout.py      the held-out split and the cap per repository                     all together
words.py        words and runs of words as numbers, for duplicates and overlap
"""
