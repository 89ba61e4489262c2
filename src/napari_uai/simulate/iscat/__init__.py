"""Simulated iSCAT and fluorescence recordings."""
