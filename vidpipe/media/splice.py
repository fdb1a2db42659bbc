"""Joining pictures without encoding them anew: packets of H.264 files, laid end to end in one MP4.

Packets get new times: frame k of the film is shown at exactly k frame lengths, and decoding times begin one
common delay earlier, so that clips whose encoders reorder differently still follow each other. (ffmpeg's concat
demuxer adds up container durations instead, which the sound's padding makes too long by up to 21 ms a clip.)

Pictures of two encoders may stand in one stream if their parameter sets have different numbers: those of what
was encoded anew for the join (`sps_id`) are added to the file's decoder configuration (ISO/IEC 14496-15 5.3.3).
"""

from __future__ import annotations

import struct
import time
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import av.error

from vidpipe.errors import MediaError
from vidpipe.media.prober import OPTIONS

_LEAST_SCALE = 10_000  # ticks a second of the track: more than sound players' clocks resolve
_HIGH_PROFILES = (100, 110, 122, 144)
_IRREGULAR = 0.25  # frames a picture may stand off its place before the clip is taken for variable frame rate


@dataclass(frozen=True)
class Shape:
    """What must be equal for two clips to be one stream."""

    codec: str
    configuration: bytes  # avcC
    width: int  # as coded
    height: int
    pixel_format: str
    rate: Fraction  # frames a second


@dataclass(frozen=True)
class Pictures:
    """The video packets of a file, in decoding order."""

    path: Path
    shape: Shape
    start: float  # seconds: when the first picture is shown on the file's own clock
    ranks: tuple[int, ...]  # each packet's place in the order in which pictures are shown
    keys: frozenset[int]  # packets at which decoding can begin
    copyable: bool

    @property
    def frames(self) -> int:
        """How many pictures."""
        return len(self.ranks)


@dataclass(frozen=True)
class Piece:
    """Packets `first` to `end` (exclusive, decoding order) of a file; they show `end - first` whole pictures."""

    pictures: Pictures
    first: int
    end: int


def inspect(path: Path) -> Pictures:
    """Read the packets' times of `path`, decoding nothing; raises MediaError where there are none."""
    try:
        with av.open(f"file:{path.absolute()}", options=dict(OPTIONS), metadata_errors="replace") as container:
            videos = [s for s in container.streams.video if not s.disposition & 0x400]  # 0x400: cover art
            if not videos:
                raise MediaError(f"{path.name} holds no picture.")
            stream: Any = videos[0]
            packets = [
                _Entry(p.pts, p.is_keyframe and _is_idr(bytes(p)), p.is_discard)
                for p in container.demux(stream)
                if p.size
            ]
            return _pictures(path, stream, packets)
    except (av.error.FFmpegError, OSError) as error:
        raise MediaError(f"{path.name} cannot be read ({error}).") from error


@dataclass(frozen=True)
class _Entry:
    pts: int | None
    key: bool
    discarded: bool  # by the file's edit list


def _is_idr(packet: bytes) -> bool:
    """Whether nothing from here on refers to pictures before: an H.264 NAL unit of type 5 (lengths of 4 bytes)."""
    at = 0
    while at + 5 <= len(packet):
        if packet[at + 4] & 31 == 5:
            return True
        at += 4 + int.from_bytes(packet[at : at + 4], "big")
    return False


def _pictures(path: Path, stream: Any, packets: list[_Entry]) -> Pictures:
    context = stream.codec_context
    rate = Fraction(stream.average_rate or stream.guessed_rate or 25).limit_denominator(1001)
    shape = Shape(
        codec=context.name,
        configuration=bytes(context.extradata or b""),
        width=context.width,
        height=context.height,
        pixel_format=context.pix_fmt or "",
        rate=rate,
    )
    times = [entry.pts for entry in packets if entry.pts is not None]
    if not times:
        raise MediaError(f"{path.name} holds no picture.")
    ordered = sorted(times)
    frame = 1 / (rate * stream.time_base)  # ticks
    regular = all(abs(at - ordered[0] - n * frame) <= _IRREGULAR * frame for n, at in enumerate(ordered))
    place = {at: n for n, at in enumerate(ordered)}
    complete = len(place) == len(packets) and not any(entry.discarded for entry in packets)
    return Pictures(
        path=path,
        shape=shape,
        start=float(ordered[0] * stream.time_base),
        ranks=tuple(place[at] for at in times),
        keys=frozenset(n for n, entry in enumerate(packets) if entry.key),
        copyable=regular and complete and packets[0].key and _joinable(shape) and times[0] == ordered[0],
    )


