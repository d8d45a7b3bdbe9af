"""`python -m bench`: the same as `realiz3d-bench`."""

from bench.cli import program

if __name__ == "__main__":
    program()
