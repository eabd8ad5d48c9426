"""Exact log-probabilities of many rows with shared prefixes, each prefix token computed once.

Usable alone on any Hugging Face causal language model with full attention and rotary positions; nothing here knows of
TRL. In the order of the data flow: `trie` packs a padded batch (with `chains`), `attention` lets a model attend over it
(with `kernels`), `logps` and `head` make log-probabilities of it, `support` says which models it is exact for, and
`budget` cuts a batch so that its trees fit into memory.
"""

from treadle.tree.attention import NAME
from treadle.tree.budget import Cut, cut_by_tokens
from treadle.tree.logps import tree_logps, tree_scores, use_tree_attention
from treadle.tree.support import why_not
from treadle.tree.trie import Tree, build_tree

__all__ = [
    "NAME",
    "Cut",
    "Tree",
    "build_tree",
    "cut_by_tokens",
    "tree_logps",
    "tree_scores",
    "use_tree_attention",
    "why_not",
]
