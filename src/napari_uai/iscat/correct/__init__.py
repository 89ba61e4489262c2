"""From raw counts to a flat background: power, bad pixels, fixed pattern, averages, drift."""
