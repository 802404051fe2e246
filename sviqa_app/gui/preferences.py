"""The preferences, made from the one table of settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from ..errors import DeviceError
from ..media.devices import Kind, devices
from ..settings import ACTIONS, SETTINGS, Setting, Settings, conflicts, search
from .qt import (
    QCheckBox,
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QDoubleSpinBox,
    QFormLayout,
    QKeySequence,
    QKeySequenceEdit,
    QLabel,
    QLineEdit,
    QScrollArea,
    QSpinBox,
    Qt,
    QTabWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

_DEVICES: Mapping[str, Kind] = {"microphone": "input", "output_device": "output"}


class Preferences(QDialog):
    """Every setting with its name, its help and a field; what is changed is in force at once."""

    def __init__(self, settings: Settings, changed: Callable[[Settings], None], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.settings = settings
        self._changed = changed
        self._rows: dict[str, tuple[QFormLayout, QWidget]] = {}
        self._filling = False
        self.setWindowTitle("Preferences")
        self.resize(min(960, 640 * settings.text_size // 100), 560)
        self._build()

    def _build(self) -> None:
        self.words = QLineEdit(placeholderText="Search")
        self.words.setAccessibleName("Search the preferences")
        self.words.textChanged.connect(self._search)
        self.pages = QTabWidget()
        self.pages.setAccessibleName("Groups of preferences")
        self.warning = QLabel(wordWrap=True)
        self.warning.hide()
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close | QDialogButtonBox.StandardButton.Reset)
        buttons.rejected.connect(self.reject)
        buttons.button(QDialogButtonBox.StandardButton.Reset).clicked.connect(self._reset)
        for which in (QDialogButtonBox.StandardButton.Close, QDialogButtonBox.StandardButton.Reset):
            buttons.button(which).setAutoDefault(False)  # Enter is for the fields
        layout = QVBoxLayout(self)
        for widget in (self.words, self.pages, self.warning, buttons):
            layout.addWidget(widget)
        self._fill()

    def _fill(self) -> None:
        self._filling = True
        self.pages.clear()
        self._rows.clear()
        for group in dict.fromkeys(setting.group for setting in SETTINGS):
            form = QFormLayout(rowWrapPolicy=QFormLayout.RowWrapPolicy.WrapAllRows)
            for setting in (s for s in SETTINGS if s.group == group):
                self._keys(form) if setting.type is dict else self._row(form, setting)
            page = QWidget()
            page.setLayout(form)
            area = QScrollArea(widgetResizable=True)
            area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
            area.setWidget(page)
            self.pages.addTab(area, group)
        self._filling = False
        self._search(self.words.text())

    def _row(self, form: QFormLayout, setting: Setting) -> None:
        field = self._field(setting, getattr(self.settings, setting.name))
        field.setAccessibleName(setting.label)
        if isinstance(field, QComboBox):
            field.view().setAccessibleName(setting.label)
        later = " Takes effect at the next start." if setting.restart else ""
        field.setAccessibleDescription(setting.help + later)
        field.setToolTip(setting.help + later)
        box = QWidget()
        inside = QVBoxLayout(box)
        inside.setContentsMargins(0, 0, 0, 8)
        inside.addWidget(field)
        inside.addWidget(QLabel(setting.help + later, wordWrap=True))
        if isinstance(field, QCheckBox):
            form.addRow(box)
        else:
            label = QLabel(setting.label)
            label.setBuddy(field)
            form.addRow(label, box)
        self._rows[setting.name] = form, box

    def _field(self, setting: Setting, value: Any) -> QWidget:
        name = setting.name
        if setting.type is bool:
            check = QCheckBox(setting.label)
            check.setChecked(bool(value))
            check.toggled.connect(lambda on: self._set(name, on))
            return check
        if setting.choices or name in _DEVICES:
            return self._choice(name, self._choices(setting, value), value)
        if setting.type in (int, float):
            return self._number(setting, value)
        text = QLineEdit(value)
        text.editingFinished.connect(lambda: self._set(name, text.text()))
        return text

    @staticmethod
    def _choices(setting: Setting, value: str) -> Mapping[str, str]:
        if setting.name not in _DEVICES:
            return setting.choices
        try:
            found = {name: name for name in devices(_DEVICES[setting.name])}
        except DeviceError:  # without the sound library there is nothing to choose from
            found = {}
        return {"": "The system's", **found, **({value: value} if value else {})}

    def _choice(self, name: str, choices: Mapping[str, str], value: str) -> QComboBox:
        box = QComboBox()
        for key, label in choices.items():
            box.addItem(label, key)
        box.setCurrentIndex(list(choices).index(value))
        box.currentIndexChanged.connect(lambda i: self._set(name, box.itemData(i)))
        return box

    def _number(self, setting: Setting, value: Any) -> QSpinBox | QDoubleSpinBox:
        low, high = setting.low or 0.0, setting.high or 0.0
        box: QSpinBox | QDoubleSpinBox
        if setting.type is int:
            box = QSpinBox(minimum=int(low), maximum=int(high), value=value)
            box.setSingleStep(10 if setting.name == "text_size" else 1)
        else:
            box = QDoubleSpinBox(minimum=low, maximum=high, value=value, singleStep=0.1, decimals=1)
        box.setSuffix(f" {setting.unit}" if setting.unit else "")
        if setting.never:
            box.setSpecialValueText(setting.never)
        box.valueChanged.connect(lambda new: self._set(setting.name, new))
        return box

    def _keys(self, form: QFormLayout) -> None:
        for name, action in ACTIONS.items():
            edit = QKeySequenceEdit(QKeySequence(self.settings.keys[name]), maximumSequenceLength=1)
            edit.setAccessibleName(f"Key for: {action.label}")
            edit.setClearButtonEnabled(True)
            for inside in edit.findChildren(QLineEdit):  # it has the keyboard
                inside.setAccessibleName(edit.accessibleName())
            for clear in edit.findChildren(QToolButton):
                clear.setAccessibleName(f"No key for: {action.label}")
                clear.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
            edit.keySequenceChanged.connect(lambda keys, name=name: self._set_key(name, keys.toString()))
            form.addRow(QLabel(action.label), edit)
            self._rows[f"key {name}"] = form, edit

    def _set_key(self, name: str, key: str) -> None:
        keys = {**self.settings.keys, name: key}
        self._set("keys", keys)
        shared = conflicts(keys)
        labels = [f"{key}: {' and '.join(ACTIONS[a].label for a in actions)}" for key, actions in shared.items()]
        self.warning.setText(f"Several actions share a key. {'; '.join(labels)}.")
        self.warning.setVisible(bool(labels))

    def _set(self, name: str, value: Any) -> None:
        if self._filling or getattr(self.settings, name) == value:
            return
        self.settings = replace(self.settings, **{name: value})
        self._changed(self.settings)

    def _reset(self) -> None:
        self.settings = Settings(others=self.settings.others)
        self._changed(self.settings)
        self._fill()

    def _search(self, words: str) -> None:
        found = {setting.name for setting in search(words)}
        groups = {setting.group for setting in SETTINGS if setting.name in found}
        for name, (form, widget) in self._rows.items():
            form.setRowVisible(widget, name in found or (name.startswith("key ") and "keys" in found))
        for i in range(self.pages.count()):
            self.pages.setTabVisible(i, self.pages.tabText(i) in groups)
