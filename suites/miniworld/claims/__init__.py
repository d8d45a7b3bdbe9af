"""What the paper claims, held against runs of the mini-world: tables, rank correlations, tests, figures."""
