"""Stages of the iSCAT pipeline: pure functions of videos and tables."""
