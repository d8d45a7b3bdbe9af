"""Training: both stages of the method from one config, on one device or many, resumable exactly."""

from realiz3d.training.config import TrainConfig
from realiz3d.training.config_file import load_config, shipped_configs
from realiz3d.training.method import MethodSettings

__all__ = ["MethodSettings", "TrainConfig", "load_config", "shipped_configs"]
