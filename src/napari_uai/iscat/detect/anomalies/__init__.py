"""Pixels unlike all others: features, isolation forest, spots from masks."""
