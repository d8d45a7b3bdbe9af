"""Training data: multiview renders and real pictures from folders or tar shards, in an order that can be resumed."""

from groundwork.hashing import content_key
from realiz3d.data.multiview_samples import MultiviewBatch, MultiviewSample, MultiviewSamples, collate_multiview
from realiz3d.data.order import ResumableLoader, SeededBatches
from realiz3d.data.real_images import RealBatch, RealImage, RealImages, collate_real
from realiz3d.data.tensor_cache import TensorCache

__all__ = [
    "MultiviewBatch",
    "MultiviewSample",
    "MultiviewSamples",
    "RealBatch",
    "RealImage",
    "RealImages",
    "ResumableLoader",
    "SeededBatches",
    "TensorCache",
    "collate_multiview",
    "collate_real",
    "content_key",
]
