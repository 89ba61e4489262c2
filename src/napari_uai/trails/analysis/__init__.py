"""From trails to ranks, heatmaps and regions."""
