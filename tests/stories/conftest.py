"""The stories' ears and mouth: a sound server of their own, with a microphone to speak into and a loudspeaker to hear.

The sound server is PulseAudio with two null sinks, so no sound card is needed and none is touched. The code under
test runs in a program of its own (`program`): PortAudio reads the list of devices once, when it is first loaded, and
in this process a unit test may have loaded it long before the server was there.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread
from typing import TYPE_CHECKING

import numpy as np
import pytest

from sviqa_app.turn import Recording

if TYPE_CHECKING:
    from .screen import Desk

ROOT = Path(__file__).resolve().parents[2]
PICTURE = ROOT / "assets" / "samples" / "scene.png"
QUESTION = ROOT / "assets" / "samples" / "question.wav"
# What plays into mic_feed is what the microphone hears. Without norewinds PulseAudio swallows the first syllable.
_SERVER = """
load-module module-native-protocol-unix auth-anonymous=1
load-module module-null-sink sink_name=mic_feed norewinds=1 rate=16000 channels=1
load-module module-remap-source source_name=virtual_mic master=mic_feed.monitor
load-module module-null-sink sink_name=speakers norewinds=1 rate=48000 channels=2
set-default-sink speakers
set-default-source virtual_mic
"""
# The only device PortAudio finds: never a real microphone, nor the sound server of the desktop.
_ALSA = "pcm.!default { type pulse }\nctl.!default { type pulse }\n"
_PROGRAMS = ("pulseaudio", "pactl", "paplay", "parecord")


class SoundServer:
    """A PulseAudio of our own; `env` is what a program needs to find it and nothing else."""

    def __init__(self, folder: Path) -> None:
        folder.chmod(0o700)
        (folder / "server.pa").write_text(_SERVER)
        (folder / "asound.conf").write_text(_ALSA)
        self.env = {
            "XDG_RUNTIME_DIR": str(folder),
            "PULSE_RUNTIME_PATH": str(folder / "pulse"),
            "PULSE_STATE_PATH": str(folder / "state"),
            "PULSE_SERVER": f"unix:{folder}/pulse/native",
            "ALSA_CONFIG_PATH": str(folder / "asound.conf"),
        }
        self._script = folder / "server.pa"
        self.start()

    def start(self) -> None:
        """Starts the server, and waits until it answers."""
        command = ["pulseaudio", "-n", "-F", str(self._script), "--daemonize=no", "--exit-idle-time=-1"]
        self.process = subprocess.Popen(
            [*command, "--use-pid-file=no", "--log-target=null"], env=os.environ | self.env, stderr=subprocess.DEVNULL
        )
        deadline = time.monotonic() + 20
        while subprocess.run(["pactl", "info"], env=os.environ | self.env, capture_output=True).returncode:
            assert time.monotonic() < deadline and self.process.poll() is None, "the sound server does not start"
            time.sleep(0.05)

    def kill(self) -> None:
        """What pulling the plug is to a sound card."""
        self.process.kill()
        self.process.wait()


def skip_without(*programs: str, debian: str) -> None:
    """Skip the test where a program is not installed; `debian` names the packages that have them."""
    if missing := [name for name in programs if shutil.which(name) is None]:
        pytest.skip(f"needs {', '.join(missing)} (Debian: {debian})")


@contextmanager
def private_sound() -> Iterator[SoundServer]:
    """A sound server that nobody else uses. Skips the test where this machine cannot have one."""
    skip_without(*_PROGRAMS, debian="pulseaudio, pulseaudio-utils")
    # Not pytest's folder: the path of a socket may have 107 characters.
    with TemporaryDirectory(prefix="sviqa-sound-") as folder:
        server = SoundServer(Path(folder))
        try:
            found = [sys.executable, "-c", "import sounddevice; sounddevice.query_devices(kind='input')"]
            if subprocess.run(found, env=os.environ | server.env, capture_output=True).returncode:
                pytest.skip("PortAudio does not reach PulseAudio (Debian: libportaudio2, libasound2-plugins)")
            yield server
        finally:
            server.kill()


@pytest.fixture(scope="session")
def sound_server() -> Iterator[SoundServer]:
    """The sound server of all stories, in the environment of every program they start."""
    with private_sound() as server, pytest.MonkeyPatch.context() as patch:
        for name, value in server.env.items():
            patch.setenv(name, value)
        yield server


@pytest.fixture
def place(sound_server: SoundServer) -> Iterator[Desk]:
    """A desk with a screen and a sound card."""
    from .screen import desk

    with desk(sound_server.env) as made:
        yield made


@pytest.fixture
def speak_into_microphone(sound_server: SoundServer) -> Callable[[Path], None]:
    """Plays a WAV into the microphone; returns when it is spoken."""

    def speak(path: Path) -> None:
        subprocess.run(["paplay", "--device=mic_feed", str(path)], check=True, timeout=120)

    return speak


class Tape:
    """What is heard at the loudspeaker, or at another place, from the moment it was made."""

    def __init__(self, device: str = "speakers.monitor", rate: int = 48_000) -> None:
        self.rate = rate
        command = ["parecord", f"--device={device}", "--raw", "--format=float32le", "--latency-msec=10"]
        self._process = subprocess.Popen(
            [*command, f"--rate={rate}", "--channels=1"], stdout=subprocess.PIPE, bufsize=0
        )
        self._sound = bytearray()
        # (samples, moment): how many had arrived by which monotonic time.
        self._arrivals: list[tuple[int, float]] = []
        self._reader = Thread(target=self._read, daemon=True)
        self._reader.start()
        while not self._arrivals:
            assert self._process.poll() is None, "the loudspeaker cannot be heard"
            time.sleep(0.01)

    def _read(self) -> None:
        assert self._process.stdout is not None
        while block := self._process.stdout.read(65_536):
            self._sound += block
            self._arrivals.append((len(self._sound) // 4, time.monotonic()))

    def arrived(self, sample: int) -> float:
        """The monotonic time at which the sample came out of the loudspeaker's monitor, to 10 ms."""
        return next(moment for count, moment in self._arrivals if count > sample)

    def cut(self) -> None:
        """Ends the tape."""
        self._process.terminate()
        self._reader.join()
        self._process.communicate()

    @property
    def recording(self) -> Recording:
        """What was heard until now."""
        whole = len(self._sound) // 4 * 4
        return Recording(np.frombuffer(bytes(self._sound[:whole]), "<f4"), self.rate)


