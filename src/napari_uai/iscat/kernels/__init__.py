"""Compiled kernels of the iSCAT stages."""
