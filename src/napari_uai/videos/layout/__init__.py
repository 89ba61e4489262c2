"""What is where in a file: axes, scale, images to choose from, sizes that its parts state."""
