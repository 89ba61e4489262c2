"""Anomalous pixels: features, isolation forests, and spots from masks."""
