"""The desktop's portal (xdg-desktop-portal, over D-Bus): pictures of the screen, and a key that works everywhere.

What is asked is answered twice: the call at once, and the request it began with a Response, once the person has
agreed, chosen or declined. https://flatpak.github.io/xdg-desktop-portal/docs/api-reference.html
jeepney speaks D-Bus here: PySide6's own QtDBus cannot write the a(sa{sv}) of BindShortcuts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

from jeepney import DBusAddress, HeaderFields, MatchRule, Message, MessageType, message_bus, new_method_call
from jeepney.io.blocking import DBusConnection, open_dbus_connection

from ..errors import DeviceError
from .qt import QSocketNotifier

APP = "sviqa"
"""The name of the app's .desktop file, under which the desktop keeps what the person allowed."""
NAME, PATH = "org.freedesktop.portal.Desktop", "/org/freedesktop/portal/desktop"
SCREENSHOT, SHORTCUTS = "org.freedesktop.portal.Screenshot", "org.freedesktop.portal.GlobalShortcuts"
REQUEST, REGISTRY = "org.freedesktop.portal.Request", "org.freedesktop.host.portal.Registry"
Answer = dict[str, Any] | DeviceError | None
"""What came of a request; None where the person declined."""
_AGREED, _DECLINED = 0, 1
_WITHOUT = {
    SCREENSHOT: (
        "This desktop gives the app no picture of the screen.",
        "Take one with the desktop's own tool, and paste it with Ctrl+V.",
    ),
    SHORTCUTS: (
        "This desktop gives the app no key that works everywhere.",
        "Set one in the desktop's own settings, or use the key in the window.",
    ),
}
_MODIFIERS = {"Ctrl": "CTRL", "Shift": "SHIFT", "Alt": "ALT", "Meta": "LOGO"}


