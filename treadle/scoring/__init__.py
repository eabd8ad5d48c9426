"""What a model's text is worth: its thought and action, its final answer, its reward."""
