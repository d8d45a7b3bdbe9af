"""The suite's `- throughput` entry: what it yields and what may be chosen. The run does the timing (`bench.run`)."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from bench.metrics.declaration import GeneratorMetric, Result

VERSION = 1  # raise it when the way of measuring changes


class Throughput(GeneratorMetric):
    """How fast a generator is and what it costs: images a second, latency, memory, floating-point work."""

    class Options(BaseModel):
        """What is generated again, only to be timed."""

        model_config = ConfigDict(extra="forbid", frozen=True)
        repeats: int = Field(3, ge=1, le=1000, description="timed passes over the cases; each is listed")
        warm_up: int = Field(1, ge=0, le=100, description="untimed batches before them")
        cases: int = Field(4, ge=1, le=10_000, description="how many of the suite's first cases a pass makes")

    def __init__(self, options: Options) -> None:
        self.options = options

    def results(self) -> tuple[Result, ...]:
        """Eight numbers per generator; those that cannot be known are shown as not measurable."""
        return (
            Result("throughput", "up", "images/s", "images a second", axis="speed"),
            Result("latency_p50", "down", "s", "from a batch's request to an object's views, median", axis="speed"),
            Result(
                "latency_p95", "down", "s", "from a batch's request to an object's views, 95th percentile", axis="speed"
            ),
            Result(
                "time_to_first_image",
                "down",
                "s",
                "loading and the first batch's first answer, in a new process",
                axis="speed",
            ),
            Result("peak_host_memory", "down", "GiB", "largest resident memory of the process", axis="speed"),
            Result("peak_device_memory", "down", "GiB", "most device memory allocated by torch", axis="speed"),
            Result("flops_per_image", "down", "TFLOP", "floating-point operations an image", axis="speed"),
            Result("mfu", "up", "%", "of the hardware's peak rate at this precision", axis="speed"),
        )

    def parameters(self) -> str:
        """What decides how a generator is timed, beside hardware and batch."""
        o = self.options
        return f"warm_up={o.warm_up} repeats={o.repeats} v{VERSION}"
