"""The suite's `- throughput` entry: what it yields and what may be chosen. The run does the timing (`bench.run`)."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from bench.metrics.declaration import GeneratorMetric, Result

VERSION = 2  # raise it when the way of measuring changes


def _down(name: str, unit: str, title: str) -> Result:
    return Result(name, "down", unit, title, axis="speed")


class Throughput(GeneratorMetric):
    """How fast a generator is and what it costs: seconds an object, images a second, stages, memory, work, energy."""

    class Options(BaseModel):
        """What is generated again, only to be timed."""

        model_config = ConfigDict(extra="forbid", frozen=True)
        repeats: int = Field(3, ge=1, le=1000, description="timed passes over the cases, at least; each is listed")
        seconds: float = Field(0.0, ge=0, le=3600, description="go on with passes until they took so long together")
        warm_up: int = Field(1, ge=0, le=100, description="untimed batches before them")
        cases: int = Field(4, ge=1, le=10_000, description="how many of the suite's first cases a pass makes")
        sweep: int = Field(0, ge=0, le=4096, description="also time batches of 1, 2, 4, ... up to this; 0: do not")
        against: str | None = Field(
            None, description="a generator of the suite that each other one is timed against, in turns in one process"
        )
        rounds: int = Field(10, ge=4, le=1000, description="turns against it, at least")
        bake: bool = Field(False, description="also time baking an object's views into its texture (needs a mesh)")

    def __init__(self, options: Options) -> None:
        self.options = options

    def results(self) -> tuple[Result, ...]:
        """The numbers of a generator; those that cannot be known are shown as not measurable."""
        found = (
            _down("seconds_per_object", "s", "to make the views of an object"),
            Result("throughput", "up", "images/s", "images a second", axis="speed"),
            _down("latency_p50", "s", "from a batch's request to an object's views, median"),
            _down("latency_p95", "s", "from a batch's request to an object's views, 95th percentile"),
            _down("time_to_first_image", "s", "loading and the first batch's first answer, in a new process"),
            _down("model_memory", "GiB", "weights and buffers of all networks"),
            _down("peak_host_memory", "GiB", "largest resident memory of the process"),
            _down("peak_device_memory", "GiB", "most device memory allocated by torch"),
            _down("flops_per_image", "TFLOP", "floating-point operations an image"),
            Result("mfu", "up", "%", "of the rate of matrix products measured on the same device", axis="speed"),
            _down("energy_per_object", "J", "energy that the GPU took to make an object's views"),
        )
        if self.options.against is None:
            return found
        title = f"times as fast as {self.options.against}, in turns"
        return (*found, Result("speed_ratio", "up", "x", title, axis="speed"))

    def parameters(self) -> str:
        """What decides how a generator is timed, beside hardware and batch."""
        o = self.options
        more = f" seconds={o.seconds:g}" if o.seconds else ""
        return f"warm_up={o.warm_up} repeats={o.repeats}{more} v{VERSION}"
