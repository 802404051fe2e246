"""How the window looks: light, dark or high contrast, at any text size."""

from __future__ import annotations

from ..resources import assets_folder
from .qt import QApplication, QColor, QPalette, QStyleFactory, Qt

# window, text, field, button, highlight, text on highlight, link, faint text
LIGHT = "#f6f6f4", "#1b1b1b", "#ffffff", "#e4e4e0", "#0b57a4", "#ffffff", "#0b57a4", "#575757"
DARK = "#1e1f22", "#f0f0ee", "#151618", "#33353a", "#8ab8ff", "#101114", "#8ab8ff", "#b4b4b0"
CONTRAST = "#000000", "#ffffff", "#000000", "#000000", "#ffff00", "#000000", "#00ffff", "#ffffff"


def contrast(one: str, other: str) -> float:
    """The contrast of two colours "#rrggbb", 1 to 21 (WCAG 2.2, relative luminance)."""
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def colours(theme: str) -> tuple[str, ...]:
    """The colours of "light", "dark", "high-contrast", or of "system" as the desktop has it now."""
    if theme == "system":
        dark = QApplication.styleHints().colorScheme() == Qt.ColorScheme.Dark
        return DARK if dark else LIGHT
    return {"light": LIGHT, "dark": DARK, "high-contrast": CONTRAST}[theme]


def dress(app: QApplication, theme: str, percent: int) -> None:
    """Give every window these colours and this text size, 100 % being the desktop's own."""
    window, text, field, button, highlight, on_highlight, link, faint = map(QColor, colours(theme))
    palette = QPalette()
    roles = QPalette.ColorRole
    for role, colour in {
        roles.Window: window, roles.WindowText: text, roles.Base: field, roles.AlternateBase: window,
        roles.Text: text, roles.Button: button, roles.ButtonText: text, roles.Highlight: highlight,
        roles.HighlightedText: on_highlight, roles.Link: link, roles.PlaceholderText: faint,
        roles.ToolTipBase: field, roles.ToolTipText: text, roles.BrightText: text,
    }.items():  # fmt: skip
        palette.setColor(role, colour)
    for role in (roles.Text, roles.WindowText, roles.ButtonText):
        palette.setColor(QPalette.ColorGroup.Disabled, role, faint)
    if app.style().name() != "fusion":  # the one style that takes a palette as it is given
        app.setStyle(QStyleFactory.create("Fusion"))
    app.setPalette(palette)
    font = app.font()
    if app.property("own size") is None:
        app.setProperty("own size", font.pointSizeF())
    font.setPointSizeF(float(app.property("own size")) * percent / 100)
    app.setFont(font)
    app.setStyleSheet(style_sheet(theme, percent))


def style_sheet(theme: str, percent: int) -> str:
    """What the palette cannot say: edges that are seen (3:1, WCAG 2.2 §1.4.11), and what is large enough to hit."""
    _, _, field, _, edge, on_edge, _, faint = colours(theme)
    box, bar = 14 * percent // 100, 16 * percent // 100
    return (
        f"QPushButton, QLineEdit, QComboBox, QAbstractSpinBox {{ min-height: {20 * percent // 100 + 8}px; }}"
        f"QLineEdit, QListView, QProgressBar, QComboBox, QAbstractSpinBox {{ border: 1px solid {faint};"
        f" background: {field}; }}"
        "QLineEdit, QComboBox, QAbstractSpinBox { padding: 0px 6px; }"
        "QAbstractSpinBox QLineEdit { border: none; padding: 0px 4px; }"
        "QProgressBar { text-align: center; } QListView::item { padding: 4px 0px; }"
        f"QPushButton {{ padding: 4px 14px; border: 2px solid {faint}; border-radius: 6px; }}"
        'QPushButton[talks="true"] { min-height: 44px; }'
        "QPushButton:focus, QListView:focus, QLineEdit:focus, QLabel:focus, QComboBox:focus, QAbstractSpinBox:focus,"
        f" QCheckBox:focus {{ border: 2px solid {edge}; }}"
        f"QPushButton:pressed, QPushButton:checked {{ background: {edge}; color: {on_edge}; }}"
        f"QCheckBox::indicator {{ width: {box}px; height: {box}px; border: 2px solid {faint}; }}"
        f"QCheckBox::indicator:checked {{ background: {edge}; image: url({_icon('tick', edge)}); }}"
        f"QComboBox::drop-down {{ border: none; width: {bar}px; }}"
        f"QComboBox::down-arrow, QAbstractSpinBox::down-arrow {{ image: url({_icon('down', field)}); width: {box}px; }}"
        f"QAbstractSpinBox::up-arrow {{ image: url({_icon('up', field)}); width: {box}px; }}"
        f"QAbstractSpinBox::up-button, QAbstractSpinBox::down-button {{ border: none; width: {bar + 4}px; }}"
        f"QTabBar::tab {{ padding: 6px 12px; border: 1px solid {faint}; }}"
        f"QTabBar::tab:selected {{ border-bottom: 4px solid {edge}; font-weight: bold; }}"
        f"QTabBar::tab:focus {{ border: 2px solid {edge}; }}"
        f"QScrollBar {{ background: {field}; width: {bar}px; }}"
        "QScrollBar::add-line, QScrollBar::sub-line { height: 0px; }"
        f"QScrollBar::handle {{ background: {faint}; min-height: 24px; margin: 2px; border-radius: 4px; }}"
        f"QMenu {{ border: 1px solid {faint}; }} QMenu::separator {{ height: 1px; background: {faint}; margin: 3px; }}"
    )


def _icon(name: str, behind: str) -> str:
    """The path of an icon that is seen on a background."""
    shade = "light" if contrast("#ffffff", behind) > contrast("#000000", behind) else "dark"
    return (assets_folder() / "icons" / f"{name}-{shade}.svg").as_posix()
