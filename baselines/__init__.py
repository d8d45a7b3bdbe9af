"""The methods that Realiz3D is compared with, one per file, behind the interface that Realiz3D has itself.

Each module holds the settings (a `realiz3d.training.method.MethodSettings`) and the method
(`realiz3d.training.method.Method`). Trainer, data, budget, noise and sampler are the same for all of them.
"""
