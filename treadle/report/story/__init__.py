"""What became of a model by its training, told at the head of a page: `treadle compare` and `treadle view --against`.

changes.py   which figures improved, which got worse, and whether that can be told apart
flips.py     problems that came out otherwise, and ten of them to read
losses.py    where answers were lost: to length, to format, or by being wrong
told.py      the three together, as the templates take them
"""
