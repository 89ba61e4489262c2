"""From spots to landings: fits, tracks, contrasts."""
