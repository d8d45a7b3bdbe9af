"""What a run leaves behind: where it lies, what it says, how to read it.

One schema: the run fills it, everybody reads it.
Nothing here needs a network or torch: two stored runs are compared on a machine that can make neither.
"""
