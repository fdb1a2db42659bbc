"""Clips to a film: pictures copied where they can be, encoded anew only around cross-fades and for odd ones.

    plan      media/cutlist.py: where each clip begins and which of its pictures can be copied, to the frame
    encode    what can't: fades (two clips at a time, never the whole film in one graph), clips of another shape
    join      media/splice.py lays the packets end to end; media/sound.py makes the sound, whole
    finish    one ffmpeg run encodes the sound, copies the pictures, chapters and title, and puts the index in front
    check     the film is as long as its plan, has every picture, and decodes across every join

The film is written under a temporary name beside its destination and renamed when it is whole.
"""

from __future__ import annotations

import tempfile
import time
import unicodedata
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

import av
import av.error
import ffmpeg

from vidpipe.boundary import slow
from vidpipe.errors import MediaError
from vidpipe.media import cutlist, sound, splice
from vidpipe.media.conform import Frame, fitted, lasting
from vidpipe.media.cutlist import Canvas, CutList, Fresh, Side
from vidpipe.media.ffmpeg import EFFORT, Effort, h264, run, source
from vidpipe.media.info import MediaInfo
from vidpipe.media.probe import probe
from vidpipe.media.prober import OPTIONS
from vidpipe.media.splice import Pictures, Piece

_LONGEST_TITLE = 200  # bytes: players keep a chapter's title in 255
_SOUND_SLACK = 0.06  # seconds the sound may differ from the picture: two AAC frames and a little
_BIDI = set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


@dataclass(frozen=True)
class Segment:
    """One clip of the film and how it comes in."""

    path: Path
    info: MediaInfo
    title: str  # of its chapter: 'Shot 1A'
    transition: Literal["cut", "crossfade"] = "cut"
    seconds: float = 0.0  # of the cross-fade with the clip before


@dataclass(frozen=True)
class Chapter:
    """One segment's place in the film, seconds."""

    title: str
    start: float
    end: float


@dataclass(frozen=True)
class Stitched:
    """The film."""

    path: Path
    info: MediaInfo
    duration: float  # seconds, of the picture
    frames: int
    copied: int  # frames that were not encoded anew
    chapters: tuple[Chapter, ...]
    notes: tuple[str, ...]  # what differs from what was asked: 'the cross-fade into Shot 2 was shortened to 0.4 s'


@dataclass(frozen=True)
class _Job:
    segments: tuple[Segment, ...]
    pictures: tuple[Pictures, ...]
    cuts: CutList
    folder: Path
    effort: Effort
    deadline: float  # time.monotonic()

    def left(self) -> Effort:
        """What may still be spent."""
        seconds = self.deadline - time.monotonic()
        if seconds <= 0:
            raise MediaError(f"stitching the film took more than {self.effort.seconds:g} s and was stopped.")
        return replace(self.effort, seconds=seconds)


@slow("stitching a film")
def stitch(segments: Sequence[Segment], dest: Path, *, title: str, work: Path, effort: Effort = EFFORT) -> Stitched:
    """Make the film `dest` (MP4) of `segments`; `work` is an existing folder for what is needed meanwhile.

    Cross-fades shorten the film by their length. Clips without sound are silent in a film that has sound.
    `effort.seconds` bounds the whole. Raises MediaError; nothing is left at `dest` or beside it then.
    """
    if not segments:
        raise MediaError("a film needs at least one clip.")
    part = dest.with_name(f".{uuid.uuid4().hex}.part")
    try:
        with tempfile.TemporaryDirectory(prefix="vidpipe-stitch-", dir=work) as folder:
            job = _plan(tuple(segments), Path(folder), effort)
            pieces, configuration = _encode(job)
            shown = job.folder / "pictures.mp4"
            chapters = _chapters(job)
            heading = splice.Heading(plain_title(title), [(c.title, c.start, c.end) for c in chapters])
            splice.join(pieces, shown, configuration=configuration, heading=heading, deadline=job.deadline)
            heard = _sound(job)
            _finish(job, shown, heard, part)
            info = _check(job, part, heard is not None)
            part.replace(dest)
    except OSError as error:
        raise MediaError(f"the film could not be written: {error.strerror or error}.") from error
    finally:
        part.unlink(missing_ok=True)
    return Stitched(
        path=dest,
        info=info,
        duration=float(job.cuts.frames / job.cuts.canvas.rate),
        frames=job.cuts.frames,
        copied=sum(piece.end - piece.first for piece in job.cuts.parts if isinstance(piece, Piece)),
        chapters=chapters,
        notes=_notes(job),
    )