def _joinable(shape: Shape) -> bool:
    """H.264 that every player takes, with lengths of four bytes, as encoders write it."""
    if shape.codec != "h264" or shape.pixel_format not in ("yuv420p", "yuvj420p"):
        return False
    return len(shape.configuration) > 7 and shape.configuration[0] == 1 and shape.configuration[4] & 3 == 3


def piece_between(pictures: Pictures, first: int, end: int) -> Piece | None:
    """The longest piece that can be copied and shows only pictures from `first` up to `end` (exclusive).

    It begins at a key frame that nothing after refers across, and ends where no picture that is shown before
    the end comes later in the file. None where there is no such piece.
    """
    ranks = pictures.ranks
    latest = [-1] * (len(ranks) + 1)  # the greatest rank before each packet
    for n, rank in enumerate(ranks):
        latest[n + 1] = max(latest[n], rank)
    begin = next((n for n in sorted(pictures.keys) if ranks[n] >= first and latest[n] == n - 1 == ranks[n] - 1), None)
    if begin is None:
        return None
    # latest[n] == n - 1: the first n packets show exactly the first n pictures
    ends = [n for n in range(begin + 1, min(end, len(ranks)) + 1) if latest[n] == n - 1]
    return Piece(pictures, begin, ends[-1]) if ends else None


def whole(pictures: Pictures) -> Piece:
    """All of a file."""
    return Piece(pictures, 0, pictures.frames)


@dataclass(frozen=True)
class Heading:
    """What a film says of itself. Given to the muxer as values: there is no file format to escape for."""

    title: str
    chapters: Sequence[tuple[str, float, float]]  # title, start and end in seconds


