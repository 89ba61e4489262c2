"""Landings as steps in time, tested against the background of the recording."""
