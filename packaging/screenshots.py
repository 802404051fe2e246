"""Photographs every page of the window: `python packaging/screenshots.py [FOLDER] [--readme]`.

The app runs as it is, in a home of its own and without a screen (Qt's "offscreen"), and the model that ships answers
two questions first. Each page is taken at 100 and 200 % text, light, dark and in high contrast, into FOLDER
(build/screenshots); with --readme only the one of the README, into assets/screenshots.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from PIL import Image

THEMES, SIZES = ("light", "dark", "high-contrast"), (100, 200)
QUESTIONS = ("where is the dog", "which number is shown")
PATIENCE = 120.0

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))


def main() -> None:
    """Take them."""
    arguments = [argument for argument in sys.argv[1:] if argument != "--readme"]
    readme = len(arguments) < len(sys.argv) - 1
    folder = Path(arguments[0]) if arguments else ROOT / ("assets" if readme else "build") / "screenshots"
    with TemporaryDirectory() as home:
        names = ("HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME", "XDG_RUNTIME_DIR")
        os.environ.update(dict.fromkeys(names, home), QT_QPA_PLATFORM="offscreen")
        photograph(folder, readme)


def photograph(folder: Path, readme: bool) -> None:
    """Start the app, have two questions answered, and take every page in every look."""
    from sviqa_app.gui.app import App

    folder.mkdir(parents=True, exist_ok=True)
    app = App(ROOT / "assets" / "samples" / "scene.png")
    app.window.show()
    app._after_showing()
    for n, question in enumerate(QUESTIONS):
        wait_for(app, lambda: app.window.progress.isHidden() and app.presenter.picture is not None)
        app.presenter.ask(question)
        wait_for(app, lambda n=n: sum(bool(e.seconds) for e in app.presenter.exchanges) > n)
        app.presenter.stop()
    looks = [("light", 100)] if readme else [(theme, size) for theme in THEMES for size in SIZES]
    for theme, size in looks:
        settings = replace(app.presenter.settings, theme=theme, text_size=size, keep_microphone_open=False)
        app._change(settings)
        app.window.show_state(app.presenter.answers._situation.state)
        look = f"{theme}" if size == 100 else f"{theme}-{size}"
        for name, widget in [("main", app.window)] if readme else pages(app):
            settle(app)
            shoot(widget, folder / f"{name}-{look}{'.webp' if readme else '.png'}")
    app.close()


def pages(app: Any) -> Iterator[tuple[str, Any]]:
    """Each page by its name, shown while it is asked for."""
    from sviqa_app.gui.area import AreaChooser
    from sviqa_app.gui.batch_page import BatchPage
    from sviqa_app.gui.models_page import ModelsPage
    from sviqa_app.gui.past import Past
    from sviqa_app.gui.preferences import Preferences
    from sviqa_app.gui.qt import QMenu, QMessageBox
    from sviqa_app.gui.server_form import ServerForm

    window = app.window
    yield "main", window
    for name, kind, show in (
        ("history", Past, window._show_past),
        ("preferences", Preferences, window._show_preferences),
        ("batch", BatchPage, window._show_batch),
        ("models", ModelsPage, window.show_models),
        ("server", ServerForm, lambda: ServerForm(app.models, print, window).open()),
        ("offer", QMessageBox, lambda: window.offer("A question was not answered.", app.presenter.exchanges[0])),
    ):
        show()
        dialog = window.findChildren(kind)[-1]
        for page in range(dialog.pages.count()) if kind is Preferences else [None]:
            if page is not None:
                dialog.pages.setCurrentIndex(page)
            yield (name if page is None else f"{name}-{dialog.pages.tabText(page).lower()}"), dialog
        window._batch_gone()
        dialog.setParent(None)
        dialog.deleteLater()
    for menu in window.menuBar().findChildren(QMenu):
        if menu.title():
            menu.popup(window.pos())
            yield f"menu-{menu.title().replace('&', '').replace(' ', '-').lower()}", menu
            menu.close()
    chooser = AreaChooser(app.presenter.picture, lambda found: None)
    chooser.resize(900, 600)
    chooser.show()
    yield "area", chooser
    chooser.close()


def shoot(widget: Any, path: Path) -> None:
    """Write what a widget looks like."""
    image = widget.grab().toImage()
    image.save(str(path.with_suffix(".png")))
    if path.suffix == ".webp":
        Image.open(path.with_suffix(".png")).convert("RGB").save(path, quality=80)
        path.with_suffix(".png").unlink()
    print(f"{path}  {image.width()} x {image.height()}, {path.stat().st_size / 1000:.0f} kB")


def settle(app: Any) -> None:
    """Let the window lay itself out."""
    for _ in range(5):
        app._qt.processEvents()


def wait_for(app: Any, done: Callable[[], bool]) -> None:
    """Serve the window until something has happened."""
    deadline = time.monotonic() + PATIENCE
    while not done():
        assert time.monotonic() < deadline, "the app does not answer"
        app._qt.processEvents()
        time.sleep(0.01)


if __name__ == "__main__":
    main()
