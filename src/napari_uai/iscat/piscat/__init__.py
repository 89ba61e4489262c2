"""Results that PiSCAT saved: tables of spots, and trajectories."""
