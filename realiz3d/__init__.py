"""Realiz3D on any diffusers transformer: domain shifters, two-stage training, inference-time domain shifting."""
