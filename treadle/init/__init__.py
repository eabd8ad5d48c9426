"""A first recipe for a model and data, with the reason of each choice in it: `treadle init`.

In order: `found` is what can be told of model and data, `stages` chooses what is trained, `sizes` how much of it, and
`fitting` what the machine can hold; `text` writes the recipe down, and `drafting` joins them.
"""

from treadle.init.drafting import Draft, draft, subject_of

__all__ = ["Draft", "draft", "subject_of"]
