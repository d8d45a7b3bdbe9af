"""Pairwise comparisons of generators: paired over objects for means, label permutation per object for set distances.

Two rows are compared only when their signatures agree; otherwise the pair is listed with the reason and no p-value.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np

from bench.errors import BenchError
from bench.run.plan import Plan
from bench.run.progress import Reporter
from bench.run.score_sets import SetScores
from bench.run.scores import ScoreRow
from bench.run.summary import SummaryRow, number, object_values
from bench.stats.paired import effect_size, holm, paired_t, sign_flip
