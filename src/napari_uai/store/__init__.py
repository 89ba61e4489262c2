"""Finished pieces of long work in a cache folder, from which a run that was killed goes on."""