def _plan(segments: tuple[Segment, ...], folder: Path, effort: Effort) -> _Job:
    deadline = time.monotonic() + effort.seconds
    pictures = tuple(splice.inspect(segment.path) for segment in segments)
    clips = []
    for segment, shown in zip(segments, pictures, strict=True):
        video = segment.info.video
        if video is None:
            raise MediaError(f"{segment.title}: {segment.path.name} holds no picture.")
        clips.append(
            cutlist.Clip(
                pictures=shown,
                seconds=video.duration,
                width=video.width,
                height=video.height,
                upright=video.rotation == 0,
                fade=segment.seconds if segment.transition == "crossfade" else 0.0,
            )
        )
    return _Job(segments, pictures, cutlist.plan(clips), folder, effort, deadline)


def _notes(job: _Job) -> tuple[str, ...]:
    notes = []
    rate = job.cuts.canvas.rate
    for segment, cut in list(zip(job.segments, job.cuts.cuts, strict=True))[1:]:
        if segment.transition == "crossfade" and cut.fade < round(segment.seconds * rate):
            got = f"shortened to {float(cut.fade / rate):.2f} s" if cut.fade else "made a cut"
            notes.append(f"the cross-fade into {segment.title} was {got}: the clips are too short for it")
    return tuple(notes)


def _encode(job: _Job) -> tuple[list[Piece], bytes]:
    """All pieces of the film, those that had to be encoded among them, and the configuration for all."""
    shape = job.cuts.canvas.shape
    copied = shape if any(isinstance(part, Piece) for part in job.cuts.parts) else None
    number = splice.free_number(copied.configuration) if copied else 0
    profile = splice.profile_name(copied.configuration) if copied else "high"
    configuration = copied.configuration if copied else b""
    pieces: list[Piece] = []
    made: set[bytes] = set()
    for place, part in enumerate(job.cuts.parts):
        if isinstance(part, Piece):
            pieces.append(part)
            continue
        options = h264(threads=job.effort.threads, sps_id=number, profile=profile)
        fresh = _encode_one(job, part, job.folder / f"fresh-{place}.mp4", options)
        made.add(fresh.shape.configuration)
        pieces.append(splice.whole(fresh))
    if len(made) > 1:
        raise MediaError("the parts that were encoded for the film differ in their parameters.")
    for other in made:
        configuration = splice.merged(configuration, other) if configuration else other
    return pieces, configuration


def _encode_one(job: _Job, part: Fresh, dest: Path, options: dict[str, Any]) -> Pictures:
    canvas = job.cuts.canvas
    stream = _side(job, part.left, canvas, "left")
    names = job.segments[part.left.number].title
    if part.right is not None:
        names += f" and {job.segments[part.right.number].title}"
        solo = part.left.end - part.left.first - part.fade
        stream = ffmpeg.filter(
            [stream, _side(job, part.right, canvas, "right")],
            "xfade",
            transition="fade",
            duration=f"{float(part.fade / canvas.rate):.6f}",
            offset=f"{float(solo / canvas.rate):.6f}",
        )
    graph = ffmpeg.output(stream, str(dest), f="mp4", **options)
    run(graph, what=f"encoding the pictures of {names}", effort=job.left())
    made = splice.inspect(dest)
    if made.frames != part.frames or not made.copyable:
        raise MediaError(f"encoding the pictures of {names} made {made.frames} instead of {part.frames}.")
    return made


def _side(job: _Job, side: Side, canvas: Canvas, which: Literal["left", "right"]) -> Any:
    cut = job.cuts.cuts[side.number]
    queue = 8 if which == "left" else 9  # equal inputs would be one node of the graph; a clip may fade into itself
    path = job.segments[side.number].path
    stream = source(path, threads=job.effort.threads, thread_queue_size=queue).video
    stream = stream.filter("setpts", "PTS-STARTPTS")
    stream = fitted(stream, Frame(canvas.width, canvas.height, canvas.rate))
    return lasting(stream, min(side.end, cut.frames), side.first)


