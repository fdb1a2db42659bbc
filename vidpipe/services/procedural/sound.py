"""The sound of a place: shaped noise for wind, rain and surf, small events, and a soft chord; seeded and levelled.

Level follows ITU-R BS.1770-5 without its gates (the beds are steady): K-weighted mean square of both channels,
brought to -23 LUFS (EBU R 128), never above half of full scale.
"""

from __future__ import annotations

import hashlib
import math

import numpy as np
from numpy.typing import NDArray

from vidpipe.services.procedural.words import Wanted

RATE = 48_000  # Hz
TARGET = -23.0  # LUFS
EDGE = 0.02  # seconds of fade at both ends, so that no join clicks

Wave = NDArray[np.float32]

# Noise bands of a place: (centre Hz, width in octaves, level, how much it swells, swells a second).
BEDS: dict[str, tuple[tuple[float, float, float, float, float], ...]] = {
    "sea": ((240, 2.2, 1.0, 0.75, 0.16), (1800, 2.0, 0.35, 0.85, 0.16)),
    "lighthouse": ((220, 2.2, 1.0, 0.7, 0.15), (2000, 2.0, 0.3, 0.85, 0.15)),
    "harbour": ((300, 1.8, 0.7, 0.5, 0.3), (900, 1.6, 0.25, 0.6, 0.45)),
    "river": ((700, 1.8, 0.7, 0.25, 0.9), (2600, 1.6, 0.5, 0.35, 1.7)),
    "forest": ((420, 1.8, 0.6, 0.5, 0.2), (3200, 1.2, 0.16, 0.6, 0.33)),
    "field": ((360, 1.7, 0.6, 0.6, 0.22), (4200, 1.0, 0.14, 0.5, 0.6)),
    "mountains": ((260, 1.5, 0.9, 0.7, 0.17), (900, 1.2, 0.2, 0.8, 0.21)),
    "desert": ((330, 1.2, 0.9, 0.75, 0.15), (1400, 1.0, 0.2, 0.8, 0.2)),
    "snow": ((420, 1.1, 0.9, 0.75, 0.2), (1100, 1.0, 0.3, 0.8, 0.27)),
    "city": ((110, 1.8, 1.0, 0.25, 0.3), (520, 1.8, 0.3, 0.4, 0.2)),
    "street": ((140, 1.8, 0.9, 0.35, 0.35), (640, 1.8, 0.35, 0.5, 0.25)),
    "room": ((120, 1.2, 0.6, 0.15, 0.2), (420, 1.0, 0.12, 0.2, 0.4)),
    "space": ((60, 1.4, 1.0, 0.4, 0.12), (190, 1.0, 0.25, 0.6, 0.2)),
}
WEATHER: dict[str, tuple[tuple[float, float, float, float, float], ...]] = {
    "rain": ((5200, 1.6, 0.55, 0.12, 0.7), (1500, 2.0, 0.3, 0.15, 0.5)),
    "storm": ((4600, 1.8, 0.6, 0.3, 0.6), (170, 1.6, 0.9, 0.8, 0.3)),
    "snow": ((600, 1.0, 0.25, 0.7, 0.22),),
    "fog": ((180, 1.0, 0.3, 0.5, 0.15),),
}
# Chords by the hour, in semitones over A2; a warm major, an open fifth, a minor with a ninth.
CHORDS = {
    "dawn": (0, 7, 12, 16, 19),
    "day": (3, 10, 15, 19, 22),
    "dusk": (-4, 3, 8, 15, 19),
    "night": (0, 7, 12, 15, 23),
}


def ambient(wanted: Wanted, seed: int, seconds: float) -> Wave:
    """Stereo samples [2, n] in -1..1 at 48 kHz: exactly `seconds` of the place that `wanted` names."""
    count = max(1, round(seconds * RATE))
    digest = hashlib.sha256(f"sound|{wanted.digest}|{seed}".encode()).digest()
    rng = np.random.Generator(np.random.PCG64(int.from_bytes(digest[:8], "big")))
    time = np.arange(count, dtype=np.float32) / np.float32(RATE)
    bands = BEDS[wanted.place] + WEATHER.get(wanted.weather, ())
    left, right = _bed(rng, count, time, bands), _bed(rng, count, time, bands)
    both = np.stack([left * 0.8 + right * 0.2, right * 0.8 + left * 0.2])
    both += _chord(rng, time, CHORDS[wanted.time], 0.15 if wanted.weather == "storm" else 0.24)
    if wanted.place in ("field", "forest") and wanted.time in ("day", "dawn") and wanted.weather in ("clear", "clouds"):
        both += _birds(rng, count, time)
    return _fade(_levelled(both))


