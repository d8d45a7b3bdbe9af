"""The mini-world's models: their data, the pre-training of their base, and the weights that ship."""
