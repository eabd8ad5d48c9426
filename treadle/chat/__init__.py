"""How a model is spoken to: its chat template, the end of its turn, where its thoughts begin and end."""
