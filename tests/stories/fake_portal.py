"""A stand-in for xdg-desktop-portal, on a real D-Bus: `dbus-run-session -- /usr/bin/python3 fake_portal.py MOOD FILE`.

Written with dbus-python, so that what the app's own library sends is read by another. It says its bus's address, then
one line of JSON for each call; it goes on until its standard input is closed. MOOD is what becomes of a
request: the person agrees or declines; it ends (the portal fails), waits, or leaves (the portal dies); or the bus is
bare, without a portal. FILE is the picture it says it took.
"""

# ruff: noqa: N802 - the names are D-Bus's

import json
import os
import sys
from typing import Any

import dbus
import dbus.mainloop.glib
import dbus.service
from gi.repository import GLib

NAME, PATH = "org.freedesktop.portal.Desktop", "/org/freedesktop/portal/desktop"
CODES = {"agrees": 0, "declines": 1, "ends": 2}
MOOD, FILE = sys.argv[1], sys.argv[2]


def say(*words: object) -> None:
    print(json.dumps(words, default=str), flush=True)


class Request(dbus.service.Object):
    """What a call begins."""

    @dbus.service.signal("org.freedesktop.portal.Request", signature="ua{sv}")
    def Response(self, code: int, results: dict[str, Any]) -> None:
        """It is over."""


class Desktop(dbus.service.Object):
    """The portal."""

    def _answer(self, sender: str, options: dict[str, Any], results: dict[str, Any]) -> dbus.ObjectPath:
        """The request, over before the call that began it returns: the worst that a portal may do."""
        caller = sender[1:].replace(".", "_")
        path = dbus.ObjectPath(f"{PATH}/request/{caller}/{options['handle_token']}")
        if MOOD == "leaves":
            GLib.idle_add(self.connection.release_name, NAME)
        elif MOOD in CODES:
            code = CODES[MOOD]
            request = Request(self.connection, path)
            request.Response(code, dbus.Dictionary({} if code else results, signature="sv"))
            request.remove_from_connection()
        return path

    @dbus.service.method("org.freedesktop.host.portal.Registry", in_signature="sa{sv}")
    def Register(self, app: str, options: dict[str, Any]) -> None:
        say("Register", app)

    @dbus.service.method(
        "org.freedesktop.portal.Screenshot", in_signature="sa{sv}", out_signature="o", sender_keyword="sender"
    )
    def Screenshot(self, parent: str, options: dict[str, Any], sender: str) -> dbus.ObjectPath:
        say("Screenshot", parent, bool(options["interactive"]))
        os.utime(FILE)  # as if it were written now
        return self._answer(sender, options, {"uri": GLib.filename_to_uri(FILE)})

    @dbus.service.method(
        "org.freedesktop.portal.GlobalShortcuts", in_signature="a{sv}", out_signature="o", sender_keyword="sender"
    )
    def CreateSession(self, options: dict[str, Any], sender: str) -> dbus.ObjectPath:
        say("CreateSession")
        session = f"{PATH}/session/{sender[1:].replace('.', '_')}/{options['session_handle_token']}"
        return self._answer(sender, options, {"session_handle": session})

    @dbus.service.method(
        "org.freedesktop.portal.GlobalShortcuts",
        in_signature="oa(sa{sv})sa{sv}",
        out_signature="o",
        sender_keyword="sender",
    )
    def BindShortcuts(
        self, session: str, shortcuts: list[Any], parent: str, options: dict[str, Any], sender: str
    ) -> dbus.ObjectPath:
        say("BindShortcuts", session.rsplit("/", 1)[1], shortcuts)
        path = self._answer(sender, options, {"shortcuts": dbus.Array(shortcuts, signature="(sa{sv})")})
        for name in ("another", shortcuts[0][0]):
            self.Activated(session, name, 1, {})
        return path

    @dbus.service.signal("org.freedesktop.portal.GlobalShortcuts", signature="osta{sv}")
    def Activated(self, session: str, name: str, time: int, options: dict[str, Any]) -> None:
        """The key was pressed."""


loop = GLib.MainLoop()
dbus.mainloop.glib.DBusGMainLoop(set_as_default=True)
bus = dbus.SessionBus()
if MOOD != "bare":
    owned = dbus.service.BusName(NAME, bus)
    desktop = Desktop(bus, PATH)
GLib.io_add_watch(sys.stdin, GLib.PRIORITY_DEFAULT, GLib.IOCondition.HUP, lambda *_: loop.quit())
say(os.environ["DBUS_SESSION_BUS_ADDRESS"])
loop.run()
