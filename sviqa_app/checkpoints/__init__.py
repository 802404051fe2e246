"""Every layout of weights that can be read."""
