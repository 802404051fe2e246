"""What rooms, microphones and lines do to a voice: speed, room, noise, band limits, gain."""

from __future__ import annotations

import numpy as np
import soxr
from numpy.random import Generator
from numpy.typing import NDArray

from .voices import RATE

Wave = NDArray[np.float32]


def add_noise(wave: Wave, snr: float, rng: Generator, noise: Wave | None = None) -> Wave:
    """`wave` with noise at `snr` dB; coloured noise of a random slope unless `noise` is given."""
    noise = coloured_noise(len(wave), rng) if noise is None else np.resize(noise, len(wave))
    power = float(np.mean(wave**2)) + 1e-12
    ratio = np.sqrt(power / (float(np.mean(noise**2)) + 1e-12) / 10 ** (snr / 10))
    return np.asarray(wave + ratio * noise, np.float32)


def coloured_noise(count: int, rng: Generator) -> Wave:
    """[count] noise with a 1/f^a spectrum, a in 0..2, sometimes humming or pulsing."""
    spectrum = np.fft.rfft(rng.standard_normal(count).astype(np.float32))
    frequency = np.fft.rfftfreq(count, 1 / RATE) + 20
    noise = np.fft.irfft(spectrum / frequency ** rng.uniform(0, 1.0), count)
    noise = noise / (noise.std() + 1e-9)
    time = np.arange(count) / RATE
    if rng.random() < 0.25:
        for k in range(1, 4):
            noise = noise + rng.uniform(0, 1) * np.sin(2 * np.pi * k * rng.uniform(50, 400) * time)
    if rng.random() < 0.25:
        noise = noise * (0.5 + 0.5 * np.sin(2 * np.pi * rng.uniform(0.5, 6) * time + rng.uniform(0, 6)))
    return np.asarray(noise, np.float32)


def room(wave: Wave, rng: Generator) -> Wave:
    """The wave in a room: decaying noise as impulse response, 60 to 500 ms long."""
    length = int(RATE * rng.uniform(0.06, 0.5))
    response = rng.standard_normal(length) * np.exp(-6.9 * np.arange(length) / length)
    response *= rng.uniform(0.02, 0.16)
    response[0] = 1.0
    size = 1 << int(np.ceil(np.log2(len(wave) + length)))
    wet = np.fft.irfft(np.fft.rfft(wave, size) * np.fft.rfft(response, size), size)[: len(wave)]
    return np.asarray(wet, np.float32)


def band_limit(wave: Wave, rng: Generator) -> Wave:
    """A line or a cheap microphone: soft high-pass, low-pass and a tilt."""
    spectrum = np.fft.rfft(wave)
    frequency = np.fft.rfftfreq(len(wave), 1 / RATE)
    low, high = rng.uniform(30, 320), rng.uniform(3000, 8000)
    gain = 1 / (1 + (low / (frequency + 1)) ** 4) / (1 + (frequency / high) ** 8)
    gain = gain * (1 + frequency / 1000) ** rng.uniform(-0.5, 0.5)
    return np.asarray(np.fft.irfft(spectrum * gain, len(wave)), np.float32)


def live(wave: Wave, rng: Generator, strength: float) -> tuple[Wave, float]:
    """A random channel of `strength` 0..1. Returns the wave and how much faster it now is."""
    speed = 1.0
    if rng.random() < 0.65 * strength:  # faster is also higher: other throats than the synthesisers have
        speed = float(rng.uniform(0.84, 1.18))
        wave = soxr.resample(wave, RATE * speed, RATE, quality="LQ").astype(np.float32)
    if rng.random() < 0.35 * strength:
        wave = room(wave, rng)
    if rng.random() < 0.4 * strength:
        wave = band_limit(wave, rng)
    if rng.random() < 0.7 * strength:
        wave = add_noise(wave, float(rng.uniform(0, 30)), rng)
    else:
        wave = wave + rng.standard_normal(len(wave)).astype(np.float32) * 10 ** rng.uniform(-5, -3.5)
    peak = float(np.abs(wave).max()) + 1e-6
    return (wave / peak * 10 ** rng.uniform(-1.2, 0)).astype(np.float32), speed
