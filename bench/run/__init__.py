"""From a plan to a run folder: generate, score, store, summarise, resume."""
