"""Training: both stages of the method from one config, on one device or many, resumable exactly."""

from realiz3d.training.config import MethodSettings, TrainConfig
from realiz3d.training.config_file import load_config, shipped_configs

__all__ = ["MethodSettings", "TrainConfig", "load_config", "shipped_configs"]
