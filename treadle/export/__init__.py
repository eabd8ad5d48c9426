"""A recipe's stages written out for other engines, and the parts of treadle that run within them."""
