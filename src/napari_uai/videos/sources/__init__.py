"""Kinds of frames that readers are made of: arrays of a library, joined, cached."""
