"""The plan of a film: what is copied, what encoded, and that the frames add up."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from vidpipe.media.cutlist import Clip, Fresh, fit_fades, plan
from vidpipe.media.splice import Pictures, Piece, Shape, piece_between

H264 = Shape("h264", b"one", 320, 180, "yuv420p", Fraction(24))
OTHER = Shape("h264", b"two", 320, 180, "yuv420p", Fraction(24))
# decoding order of an encoder that shows two of four pictures before the one they refer to
REORDERED = (0, 3, 1, 2, 6, 4, 5, 9, 7, 8, 11, 10)


def clip(
    shape: Shape = H264,
    *,
    ranks: tuple[int, ...] = tuple(range(24)),
    keys: tuple[int, ...] = (0,),
    fade: float = 0.0,
    copyable: bool = True,
) -> Clip:
    pictures = Pictures(Path("x.mp4"), shape, 0.0, ranks, frozenset(keys), copyable)
    return Clip(pictures, len(ranks) / 24, 320, 180, upright=True, fade=fade)


def test_clips_of_one_shape_with_cuts_are_all_copied() -> None:
    found = plan([clip(), clip(), clip()])
    assert [cut.start for cut in found.cuts] == [0, 24, 48]
    assert all(isinstance(part, Piece) for part in found.parts)
    assert found.frames == 72


def test_only_what_surrounds_a_fade_is_encoded() -> None:
    found = plan([clip(), clip(), clip(keys=(0, 16), fade=0.5), clip()])
    fresh = [part for part in found.parts if isinstance(part, Fresh)]
    assert len(fresh) == 1
    assert (fresh[0].left.number, fresh[0].left.first, fresh[0].left.end) == (1, 12, 24)
    assert fresh[0].right is not None
    assert (fresh[0].right.number, fresh[0].right.first, fresh[0].right.end) == (2, 0, 16)
    copied = [part.end - part.first for part in found.parts if isinstance(part, Piece)]
    assert copied == [24, 12, 8, 24]
    assert found.frames == 4 * 24 - 12


def test_the_shape_that_most_of_the_film_has_is_kept() -> None:
    found = plan([clip(OTHER), clip(), clip()])
    assert found.canvas.shape == H264
    assert isinstance(found.parts[0], Fresh)
    assert isinstance(found.parts[1], Piece)


def test_a_clip_that_is_shown_turned_is_not_copied() -> None:
    turned = Clip(clip().pictures, 1.0, 180, 320, upright=False, fade=0.0)
    assert isinstance(plan([clip(), clip(), turned]).parts[2], Fresh)


def test_a_piece_ends_where_no_later_packet_is_shown_earlier() -> None:
    pictures = clip(ranks=REORDERED).pictures
    for end, whole in ((12, 12), (11, 10), (9, 7), (6, 4), (1, 1)):
        piece = piece_between(pictures, 0, end)
        assert piece is not None
        assert (piece.first, piece.end) == (0, whole)
        assert sorted(pictures.ranks[piece.first : piece.end]) == list(range(whole))
    assert piece_between(pictures, 1, 12) is None  # no key frame later than the first


@given(st.lists(st.tuples(st.integers(1, 60), st.integers(0, 90)), min_size=1, max_size=8))
def test_fades_never_overlap_each_other(given_: list[tuple[int, int]]) -> None:
    frames, wanted = [n for n, _ in given_], [fade for _, fade in given_]
    fades = fit_fades(wanted, frames)
    assert fades[0] == 0
    for number, fade in enumerate(fades):
        after = fades[number + 1] if number + 1 < len(fades) else 0
        assert 0 <= fade <= max(wanted[number], 0)
        assert fade + after <= frames[number]


_CLIPS = st.builds(
    lambda frames, shape, fade, key, copyable: clip(
        shape,
        ranks=tuple(range(frames)),
        keys=(0, key) if key < frames else (0,),
        fade=fade / 24,
        copyable=copyable,
    ),
    st.integers(1, 40),
    st.sampled_from([H264, OTHER]),
    st.integers(0, 30),
    st.integers(1, 40),
    st.booleans(),
)


@given(st.lists(_CLIPS, min_size=1, max_size=7))
def test_the_parts_show_every_frame_of_the_film_once(given_: list[Clip]) -> None:
    found = plan(given_)
    made = sum(part.end - part.first if isinstance(part, Piece) else part.frames for part in found.parts)
    assert made == found.frames
    for part in found.parts:
        if isinstance(part, Fresh):
            assert part.frames > 0
            assert part.left.end - part.left.first >= part.fade
            assert part.right is None or part.right.end >= part.fade
