"""Commands of `realiz3d-bench`, one a file: each turns flags into one call of the library and prints the answer."""
