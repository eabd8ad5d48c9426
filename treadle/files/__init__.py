"""Files read without loss and written whole, and the folders that a command claims for its output."""
