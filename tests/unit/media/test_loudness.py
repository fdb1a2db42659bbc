"""Loudness agrees with the standard's reference figures and with ffmpeg's own meter."""

from __future__ import annotations

import re
import subprocess
import wave
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests import clips
from vidpipe.media.ffmpeg import binary
from vidpipe.media.loudness import SILENT, Meter, measure


def test_a_full_scale_tone_of_997_hertz_is_at_minus_3_01() -> None:  # BS.1770-4, annex 1
    assert measure(clips.tone(2, hertz=997, level=1.0), clips.RATE).lufs == pytest.approx(-3.01, abs=0.1)


def test_a_tone_at_minus_23_in_both_channels_measures_minus_23() -> None:  # EBU Tech 3341, case 1
    level = 10 ** (-23 / 20)
    both = np.repeat(clips.tone(5, hertz=1000, level=level)[:, None], 2, axis=1)
    assert measure(both, clips.RATE).lufs == pytest.approx(-23.0, abs=0.1)


def test_silence_between_tones_is_gated_out() -> None:
    loud = clips.tone(2, hertz=1000, level=0.1)
    gap = np.concatenate([loud, np.zeros(clips.RATE * 4, dtype=np.float32), loud])
    assert measure(gap, clips.RATE).lufs == pytest.approx(measure(loud, clips.RATE).lufs, abs=0.5)


def test_silence_is_the_floor_and_parts_add_up_to_the_whole() -> None:
    assert measure(np.zeros(1000, dtype=np.float32), clips.RATE).lufs == SILENT
    assert measure(np.zeros(0, dtype=np.float32), clips.RATE).lufs == SILENT
    noise = np.random.default_rng(1).normal(0, 0.1, clips.RATE).astype(np.float32)
    meter = Meter(clips.RATE)
    for start in range(0, len(noise), 1111):
        meter.add(noise[start : start + 1111])
    assert meter.result() == measure(noise, clips.RATE)


@pytest.mark.parametrize("rate", [48_000, 44_100, 22_050])
def test_speech_like_sound_agrees_with_ffmpeg_within_0_3_lu(rate: int, tmp_path: Path) -> None:
    random = np.random.default_rng(3)
    envelope = np.repeat(random.uniform(0, 0.3, 40), rate // 8)
    rumble = 0.1 * np.sin(2 * np.pi * 60 * np.arange(len(envelope)) / rate)
    sound = (random.normal(0, 1, len(envelope)) * envelope * 0.5 + rumble).clip(-1, 1).astype(np.float32)
    assert measure(sound, rate).lufs == pytest.approx(_by_ffmpeg(sound, rate, tmp_path / "s.wav"), abs=0.3)


def _by_ffmpeg(sound: NDArray[np.float32], rate: int, path: Path) -> float:
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(rate)
        out.writeframes((sound * 32767).astype("<i2").tobytes())
    words = subprocess.run(
        [binary(), "-nostdin", "-nostats", "-i", str(path), "-af", "ebur128", "-f", "null", "-"],
        capture_output=True,
        text=True,
        check=True,
    ).stderr
    return float(re.findall(r"I:\s+(-?[\d.]+) LUFS", words)[-1])
