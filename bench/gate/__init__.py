"""The regression gate: did a generator get worse than its accepted state? Reads stored results and imports no torch.

inputs (`sides`, `baseline`) -> harm of each object (`harm`) -> verdicts (`verdicts`, `page`) -> files (`outputs`).
What scores pictures again (`rescoring`) is imported only when it is asked for.
"""
