"""Detection of landings: spots, steps in time, anomalies."""
