"""What an export needs to know of the world outside the repository."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from groundwork.errors import UsageError


@dataclass(frozen=True)
class Places:
    """`site`: where the board's site lies, '' where it has none; `dataset`: the suite's name on the Hugging Face Hub.

    Raises `UsageError` for what is no address, or no name of a dataset.
    """

    site: str = ""
    dataset: str = ""

    def __post_init__(self) -> None:
        if self.site and urlsplit(self.site).scheme not in ("http", "https"):
            raise UsageError("this is no address of a site", where=f"--base-url {self.site}", expected="https://...")
        if self.dataset and not re.fullmatch(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}", self.dataset):
            raise UsageError("this is no dataset of the Hub", where=f"--dataset {self.dataset}", expected="OWNER/NAME")

    def at(self, path: str) -> str:
        """The address of a file of the site, '' without a site."""
        return f"{self.site.rstrip('/')}/{path}" if self.site else ""