class Portal:
    """Reached when it is first needed. Every outcome comes through a callback, in the window's thread."""

    def __init__(self) -> None:
        self._bus: DBusConnection | None = None
        self._notifier: QSocketNotifier | None = None
        self._tokens = count(1)
        self._calls: dict[int, str] = {}  # the paths of requests, by the number of the call, until that is answered
        self._waiting: dict[str, tuple[Callable[[Answer], None], DeviceError]] = {}  # by the path of the request
        self._pressed: dict[str, Callable[[], None]] = {}

    def screenshot(self, interactive: bool, done: Callable[[Path | DeviceError | None], None]) -> None:
        """A picture of the screen, in a file; where `interactive`, of what the person chooses. None: declined."""
        options = {"interactive": ("b", interactive)}
        self._ask(SCREENSHOT, "Screenshot", "s", ("",), options, lambda answer: done(_file(answer)))

    def global_shortcut(
        self, name: str, what: str, key: str, pressed: Callable[[], None], failed: Callable[[DeviceError], None]
    ) -> None:
        """Have `pressed` called when the key is pressed anywhere. The person may be asked, and may choose another.

        `what` tells what it does; `key` is the one wished for, as Qt writes it.
        """
        wish = {"preferred_trigger": ("s", trigger(key))} if trigger(key) else {}
        shortcut = (name, {"description": ("s", what), **wish})
        self._pressed[name] = pressed

        def settle(answer: Answer) -> None:
            if isinstance(answer, DeviceError):
                failed(answer)

        def bind(answer: Answer) -> None:
            match answer:
                case {"session_handle": (_, str(session))}:
                    self._ask(SHORTCUTS, "BindShortcuts", "oa(sa{sv})s", (session, [shortcut], ""), {}, settle)
                case dict():
                    settle(DeviceError(*_WITHOUT[SHORTCUTS]))
                case _:
                    settle(answer)

        self._ask(SHORTCUTS, "CreateSession", "", (), {"session_handle_token": ("s", APP)}, bind)

    def _ask(
        self,
        interface: str,
        method: str,
        signature: str,
        arguments: tuple[object, ...],
        options: Mapping[str, object],
        done: Callable[[Answer], None],
    ) -> None:
        """Make a call that begins a request. The Response may come before the call is answered."""
        trouble = DeviceError(*_WITHOUT[interface])
        try:
            bus = self._bus = self._bus or self._connect()
        except Exception:  # no bus in the environment, one of another kind, one that refuses
            done(trouble)
            return
        token = f"{APP}{next(self._tokens)}"
        path = f"{PATH}/request/{str(bus.unique_name)[1:].replace('.', '_')}/{token}"
        self._waiting[path] = done, trouble
        serial = next(bus.outgoing_serial)
        self._calls[serial] = path
        body = (*arguments, {**options, "handle_token": ("s", token)})
        self._send(new_method_call(DBusAddress(PATH, NAME, interface), method, f"{signature}a{{sv}}", body), serial)

    def _connect(self) -> DBusConnection:
        """A connection on which the portal's signals come. Raises what D-Bus raises."""
        bus = self._bus = open_dbus_connection()
        self._notifier = QSocketNotifier(bus.sock.fileno(), QSocketNotifier.Type.Read)
        self._notifier.activated.connect(lambda *_: self._receive())
        owner = MatchRule(type="signal", sender="org.freedesktop.DBus", member="NameOwnerChanged")
        owner.add_arg_condition(0, NAME)
        for rule in (
            MatchRule(type="signal", sender=NAME, interface=REQUEST, member="Response"),
            MatchRule(type="signal", sender=NAME, interface=SHORTCUTS, member="Activated"),
            owner,
        ):
            self._send(message_bus.AddMatch(rule))
        # Who asks; desktops that cannot take it answer with an error, which nobody waits for.
        self._send(new_method_call(DBusAddress(PATH, NAME, REGISTRY), "Register", "sa{sv}", (APP, {})))
        return bus

    def _send(self, message: Message, serial: int | None = None) -> None:
        try:
            if self._bus is not None:
                self._bus.send(message, serial=serial)
        except OSError:
            self._disconnect()

    def _receive(self) -> None:
        """Take in all that has come."""
        while self._bus is not None:
            try:
                message = self._bus.receive(timeout=0)
            except TimeoutError:  # that was all
                return
            except OSError:
                self._disconnect()
                return
            self._take_in(message)

    def _take_in(self, message: Message) -> None:
        fields, body = message.header.fields, message.body
        if message.header.message_type is not MessageType.signal:
            path = self._calls.pop(fields.get(HeaderFields.reply_serial, 0), "")
            if message.header.message_type is MessageType.error:
                self._settle(path, None)
            return
        match fields.get(HeaderFields.member), body:
            case "Response", (int(code), dict(results)):
                self._settle(fields.get(HeaderFields.path, ""), code, results)
            case "Activated", (_, str(name), *_) if name in self._pressed:
                self._pressed[name]()
            case "NameOwnerChanged", (_, str(before), _) if before:
                self._forsake()

    def _settle(self, path: str, code: int | None, results: dict[str, Any] | None = None) -> None:
        """A request is over; without a code, for it was never begun."""
        if path in self._waiting:
            done, trouble = self._waiting.pop(path)
            done(results if code == _AGREED else None if code == _DECLINED else trouble)

    def _forsake(self) -> None:
        """The portal ended: nobody will answer what was asked."""
        for path in list(self._waiting):
            self._settle(path, None)

    def _disconnect(self) -> None:
        """The bus ended."""
        if self._bus is not None and self._notifier is not None:
            self._notifier.setEnabled(False)
            self._bus.close()
        self._bus = self._notifier = None
        self._forsake()


def trigger(key: str) -> str:
    """A key as XDG's shortcuts write it: "Ctrl+Shift+S" is "CTRL+SHIFT+s"; "" where that is not plain.

    https://specifications.freedesktop.org/shortcuts-spec/latest/
    """
    parts = key.split("+")
    if not all(part.isalnum() for part in parts):
        return ""
    return "+".join(_MODIFIERS.get(part, part.lower() if len(part) == 1 or part == "Space" else part) for part in parts)


def _file(answer: Answer) -> Path | DeviceError | None:
    match answer:
        case {"uri": (_, str(uri))}:
            return Path(unquote(urlparse(uri).path))
        case dict():
            return DeviceError(*_WITHOUT[SCREENSHOT])
        case _:
            return answer
