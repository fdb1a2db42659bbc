"""The child process that opens media files nobody has looked at yet, and tells in JSON what they are.

Started by `vidpipe.media.probe` as a script of its own (it imports nothing of vidpipe, so that it starts in
0.1 s and needs no search path), it stays and answers one request a line until its standard input ends, which
is also how it notices that its parent died. A hostile file can at most kill or stall this process: its memory,
CPU seconds and open files are limited by the kernel, it can write no byte to any file, demuxers that open
other files (playlists, concat lists) are not on its list, and the only protocol it may use is `file`.

    request   {"path": str, "seconds": float, "cpu": float, "pixels": int}
    answer    {"info": {...}} or {"fault": code, "detail": str}; the codes are the keys of probe.WORDS
"""

from __future__ import annotations

import json
import math
import os
import resource
import signal
import sys
from pathlib import Path
from typing import Any

import av
import av.error

FORMATS = "mov,matroska,webm,avi,mpegts,mpeg,mxf,ogg"  # demuxers that never open a second file
OPTIONS = {
    "protocol_whitelist": "file",
    "format_whitelist": FORMATS,
    "enable_drefs": "0",  # mov: never follow references to other files
    "use_absolute_path": "0",
}
MOST_OPEN_FILES = 16
FIRST_FRAME_PACKETS = 300  # how far to look for the first picture
EBML = b"\x1aE\xdf\xa3"  # how Matroska and WebM files begin
HEAD = 4096  # bytes looked at to name what is not a video

_PLAYLISTS = (
    (b"#EXTM3U", "an HLS playlist"),
    (b"ffconcat", "a concat list"),
    (b"file '", "a concat list"),
    (b"[playlist]", "a PLS playlist"),
    (b"<MPD", "a DASH manifest"),
    (b"<smil", "a SMIL playlist"),
    (b"<asx", "an ASX playlist"),
)
_OTHERS = (
    (b"\x89PNG", "a PNG picture"),
    (b"\xff\xd8\xff", "a JPEG picture"),
    (b"GIF8", "a GIF picture"),
    (b"%PDF", "a PDF document"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"<!DOCTYPE", "an HTML page"),
    (b"<html", "an HTML page"),
    (b"{", "JSON text"),
    (b"ID3", "an MP3 sound file"),
)
_TRANSFERS = {1: "bt709", 16: "smpte2084", 18: "arib-std-b67"}  # ITU-T H.273, as ffmpeg calls them
_VIDEO_BOXES = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"styp", b"moof")


class Refusal(Exception):
    """The file is not taken; the code is one of probe.WORDS."""

    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(code, detail)
        self.code = code
        self.detail = detail


def look_at_head(path: str) -> bytes:
    """The first bytes; raises Refusal for what is surely a playlist, before any demuxer sees it."""
    with Path(path).open("rb") as file:
        head = file.read(HEAD)
    if not head:
        raise Refusal("empty")
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    for mark, name in _PLAYLISTS:
        if text.startswith(mark) or (mark.startswith(b"<") and text.startswith(b"<") and mark in text):
            raise Refusal("playlist", name)
    return head


def refuse_unread(head: bytes, error: Exception) -> Refusal:
    """Why no demuxer took the file, in the words a person would use."""
    if head[4:8] in _VIDEO_BOXES or head[:4] == EBML or head[8:12] == b"AVI ":
        return Refusal("truncated", "its index is missing")
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    for mark, name in _OTHERS:
        if text.startswith(mark):
            return Refusal("not_video", f"it looks like {name}")
    known = isinstance(error, av.error.InvalidDataError)
    return Refusal("not_video", "no known video format" if known else str(error)[:200])


def matroska_size(head: bytes) -> int | None:
    """Bytes a Matroska or WebM file should have, from the size of its Segment (RFC 8794, RFC 9559); None if open."""

    def number(at: int) -> tuple[int, int]:  # value, and where the next element begins
        width = 9 - head[at].bit_length() if head[at] else 8
        raw = int.from_bytes(head[at : at + width], "big") & ((1 << 7 * width) - 1)
        return raw, at + width

    if head[:4] != EBML or len(head) < 64:
        return None
    size, body = number(4)
    segment = body + size
    if head[segment : segment + 4] != b"\x18\x53\x80\x67" or len(head) < segment + 13:
        return None
    size, body = number(segment + 4)
    unknown = size == (1 << 7 * (body - segment - 4)) - 1
    return None if unknown else body + size


