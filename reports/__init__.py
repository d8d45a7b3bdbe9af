"""Reports from a run folder's stored results: a page, Markdown, LaTeX, CSV, JSON. No model is ever loaded here."""

from __future__ import annotations

from reports.writing import FORMATS, verdict_lines, write_reports

__all__ = ["FORMATS", "verdict_lines", "write_reports"]
