"""Pages, plots and tables of what a command made; nothing below imports them, commands call them in the end."""