def probe(path: str, most_pixels: int) -> dict[str, Any]:
    """What the file says of itself; raises Refusal. Decodes one picture, to learn its rotation."""
    head = look_at_head(path)
    try:
        container = av.open(f"file:{path}", options=dict(OPTIONS), metadata_errors="replace")
    except (av.error.FFmpegError, ValueError, UnicodeError) as error:
        raise refuse_unread(head, error) from error
    with container:
        videos = [s for s in container.streams.video if not s.disposition & 0x400]  # 0x400: cover art
        audios = list(container.streams.audio)
        size = Path(path).stat().st_size
        _refuse_short(matroska_size(head) or 0, size)
        for stream in container.streams:
            _refuse_short(_indexed_size(stream), size)
        seconds = container.duration / 1e6 if container.duration else 0.0
        info: dict[str, Any] = {
            "container": container.format.name.split(",")[0],
            "duration": seconds,
            "video": None,
            "audio": _audio(audios[0], seconds) if audios else None,
        }
        if videos:
            info["video"] = _video(container, videos[0], seconds, most_pixels)
        if not videos and not audios:
            raise Refusal("not_video", "it holds neither picture nor sound")
        return info


def _indexed_size(stream: Any) -> int:
    """Where the last packets end by the container's index: MP4 and AVI list all of them before they are read."""
    return max((entry.pos + entry.size for entry in list(stream.index_entries)[-64:]), default=0)


def _refuse_short(should: int, size: int) -> None:
    if should > size:
        raise Refusal("truncated", f"it should have at least {should} bytes and has {size}")


def _length(stream: Any, whole: float) -> float:
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    return whole


def _audio(stream: Any, whole: float) -> dict[str, Any]:
    context = stream.codec_context
    return {
        "codec": context.name if context else "unknown",
        "sample_rate": int(getattr(context, "sample_rate", 0) or 0),
        "channels": int(getattr(context, "channels", 0) or 0),
        "duration": _length(stream, whole),
    }


def _video(container: Any, stream: Any, whole: float, most_pixels: int) -> dict[str, Any]:
    context = stream.codec_context
    if context is None:
        raise Refusal("undecodable", "no decoder for its codec")
    width, height = int(context.width), int(context.height)
    if width * height > most_pixels:
        raise Refusal("pixels", f"{width}x{height}")
    frame = _first_frame(container, stream)
    turned = frame.rotation % 180 != 0
    rate = stream.average_rate or stream.guessed_rate or 0
    return {
        "codec": context.name,
        "width": frame.height if turned else frame.width,
        "height": frame.width if turned else frame.height,
        "frame_rate": float(rate),
        "duration": _length(stream, whole),
        "pixel_format": context.pix_fmt or frame.format.name,
        "frames": int(stream.frames) or None,
        "transfer": _TRANSFERS.get(int(context.color_trc), ""),
        "rotation": int(frame.rotation),
    }


def _first_frame(container: Any, stream: Any) -> Any:
    stream.thread_type = "NONE"
    damaged = ""
    try:
        for number, packet in enumerate(container.demux(stream)):
            try:
                for frame in packet.decode():
                    return frame
            except av.error.InvalidDataError as error:
                damaged = str(error)
            if number > FIRST_FRAME_PACKETS:
                break
    except av.error.FFmpegError as error:
        damaged = str(error)
    raise Refusal("undecodable", damaged[:200] or "it holds no picture")


def answer(line: str) -> dict[str, Any]:
    """One request answered; whatever goes wrong with the file is in the answer."""
    request = json.loads(line)
    spent = resource.getrusage(resource.RUSAGE_SELF)
    used = math.ceil(spent.ru_utime + spent.ru_stime)
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    resource.setrlimit(resource.RLIMIT_CPU, (used + math.ceil(request["cpu"]), hard))
    signal.setitimer(signal.ITIMER_REAL, request["seconds"])  # ends this process: there may be no parent left
    try:
        return {"info": probe(request["path"], request["pixels"])}
    except Refusal as refusal:
        return {"fault": refusal.code, "detail": refusal.detail}
    except MemoryError:
        return {"fault": "memory", "detail": ""}
    except (OSError, av.error.FFmpegError, ValueError, OverflowError) as error:
        return {"fault": "damaged", "detail": str(error)[:200]}
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def main() -> None:
    """Limit this process, then answer until standard input ends."""
    memory = int(sys.argv[1])
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # whatever a library prints must not look like an answer
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (MOST_OPEN_FILES, MOST_OPEN_FILES))
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    for line in sys.stdin:
        answers.write(json.dumps(answer(line)) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
