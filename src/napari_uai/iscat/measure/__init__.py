"""From spots to landings: fits, links, contrasts."""