def _bed(
    rng: np.random.Generator, count: int, time: Wave, bands: tuple[tuple[float, float, float, float, float], ...]
) -> Wave:
    """Noise in bands, each swelling at its own pace."""
    size = 1 << max(8, (count - 1).bit_length())
    frequency = np.fft.rfftfreq(size, 1 / RATE)
    frequency[0] = 1.0
    white = np.fft.rfft(rng.standard_normal(size, dtype=np.float32))
    total = np.zeros(count, np.float32)
    for centre, octaves, level, swell, rate in bands:
        shape = np.exp(-((np.log2(frequency / centre) / (octaves * 0.6)) ** 2))
        noise = np.fft.irfft(white * shape, size)[:count]
        noise *= level / (float(np.sqrt(np.mean(noise**2))) + 1e-9)
        phase = float(rng.uniform(0, 6.283))
        wave = 0.5 + 0.5 * np.sin(6.2832 * rate * time + phase + 0.7 * np.sin(6.2832 * rate * 0.37 * time))
        total += (noise * (1 - swell * wave)).astype(np.float32)
    return total


def _chord(rng: np.random.Generator, time: Wave, notes: tuple[int, ...], level: float) -> Wave:
    """Sustained notes, each breathing by itself, a little apart between the ears."""
    out = np.zeros((2, len(time)), np.float32)
    for index, note in enumerate(notes):
        pitch = 110.0 * 2 ** (note / 12)
        phase, pace = float(rng.uniform(0, 6.283)), float(rng.uniform(0.08, 0.2))
        breath = 0.6 + 0.4 * np.sin(6.2832 * pace * time + phase)
        tone = np.sin(6.2832 * (pitch * time % 1.0) + phase) + 0.22 * np.sin(6.2832 * (2 * pitch * time % 1.0))
        tone = tone * breath * np.float32(level / (1 + 0.35 * index))
        pan = 0.5 + 0.3 * math.sin(index * 2.1)
        out[0] += tone * np.float32(1 - pan)
        out[1] += tone * np.float32(pan)
    return out


def _birds(rng: np.random.Generator, count: int, time: Wave) -> Wave:
    """A few chirps, each a falling whistle of a tenth of a second."""
    out = np.zeros((2, count), np.float32)
    for _ in range(max(1, int(count / RATE * 1.3))):
        start = int(rng.integers(0, max(1, count - RATE // 8)))
        piece = time[: min(RATE // 9, count - start)]
        pitch, span = float(rng.uniform(2600, 4400)), max(float(piece[-1]), 1e-3)
        sweep = pitch * piece + pitch * 0.18 * np.sin(piece * 6.283 * 11) / 70
        tone = np.sin(6.283 * sweep) * np.sin(np.pi * piece / span) ** 2 * np.float32(rng.uniform(0.1, 0.3))
        pan = float(rng.uniform(0.2, 0.8))
        out[0, start : start + len(piece)] += tone.astype(np.float32) * np.float32(1 - pan)
        out[1, start : start + len(piece)] += tone.astype(np.float32) * np.float32(pan)
    return out


def loudness(both: Wave) -> float:
    """Integrated loudness in LUFS of stereo samples [2, n] at 48 kHz, without gating."""
    size = both.shape[1]
    # The two K-weighting filters of BS.1770-5 (tables 1 and 2, 48 kHz), as their power response.
    turn = np.exp(-2j * np.pi * np.fft.rfftfreq(size))
    shelf = (1.53512485958697 - 2.69169618940638 * turn + 1.19839281085285 * turn**2) / (
        1 - 1.69065929318241 * turn + 0.73248077421585 * turn**2
    )
    high = (1 - 2 * turn + turn**2) / (1 - 1.99004745483398 * turn + 0.99007225036621 * turn**2)
    power = np.abs(np.fft.rfft(both, axis=1)) ** 2 * np.abs(shelf * high) ** 2
    mean = float(np.sum(power)) * 2 / size**2
    return -0.691 + 10 * math.log10(max(mean, 1e-12))


def _levelled(both: Wave) -> Wave:
    gain = 10 ** ((TARGET - loudness(both)) / 20)
    peak = float(np.max(np.abs(both))) * gain
    return both * np.float32(gain * min(1.0, 0.5 / max(peak, 1e-9)))


def _fade(both: Wave) -> Wave:
    edge = min(both.shape[1] // 2, int(EDGE * RATE))
    if edge:
        ramp = np.sin(np.linspace(0, np.pi / 2, edge, dtype=np.float32)) ** 2
        both[:, :edge] *= ramp
        both[:, -edge:] *= ramp[::-1]
    return both
