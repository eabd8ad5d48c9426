"""Runs side by side: arms, what is compared, and what is found."""
