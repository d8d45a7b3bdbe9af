"""Suites that ship with the project, one YAML file each: `realiz3d-bench run NAME`."""