@contextmanager
def taping(device: str = "speakers.monitor", rate: int = 48_000) -> Iterator[Tape]:
    """Hears what plays in the block."""
    tape = Tape(device, rate)
    try:
        yield tape
    finally:
        tape.cut()


@pytest.fixture
def heard_at_loudspeaker(sound_server: SoundServer) -> Callable[[], AbstractContextManager[Tape]]:
    """`with heard_at_loudspeaker() as tape:` hears what plays in the block."""
    return taping


class Program:
    """`tests/stories/sounding.py`, running: each call says one line to it and returns its answer."""

    def __init__(self, env: dict[str, str]) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.stories.sounding"],
            cwd=ROOT,
            env=os.environ | env,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # ALSA and PortAudio complain there about every lost device
        )

    def __call__(self, *words: object) -> str:
        assert self.process.stdin is not None and self.process.stdout is not None
        print(*words, file=self.process.stdin, flush=True)
        answer = self.process.stdout.readline()
        assert answer, f"the program died of {words}"
        return answer.rstrip("\n")

    def kill(self) -> None:
        """kill -9, whatever it is doing."""
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def program() -> Iterator[Callable[[dict[str, str]], Program]]:
    """Starts programs, and ends them with the test."""
    running: list[Program] = []

    def start(env: dict[str, str]) -> Program:
        running.append(Program(env))
        return running[-1]

    yield start
    for one in running:
        one.kill()
