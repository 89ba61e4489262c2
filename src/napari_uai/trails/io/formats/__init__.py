"""Formats of other programs, a module each: bytes to tables of samples."""
