"""From counts to a flat background: power, pattern, averages, drift."""
