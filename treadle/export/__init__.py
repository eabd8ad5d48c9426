"""A recipe's stages written out for other engines, and the parts of treadle that run within them.

`run` writes an export of any `Engine`; each engine's folder has its settings, its scripts, and what it imports itself.
"""
