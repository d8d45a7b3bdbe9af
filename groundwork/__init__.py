"""The ground floor: what `bench` and `realiz3d` both stand on, once. It imports neither of them, and never torch."""
