"""Objects to generate: mesh folders with prompts, and the mini-world."""
