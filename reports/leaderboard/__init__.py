"""The static site of a leaderboard: pages, downloads and feeds from a folder of entries. No request leaves a page."""

from __future__ import annotations

from reports.leaderboard.site import build_site

__all__ = ["build_site"]
