"""The Chromium of this machine, for browser tests and pictures: found, never downloaded."""

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from playwright.async_api import Browser, async_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
FLAGS = (
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def chromium() -> str | None:
    """The path in CHROMIUM, else the first that is installed, else None."""
    return os.environ.get("CHROMIUM") or next((path for name in NAMES if (path := shutil.which(name))), None)


@asynccontextmanager
async def browser(path: str) -> AsyncIterator[Browser]:
    """Run it headless; Chromium's sandbox does not work for root."""
    flags = [*FLAGS, *(["--no-sandbox"] if os.geteuid() == 0 else [])]
    async with async_playwright() as driver:
        running = await driver.chromium.launch(executable_path=path, args=flags)
        try:
            yield running
        finally:
            await running.close()