def join(pieces: Sequence[Piece], dest: Path, *, configuration: bytes, heading: Heading, deadline: float) -> None:
    """Write the pieces' pictures to `dest` (MP4, no sound); `deadline` on time.monotonic().

    `configuration` is the avcC all pieces can be decoded with (`merged`). Raises MediaError.
    """
    rate = pieces[0].pictures.shape.rate
    scale = -(-_LEAST_SCALE // rate.numerator)
    tick, frame = Fraction(1, rate.numerator * scale), rate.denominator * scale
    delay = max(n - rank for piece in pieces for n, rank in enumerate(piece.pictures.ranks))
    shown = 0
    try:
        with av.open(str(dest), "w", format="mp4") as out:
            track: Any = None
            _head(out, heading)
            for piece in pieces:
                with av.open(f"file:{piece.pictures.path.absolute()}", options=dict(OPTIONS)) as container:
                    video: Any = next(s for s in container.streams.video if not s.disposition & 0x400)
                    if track is None:
                        track = out.add_stream_from_template(video)
                        track.codec_context.extradata = configuration
                        track.time_base = tick
                    _copy(piece, container, video, out, track, _Clock(shown, delay, frame, tick, deadline))
                shown += piece.end - piece.first
    except (av.error.FFmpegError, OSError, ValueError) as error:
        raise MediaError(f"the clips could not be joined ({error}).") from error


def _head(out: Any, heading: Heading) -> None:
    out.metadata["title"] = heading.title
    out.set_chapters(
        [
            {
                "id": number,
                "start": round(start * 1000),
                "end": round(end * 1000),
                "time_base": Fraction(1, 1000),
                "metadata": {"title": title},
            }
            for number, (title, start, end) in enumerate(heading.chapters)
        ]
    )


@dataclass(frozen=True)
class _Clock:
    shown: int  # pictures before this piece
    delay: int  # pictures, of decoding before showing
    frame: int  # ticks
    tick: Fraction  # seconds
    deadline: float


def _copy(piece: Piece, container: Any, video: Any, out: Any, track: Any, clock: _Clock) -> None:
    if time.monotonic() > clock.deadline:
        raise MediaError("joining the clips took too long and was stopped.")
    offset = clock.shown - piece.first
    packets = (packet for packet in container.demux(video) if packet.size)
    for number, packet in enumerate(packets):
        if number >= piece.end:
            break
        if number < piece.first:
            continue
        packet.stream = track
        packet.time_base = clock.tick
        packet.pts = (piece.pictures.ranks[number] + offset) * clock.frame
        packet.dts = (number + offset - clock.delay) * clock.frame
        packet.duration = clock.frame
        out.mux_one(packet)


@dataclass(frozen=True)
class ParameterSets:
    """An H.264 decoder configuration (avcC), taken apart."""

    head: bytes  # version, profile, compatibility, level
    sequence: tuple[bytes, ...]
    picture: tuple[bytes, ...]
    tail: bytes  # what high profiles add

    @classmethod
    def parse(cls, configuration: bytes) -> ParameterSets:
        """Take `configuration` apart; raises MediaError where it is not well-formed."""
        try:
            sequence, at = _units(configuration, 6, configuration[5] & 31)
            picture, end = _units(configuration, at + 1, configuration[at])
        except (IndexError, struct.error) as error:
            raise MediaError("a clip's H.264 configuration is damaged.") from error
        return cls(configuration[1:4], sequence, picture, configuration[end:])

    def numbers(self) -> set[int]:
        """The numbers its sequence and picture parameter sets go by."""
        taken = {_golomb(unit, 4) for unit in self.sequence}  # after NAL header, profile, flags and level
        return taken | {_golomb(unit, 1) for unit in self.picture}


def _units(content: bytes, at: int, count: int) -> tuple[tuple[bytes, ...], int]:
    found = []
    for _ in range(count):
        (size,) = struct.unpack_from(">H", content, at)
        found.append(content[at + 2 : at + 2 + size])
        at += 2 + size
    return tuple(found), at


def _golomb(unit: bytes, at: int) -> int:
    """The unsigned Exp-Golomb number (H.264 9.1) that begins at byte `at`."""
    bits = "".join(f"{byte:08b}" for byte in unit[at : at + 5])
    zeros = len(bits) - len(bits.lstrip("0"))
    return int(bits[zeros : 2 * zeros + 1] or "1", 2) - 1


def free_number(configuration: bytes) -> int:
    """A parameter set number that `configuration` doesn't use."""
    taken = ParameterSets.parse(configuration).numbers()
    return next(number for number in range(32) if number not in taken)


def merged(first: bytes, other: bytes) -> bytes:
    """One decoder configuration with the parameter sets of both."""
    if first == other:
        return first
    a, b = ParameterSets.parse(first), ParameterSets.parse(other)
    if a.numbers() & b.numbers():
        raise MediaError("two encoders' parameter sets have the same number.")
    sequence, picture = (*a.sequence, *b.sequence), (*a.picture, *b.picture)
    profile, flags, level = a.head[0], a.head[1] & b.head[1], max(a.head[2], b.head[2])
    content = bytes([1, profile, flags, level, 0xFF, 0xE0 | len(sequence)])
    content += b"".join(struct.pack(">H", len(unit)) + unit for unit in sequence)
    content += bytes([len(picture)])
    content += b"".join(struct.pack(">H", len(unit)) + unit for unit in picture)
    return content + (a.tail if profile in _HIGH_PROFILES else b"")


def profile_name(configuration: bytes) -> str:
    """The profile, as x264 calls it, that `configuration` is of."""
    return {66: "baseline", 77: "main"}.get(configuration[1], "high")
