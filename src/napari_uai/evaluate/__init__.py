"""Found against true: how good a list of landings is."""
