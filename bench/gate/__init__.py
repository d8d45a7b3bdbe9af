"""The regression gate: did a generator get worse than its accepted state? Reads stored results and imports no torch.

inputs (`sides`, `baseline`) -> harm of each object (`harm`) -> verdicts (`verdicts`, `page`); `reports.gate` writes.
What computes lies in `measuring/` and is imported only when it is asked for; pytest's fixture lies in `testing/`.
"""
