"""How the window looks: light, dark or high contrast, at any text size."""

from __future__ import annotations

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
    _, text, field, _, edge, on_edge, _, faint = colours(theme)
    box = 14 * percent // 100
    plain = (
        "QPushButton, QLineEdit, QComboBox, QSpinBox, QDoubleSpinBox, QKeySequenceEdit { min-height: 28px; }"
        f"QLineEdit, QListView, QProgressBar {{ border: 1px solid {faint}; background: {field}; }}"
        "QLineEdit { padding: 0px 6px; }"
        "QListView::item { padding: 4px; }"
        f"QPushButton {{ padding: 4px 14px; border: 2px solid {faint}; border-radius: 6px; }}"
        f"QPushButton:focus, QListView:focus, QLineEdit:focus, QLabel:focus {{ border: 2px solid {edge}; }}"
        f"QPushButton:pressed, QPushButton:checked {{ background: {edge}; color: {on_edge}; }}"
        'QPushButton[talks="true"] { min-height: 44px; }'
        f"QCheckBox::indicator {{ width: {box}px; height: {box}px; border: 2px solid {faint}; }}"
        f"QCheckBox::indicator:checked {{ background: {edge}; }}"
    )
    if theme != "high-contrast":
        return plain
    return plain + (
        f"QComboBox, QAbstractSpinBox, QScrollArea, QMenu {{ border: 1px solid {text}; }}"
        f"QComboBox:focus, QAbstractSpinBox:focus, QCheckBox:focus {{ border: 2px solid {edge}; }}"
    )