def _sound(job: _Job) -> Path | None:
    """The film's sound as a flat file, or None if no clip has any; its channels are in the file's name."""
    infos = [segment.info.audio for segment in job.segments]
    channels = min(2, max((audio.channels for audio in infos if audio is not None), default=0))
    if channels == 0:
        return None
    strips, fades = [], []
    for number, (segment, cut) in enumerate(zip(job.segments, job.cuts.cuts, strict=True)):
        job.left()
        first, end = _sample(job, cut.start), _sample(job, cut.start + cut.frames)
        fades.append(_sample(job, cut.start + cut.fade) - first)
        strips.append(
            sound.silence(end - first)
            if segment.info.audio is None
            else sound.strip(
                segment.path,
                job.folder / f"strip-{number}",
                samples=end - first,
                channels=channels,
                origin=job.pictures[number].start,
            )
        )
    gains = sound.gains([strip.loudness for strip in strips])
    laid = [sound.Laid(*each) for each in zip(strips, fades, gains, strict=True)]
    dest = job.folder / f"sound-{channels}"
    sound.lay(laid, dest, channels)
    return dest


def _sample(job: _Job, frame: int) -> int:
    """The sample that is heard when `frame` of the film begins to be shown."""
    return round(Fraction(frame * sound.RATE) / job.cuts.canvas.rate)


def _chapters(job: _Job) -> tuple[Chapter, ...]:
    rate = job.cuts.canvas.rate
    starts = [cut.start for cut in job.cuts.cuts] + [job.cuts.frames]
    return tuple(
        Chapter(plain_title(segment.title), float(starts[n] / rate), float(starts[n + 1] / rate))
        for n, segment in enumerate(job.segments)
    )


def plain_title(text: str) -> str:
    """`text` on one line, without control characters or marks that turn the writing round, 200 bytes at most."""
    kept = "".join(
        " " if char in "\r\n\t" else char
        for char in text
        if char in "\r\n\t" or (unicodedata.category(char) not in ("Cc", "Cs") and char not in _BIDI)
    )
    return " ".join(kept.split()).encode()[:_LONGEST_TITLE].decode(errors="ignore")


def _finish(job: _Job, shown: Path, heard: Path | None, dest: Path) -> None:
    streams = [source(shown).video]
    options: dict[str, Any] = {"vcodec": "copy", "map_metadata": 0, "map_chapters": 0}
    if heard is not None:
        channels = int(heard.name.split("-")[1])
        streams.append(sound.graph_input(heard, channels))
        options |= {"acodec": "aac", "audio_bitrate": "96k" if channels == 1 else "192k"}
    graph = ffmpeg.output(*streams, str(dest), f="mp4", movflags="+faststart", threads=job.effort.threads, **options)
    run(graph, what="writing the film", effort=job.left())


def _check(job: _Job, film: Path, with_sound: bool) -> MediaInfo:
    """Probe the film and decode across its joins; raises MediaError where it is not as planned."""
    info = probe(film)
    seconds = float(job.cuts.frames / job.cuts.canvas.rate)
    if info.video is None or info.video.frames != job.cuts.frames:
        have = info.video.frames if info.video else 0
        raise MediaError(f"the film has {have} pictures instead of {job.cuts.frames}.")
    if abs(info.video.duration - seconds) > float(0.5 / job.cuts.canvas.rate):
        raise MediaError(f"the film is {info.video.duration:.3f} s long instead of {seconds:.3f} s.")
    if with_sound and (info.audio is None or abs(info.audio.duration - seconds) > _SOUND_SLACK):
        heard = info.audio.duration if info.audio else 0.0
        raise MediaError(f"the film's sound is {heard:.3f} s long; its picture {seconds:.3f} s.")
    if any(isinstance(part, Fresh) for part in job.cuts.parts):
        _check_joins(job, film)
    return info


def _check_joins(job: _Job, film: Path) -> None:
    """Decode the two pictures before and after each join of what two encoders made."""
    rate = job.cuts.canvas.rate
    shown = 0
    try:
        with av.open(f"file:{film.absolute()}", options=dict(OPTIONS)) as container:
            video: Any = container.streams.video[0]
            for part in job.cuts.parts[:-1]:
                shown += part.end - part.first if isinstance(part, Piece) else part.frames
                wanted = [float((shown + n) / rate) for n in (-1, 0)]
                container.seek(int(wanted[0] / video.time_base), stream=video, backward=True)
                _see(container, video, wanted)
    except av.error.FFmpegError as error:
        raise MediaError(f"the film cannot be decoded where its parts were joined ({error}).") from error


def _see(container: Any, video: Any, wanted: list[float]) -> None:
    missing = set(wanted)
    for frame in container.decode(video):
        missing = {at for at in missing if abs(frame.time - at) > 1e-3 or frame.is_corrupt}
        if not missing or frame.time > max(wanted) + 1:
            break
    if missing:
        raise MediaError(f"the film has no picture at {min(missing):.3f} s.")
