"""The model card of a trained stage: `model/README.md`, in the form of the Hugging Face hub.

A card says what a model came from and how, without paths of the machine. It is made of the recipe, the data and
`metrics.jsonl` alone, so that a run that was interrupted writes the same card as one that was not.
"""
