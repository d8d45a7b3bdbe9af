"""One metric a file: a pure function and its declaration."""
