"""What holds across machines: the same values to a stated precision, whatever instructions a processor has.

Bytes are promised for one machine alone. Here one run is repeated with the kernels of lesser processors.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from small_runs import write_suite

RELATIVE = 1e-4  # docs/metrics.md promises it
LESSER_PROCESSORS = {
    "no vectors": {
        "ATEN_CPU_CAPABILITY": "default",
        "ONEDNN_MAX_CPU_ISA": "SSE41",
        "MKL_CBWR": "COMPATIBLE",
        "NPY_DISABLE_CPU_FEATURES": "AVX512_SPR AVX512_ICL AVX512_SKX AVX512F AVX2 FMA3",
        "OPENBLAS_CORETYPE": "Nehalem",
    },
    "AVX2": {"ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2", "MKL_CBWR": "AVX2"},
}


def _values(suite: Path, out: Path, environment: dict[str, str]) -> pd.Series:
    command = [sys.executable, "-m", "bench", "run", str(suite), "--out", str(out), "--offline"]
    root = str(Path(__file__).parents[2])
    done = subprocess.run(
        command, env={**os.environ, "PYTHONPATH": root, **environment}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    table = pd.read_parquet(out / "scores.parquet")
    return table.set_index(["generator", "case", "seed", "view", "metric"])["value"]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "darwin", reason="the instruction sets of Intel's and AMD's processors")
def test_values_agree_whatever_instructions_the_processor_has(mesh_folder: Path, tmp_path: Path) -> None:
    metrics = "\n".join(f"  - {name}" for name in ("cde", "emr", "colour_drift", "boundary_f", "reprojection_features"))
    suite = write_suite(tmp_path / "suite.yaml", mesh_folder, metrics=metrics)
    usual = _values(suite, tmp_path / "usual", {})
    for name, environment in LESSER_PROCESSORS.items():
        found = _values(suite, tmp_path / name.replace(" ", "-"), environment)
        assert found.index.equals(usual.index)
        np.testing.assert_allclose(found, usual, rtol=RELATIVE, atol=1e-6, err_msg=name, equal_nan=True)
