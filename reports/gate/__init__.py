"""Files of a gate's page: JSON, JUnit, Markdown, HTML, and what services that draw trends read."""

from __future__ import annotations

from reports.gate.writing import write_gate

__all__ = ["write_gate"]
