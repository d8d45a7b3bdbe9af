"""Commands of `realiz3d-bench`, one per file: each turns flags into one call of the library and prints the answer."""
