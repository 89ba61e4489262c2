"""Landings as steps in time, weighed against the background of the recording."""
