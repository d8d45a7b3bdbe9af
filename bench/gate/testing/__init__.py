"""The gate in pytest: a light plugin, and the session behind its fixture."""
