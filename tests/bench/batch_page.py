"""How fast a batch's report opens and filters in Chromium, and a picture of it.

    python -m tests.bench.batch_page results/report.html [--driver chromedriver] [--picture report.png]

Needs chromedriver and Chromium (apt install chromium-driver). Seconds are the browser's own: from the start of the
navigation, and from a change of the filter, each until the next frame is drawn.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import time
from base64 import b64decode
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import Request, urlopen

PORT = 9537
FRAME = "requestAnimationFrame(() => setTimeout(() => done(performance.now() - began)))"
FILTER = f"""
const done = arguments[1], began = performance.now();
filter.value = arguments[0];
show();
{FRAME};
"""
SORT = f"""
const done = arguments[1], began = performance.now();
document.querySelectorAll("thead button")[arguments[0]].click();
{FRAME};
"""


class Browser:
    """Chromium without a window, by the WebDriver protocol."""

    def __init__(self, driver: str) -> None:
        self._process = subprocess.Popen([driver, f"--port={PORT}"], stdout=subprocess.DEVNULL)
        self._session = ""
        flags = ["--headless=new", "--no-sandbox", "--disable-gpu", "--window-size=1280,800"]
        options: dict[str, Any] = {"args": flags}
        if binary := os.environ.get("CHROMIUM"):
            options["binary"] = binary
        wanted = {"capabilities": {"alwaysMatch": {"goog:chromeOptions": options}}}
        self._session = "/" + self._patiently("", wanted)["sessionId"]

    def close(self) -> None:
        self._send("", None, "DELETE")
        self._process.terminate()

    def open(self, page: Path) -> float:
        """Seconds until the page is there and was drawn."""
        self._send("/url", {"url": page.resolve().as_uri()})
        done = "const done = arguments[0], began = 0;" + FRAME
        self._run(done)
        timing = "const entry = performance.getEntriesByType('navigation')[0]; arguments[0](entry.loadEventEnd)"
        return float(self._run(timing)) / 1000

    def seconds(self, script: str, value: object) -> float:
        return float(self._run(script, value)) / 1000

    def text(self, id: str) -> str:
        return str(self._run(f"arguments[0](document.getElementById('{id}').textContent)"))

    def picture(self) -> bytes:
        return b64decode(self._send("/screenshot", None, "GET"))

    def _run(self, script: str, *values: object) -> Any:
        return self._send("/execute/async", {"script": script, "args": list(values)})

    def _patiently(self, path: str, body: object) -> Any:
        for _ in range(100):
            try:
                return self._send(path, body)
            except URLError:
                time.sleep(0.1)
        raise RuntimeError("chromedriver does not answer")

    def _send(self, path: str, body: object, method: str = "POST") -> Any:
        content = None if body is None else json.dumps(body).encode()
        address = f"http://127.0.0.1:{PORT}/session{self._session}{path}"
        with urlopen(Request(address, content, {"Content-Type": "application/json"}, method=method)) as answer:
            return json.load(answer)["value"]


def main() -> None:
    """Open, filter, sort, take a picture."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("page", type=Path)
    parser.add_argument("--driver", default="chromedriver")
    parser.add_argument("--picture", type=Path)
    asked = parser.parse_args()
    browser = Browser(asked.driver)
    try:
        opened = [browser.open(asked.page) for _ in range(5)]
        print(f"{asked.page.stat().st_size / 1e6:.1f} MB, {browser.text('shown')}; opened in {told(opened)}")
        for words in ("red", "how many", "no row holds this", ""):
            taken = [browser.seconds(FILTER, value) for value in (words, "", words)]
            print(f"filtered by {words!r} in {told(taken)}: {browser.text('shown')}")
        print(f"sorted by the answer in {told([browser.seconds(SORT, 3) for _ in range(3)])}")
        if asked.picture:
            browser.open(asked.page)
            asked.picture.write_bytes(browser.picture())
    finally:
        browser.close()


def told(seconds: list[float]) -> str:
    """The best and the worst."""
    return f"{min(seconds):.2f} to {max(seconds):.2f} s"


if __name__ == "__main__":
    main()
