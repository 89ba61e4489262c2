"""Where something landed: spots, steps in time, anomalies."""
