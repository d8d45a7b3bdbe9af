"""What of the gate computes: stored pictures scored again, and generators timed against each other."""
