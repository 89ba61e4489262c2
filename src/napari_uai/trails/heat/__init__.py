"""Where trails usually go."""
