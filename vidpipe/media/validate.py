"""Is a delivered file what was asked for? Pure: what was probed, what was decoded, what was asked, in; faults out.

Tolerances, each with its reason:

    duration     5 %, at least 0.15 s, and one frame: services round to whole frames, and to 5.04 s for 5
    size         1 pixel a side: odd sizes cannot be coded in 4:2:0
    frame_rate   2 %: 23.976 for 24 and 29.97 for 30 are what people mean
    black        0.5 s in one stretch, or a quarter of a clip; a fade-in is shorter (media/stretches.py: what is black)
    frozen       2 s in one stretch (ffmpeg freezedetect's default), or half of a clip, and at least 0.5 s
    silent       the whole sound under -60 dBFS (ffmpeg silencedetect's default)
    av_length    0.2 s: two AAC frames of priming and padding at 22 kHz; the stitch pads and trims this much
    undecodable  any frame that cannot be decoded, or 2 % fewer frames than the container announces
"""

from __future__ import annotations

import math

import numpy as np

from vidpipe.media import stretches
from vidpipe.media.info import Asked, DecodedClip, Fault, MediaInfo
from vidpipe.media.stretches import Stretch

DURATION_SHARE = 0.05
DURATION_LEAST = 0.15  # seconds
SIZE_PIXELS = 1
RATE_SHARE = 0.02
BLACK_SECONDS = 0.5
BLACK_SHARE = 0.25
FROZEN_SECONDS = 2.0
FROZEN_SHARE = 0.5
FROZEN_LEAST = 0.5  # seconds
SILENT_DBFS = -60.0
LENGTHS_SECONDS = 0.2
LOST_SHARE = 0.02
_WINDOW = 0.05  # seconds; a sound is silent if the loudest window is


def validate(info: MediaInfo, clip: DecodedClip, asked: Asked) -> tuple[Fault, ...]:
    """Every fault of the file, one reason each, with figures; an empty tuple for what is as asked."""
    y = clip.luma
    found = (
        _undecodable(clip),
        _duration(clip, asked),
        _size(info, clip, asked),
        _frame_rate(clip, asked),
        _black(y, clip),
        _frozen(y, clip),
        _sound(clip, asked),
        _lengths(clip, asked),
    )
    return tuple(fault for fault in found if fault is not None)


def video_seconds(clip: DecodedClip) -> float:
    """How long the picture is shown, the last frame included."""
    return float(clip.facts.get("video_seconds") or (clip.times[-1] if len(clip.times) else 0.0))


def _undecodable(clip: DecodedClip) -> Fault | None:
    frames = len(clip.times)
    announced = int(clip.facts.get("frames_expected") or 0)
    if clip.errors:
        return Fault("undecodable", f"{clip.errors} of {max(frames, announced)} frames could not be decoded")
    if frames < announced * (1 - LOST_SHARE) - 1:
        return Fault("undecodable", f"only {frames} of the {announced} frames it announces are there")
    return None


def _duration(clip: DecodedClip, asked: Asked) -> Fault | None:
    is_, tolerance = video_seconds(clip), max(DURATION_LEAST, DURATION_SHARE * asked.duration) + 1 / asked.fps
    if abs(is_ - asked.duration) <= tolerance:
        return None
    return Fault("duration", f"{is_:.2f} s long; {asked.duration:.2f} s were asked for (within {tolerance:.2f} s)")


def _size(info: MediaInfo, clip: DecodedClip, asked: Asked) -> Fault | None:
    width = info.video.width if info.video else int(clip.facts.get("width", 0))
    height = info.video.height if info.video else int(clip.facts.get("height", 0))
    if abs(width - asked.width) <= SIZE_PIXELS and abs(height - asked.height) <= SIZE_PIXELS:
        return None
    return Fault("size", f"{width}x{height} pixels; {asked.width}x{asked.height} were asked for")


def _frame_rate(clip: DecodedClip, asked: Asked) -> Fault | None:
    if len(clip.times) < 2:
        return None
    rate = (len(clip.times) - 1) / float(clip.times[-1] - clip.times[0] or math.inf)
    if abs(rate - asked.fps) <= RATE_SHARE * asked.fps:
        return None
    return Fault("frame_rate", f"{rate:.2f} frames a second; {asked.fps} were asked for")


def _words(stretch: Stretch) -> str:
    return f"from {stretch.start:.1f} s to {stretch.end:.1f} s"


def _longest(found: tuple[Stretch, ...]) -> Stretch | None:
    return max(found, key=lambda stretch: stretch.seconds, default=None)


def _black(y: stretches.Luma, clip: DecodedClip) -> Fault | None:
    found = stretches.black(y, clip.times)
    longest, whole = _longest(found), video_seconds(clip)
    if longest is None or whole <= 0:
        return None
    if longest.seconds < BLACK_SECONDS - 1e-6 and longest.seconds < BLACK_SHARE * whole:
        return None
    total = sum(stretch.seconds for stretch in found)
    if total >= whole - 1e-6:
        return Fault("black", f"black all through its {whole:.1f} s")
    more = f", {total:.1f} s of {whole:.1f} s in all" if len(found) > 1 else f" of {whole:.1f} s"
    return Fault("black", f"black {_words(longest)}{more}")


def _frozen(y: stretches.Luma, clip: DecodedClip) -> Fault | None:
    dark = stretches.black_frames(y)
    if dark.all():
        return None  # one reason: it is black
    longest, whole = _longest(clip.frozen), video_seconds(clip)
    least = max(FROZEN_LEAST, min(FROZEN_SECONDS, FROZEN_SHARE * whole))
    if longest is None or longest.seconds < least - 1e-6:
        return None
    inside = (clip.times >= longest.start - 1e-6) & (clip.times < longest.end - 1e-6)
    if dark[inside].all():
        return None  # named black already
    return Fault("frozen", f"the picture stands still {_words(longest)} of {whole:.1f} s")


def loudest_window(clip: DecodedClip) -> float:
    """dBFS (RMS) of the loudest 50 ms of the sound; minus infinity where there is none."""
    if clip.audio is None or not len(clip.audio):
        return -math.inf
    width = max(1, round(_WINDOW * clip.audio_rate))
    whole = len(clip.audio) // width * width
    windows = clip.audio[:whole].reshape(-1, width) if whole else clip.audio[None]
    loudest = float(np.einsum("nw,nw->n", windows, windows).max()) / windows.shape[1]
    return 10 * math.log10(loudest) if loudest > 0 else -math.inf


def _sound(clip: DecodedClip, asked: Asked) -> Fault | None:
    if not asked.audio:
        return None
    if clip.audio is None:
        return Fault("no_audio", "it has no sound; sound was asked for")
    loudest = loudest_window(clip)
    if loudest > SILENT_DBFS:
        return None
    level = "digital silence" if math.isinf(loudest) else f"{loudest:.0f} dBFS at its loudest"
    return Fault("silent", f"its sound is silent all through: {level}; sound was asked for")


def _lengths(clip: DecodedClip, asked: Asked) -> Fault | None:
    if not asked.audio or clip.audio is None or not clip.audio_rate:
        return None
    start = float(clip.facts.get("audio_start", 0.0))
    sound, shown = start + len(clip.audio) / clip.audio_rate, video_seconds(clip)
    if abs(sound - shown) > LENGTHS_SECONDS:
        return Fault("av_length", f"the sound ends at {sound:.2f} s and the picture at {shown:.2f} s")
    if abs(start) > LENGTHS_SECONDS:
        return Fault("av_length", f"the sound begins {start:.2f} s after the picture")
    return None
