"""What leaves the house: a finished model's own files, to the Hugging Face hub."""
