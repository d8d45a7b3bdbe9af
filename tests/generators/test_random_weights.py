"""Models of random weights: pictures of the right shape in every setting, weights in 8 bits, what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("diffusers")

from bench.errors import UsageError  # noqa: E402
from bench.generators.int8 import Int8Linear, to_int8  # noqa: E402
from bench.generators.random_weights import ARCHITECTURES, transformer_config  # noqa: E402
from bench.run.options import RunOptions  # noqa: E402
from bench.run.plan import build_generator, make_plan  # noqa: E402
from bench.run.throughput import _Task  # noqa: E402
from bench.suite.load import load_suite  # noqa: E402
from bench.throughput.declaration import Throughput  # noqa: E402
from bench.throughput.work import networks_of, size_of  # noqa: E402
from bench.workers.cluster import Share  # noqa: E402

SUITE = Path(__file__).parents[2] / "suites" / "throughput.yaml"


class NoControls:
    def control(self, case, cameras, kind):
        return torch.zeros(4, cameras.resolution, cameras.resolution, 3)


@pytest.fixture(scope="module")
def plan():
    return make_plan(load_suite(SUITE, ["cases.count=2"]), RunOptions())


def made(plan, **options):
    entry = plan.generators[0].model_copy(update={"name": "mine", **options})
    generator = build_generator(
        entry.model_validate({"name": "mine", "use": entry.use, "steps": 2, **options}), plan.context
    )
    task = _Task(entry, plan.context, plan.cases, 2, 0, 0, Throughput(Throughput.Options()), Share())
    answers = list(generator.generate(task.batch_of(2, 0, NoControls())))
    return generator, [answer.views for answer in answers]


@pytest.mark.parametrize(
    "options", [{}, {"model": "base"}, {"model": "sdedit"}, {"dtype": "bfloat16", "guidance": 1.0}]
)
def test_each_model_paints_four_views(plan, options):
    generator, views = made(plan, **options)
    assert [one.shape for one in views] == [(4, 64, 64, 3)] * 2 and views[0].std() > 5
    assert generator.fingerprint() != made(plan, steps=3)[0].fingerprint()
    names = {type(part).__name__ for part in networks_of(generator.pipelines())}
    assert names >= {"PixArtTransformer2DModel", "AutoencoderKL"}


def test_weights_in_8_bits_paint_nearly_the_same_from_less(plan):
    plain, views = made(plan)
    small, same = made(plan, quantise="int8")
    assert abs(views[0].astype(int) - same[0]).mean() < 3 < views[0].std()
    (weights, size), (few, bytes_of_few) = (size_of(networks_of(one.pipelines())) for one in (plain, small))
    assert few == weights and bytes_of_few < 0.55 * size


def test_8_bits_are_within_half_a_step_of_each_weight():
    torch.manual_seed(0)
    layer = torch.nn.Linear(40, 30)
    x, before = torch.randn(5, 40), layer.weight.detach().clone()
    wrapped = torch.nn.Sequential(layer)
    wanted = wrapped(x)
    to_int8(wrapped)
    assert isinstance(wrapped[0], Int8Linear) and wrapped[0].weight.dtype == torch.int8
    step = before.abs().amax(dim=1, keepdim=True) / 127
    assert ((wrapped[0].weight * wrapped[0].scale - before).abs() <= step / 2 * 1.0001).all()
    assert (wrapped(x) - wanted).abs().max() < 0.05
    assert list(wrapped.state_dict()) == ["0.bias", "0.weight", "0.scale"]


def test_offloading_without_a_gpu_is_refused(plan):
    with pytest.raises(UsageError, match="there is no GPU to offload from"):
        made(plan, offload="model")


def test_the_large_one_is_a_pixart_xl():
    import diffusers

    with torch.device("meta"):
        model = diffusers.PixArtTransformer2DModel(**transformer_config(ARCHITECTURES["pixart-xl"]))
    assert sum(p.numel() for p in model.parameters()) / 1e6 == pytest.approx(611, abs=3)  # 0.6 B, as published
