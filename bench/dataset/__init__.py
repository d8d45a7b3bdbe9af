"""Training data for Realiz3D from the benchmark's own cases: renders, maps of geometry, captions, cameras."""
