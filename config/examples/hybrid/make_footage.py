"""Makes the hybrid example's media: footage/quay.mp4 (6 s, 640x360, with sound) and stills/ferry.jpg.

They stand in for what a camera would bring: a hand that isn't steady, grain, a lens that darkens its corners,
a horizon that isn't level, the wash of water and two gulls. Drawn here, so that nobody's rights are touched.

    python config/examples/hybrid/make_footage.py
"""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

HERE = Path(__file__).resolve().parent
WIDTH, HEIGHT, FPS, SECONDS, RATE = 640, 360, 24, 6, 48_000
MARGIN = 24  # pixels around the picture, for the hand to shake in
FULL = (WIDTH + 2 * MARGIN, HEIGHT + 2 * MARGIN)
HORIZON = 190
Picture = NDArray[np.float32]  # [height, width, 3], 0 to 1


def sky_and_water(t: float, rng_seed: int = 3) -> Picture:
    """The evening at `t` seconds: a low sun, two ranges of hills, the sun's road on moving water."""
    width, height = FULL
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    up = np.clip(y / HORIZON, 0, 1)[..., None]
    sky = (1 - up) * np.array([0.24, 0.30, 0.45]) + up * np.array([0.93, 0.60, 0.38])
    sun_x, sun_y = width * 0.62, HORIZON - 26
    near = np.hypot((x - sun_x) * 0.8, y - sun_y)
    sky = sky + (np.exp(-near / 70) * 0.55)[..., None] * np.array([1.0, 0.75, 0.45])
    sky = np.where((near < 13)[..., None], [1.0, 0.93, 0.75], sky)
    rng = np.random.default_rng(rng_seed)
    for base, tall, shade in ((HORIZON - 6, 34, 0.62), (HORIZON, 20, 0.40)):
        line = sum(
            np.sin(x[0] * f + rng.uniform(0, 6)) * tall / (n + 2) for n, f in enumerate((0.007, 0.017, 0.041, 0.09))
        )
        hill = y > base - 14 - line
        sky = np.where(hill[..., None], sky * (1 - shade) + shade * np.array([0.26, 0.22, 0.30]), sky)
    far = np.clip((y - HORIZON) / (height - HORIZON), 0.004, 1)
    wave = np.zeros_like(x)
    for n in range(7):
        scale, speed, turn = rng.uniform(0.02, 0.11), rng.uniform(0.7, 2.2), rng.uniform(-0.4, 0.4)
        deep = 420 * scale * np.log(far + 0.06) * (1 + turn)
        wave += np.sin((x - width / 2) * scale * (0.9 - 0.6 * far) - deep + t * speed * 2 + n)
    wave = wave / 7
    road = np.exp(-((x - sun_x + wave * 22) ** 2) / (2 * (26 + 95 * far) ** 2))
    glint = np.clip(wave * 2.6 - 0.55, 0, 1) * road
    water = np.array([0.50, 0.37, 0.33]) * (1 - far[..., None]) + np.array([0.10, 0.13, 0.19]) * far[..., None]
    water = water + wave[..., None] * 0.055 + (road * 0.22 + glint * 0.85)[..., None] * np.array([1.0, 0.68, 0.38])
    return np.where((y > HORIZON)[..., None], water, sky).astype(np.float32)


def things(t: float) -> Image.Image:
    """What stands before the water: a moored sailing boat, gulls, the edge of the quay with its bollards."""
    width, height = FULL
    layer = Image.new("RGBA", (width * 2, height * 2))
    draw = ImageDraw.Draw(layer)
    dark = (26, 24, 30, 255)
    roll, bob = np.sin(t * 1.1) * 0.035, np.sin(t * 1.7) * 3
    foot = np.array([width * 0.52, 560 + bob])

    def at(dx: float, dy: float) -> tuple[float, float]:
        turned = np.array([dx * np.cos(roll) - dy * np.sin(roll), dx * np.sin(roll) + dy * np.cos(roll)])
        return float(foot[0] + turned[0]), float(foot[1] + turned[1])

    draw.polygon([at(-130, -26), at(150, -34), at(118, 18), at(-104, 18)], fill=dark)
    draw.polygon([at(-60, -28), at(-48, -58), at(44, -60), at(56, -30)], fill=(44, 38, 42, 255))
    draw.line([at(6, -30), at(6, -330)], fill=dark, width=7)
    draw.line([at(6, -62), at(-118, -56)], fill=dark, width=9)
    for end in ((146, -34), (-126, -26)):
        draw.line([at(6, -326), at(*end)], fill=dark, width=2)
    for number, (speed, high) in enumerate(((46, 120), (64, 180), (38, 86))):
        x, y = 260 + number * 230 + t * speed * 2, high + 26 * np.sin(t * 0.9 + number * 2)
        flap = 11 * np.sin(t * 9 + number)
        draw.line([(x - 17, y - flap), (x, y + 3), (x + 17, y - flap)], fill=(52, 46, 54, 255), width=4)
    draw.polygon([(0, height * 2), (0, 690), (width * 2, 742), (width * 2, height * 2)], fill=(18, 17, 20, 255))
    for x, y in ((300, 706), (1010, 730)):
        draw.rounded_rectangle((x, y - 64, x + 52, y + 40), 12, fill=(12, 11, 14, 255))
        draw.rounded_rectangle((x - 10, y - 72, x + 62, y - 50), 10, fill=(16, 15, 18, 255))
    draw.line([at(-120, -20), (480, 700), (350, 668)], fill=(16, 15, 18, 255), width=5)
    return layer.resize(FULL, Image.Resampling.LANCZOS).filter(ImageFilter.GaussianBlur(0.5))


def ferry() -> Image.Image:
    """A ferry under way, for the still."""
    layer = Image.new("RGBA", (FULL[0] * 2, FULL[1] * 2))
    draw = ImageDraw.Draw(layer)
    x, y = 330, 452
    draw.polygon([(x - 16, y - 40), (x + 420, y - 40), (x + 372, y + 14), (x + 22, y + 14)], fill=(30, 30, 40, 255))
    draw.rectangle((x + 40, y - 82, x + 340, y - 40), fill=(196, 176, 164, 255))
    draw.rectangle((x + 86, y - 116, x + 262, y - 82), fill=(178, 158, 150, 255))
    draw.polygon(
        [(x + 130, y - 116), (x + 138, y - 168), (x + 184, y - 168), (x + 180, y - 116)], fill=(110, 44, 40, 255)
    )
    for row, (left, right) in enumerate(((x + 52, x + 330), (x + 96, x + 256))):
        for window in range(left, right, 22):
            draw.rectangle((window, y - 70 - row * 36, window + 11, y - 57 - row * 36), fill=(255, 222, 150, 255))
    for n in range(5):
        draw.ellipse(
            (x + 126 + n * 34, y - 196 - n * 15, x + 190 + n * 50, y - 168 - n * 9), fill=(70, 62, 70, 120 - n * 20)
        )
    draw.polygon([(x + 410, y + 10), (x + 980, y + 44), (x + 980, y + 70), (x + 390, y + 18)], fill=(238, 206, 178, 70))
    return layer.resize(FULL, Image.Resampling.LANCZOS).filter(ImageFilter.GaussianBlur(0.6))


def photographed(scene: Picture, layer: Image.Image, t: float, rng: np.random.Generator) -> NDArray[np.uint8]:
    """`scene` with `layer` on it, as a hand-held camera sees it: [HEIGHT, WIDTH, 3] bytes."""
    picture = Image.fromarray((np.clip(scene, 0, 1) * 255).astype(np.uint8)).convert("RGBA")
    picture.alpha_composite(layer)
    dx = 6 * np.sin(t * 1.3) + 3 * np.sin(t * 3.7 + 1) + 1.2 * np.sin(t * 9.1)
    dy = 4 * np.sin(t * 1.7 + 2) + 2.2 * np.sin(t * 4.3) + 0.9 * np.sin(t * 11.3)
    turned = picture.rotate(0.5 + 0.35 * np.sin(t * 0.9), Image.Resampling.BICUBIC, translate=(float(dx), float(dy)))
    seen = np.asarray(turned.convert("RGB"), dtype=np.float32)[MARGIN:-MARGIN, MARGIN:-MARGIN] / 255
    y, x = np.mgrid[-1 : 1 : HEIGHT * 1j, -1 : 1 : WIDTH * 1j]
    seen = seen * (1 - 0.30 * (x**2 * 0.7 + y**2 * 0.5))[..., None] * (1 + 0.02 * np.sin(t * 2.1))
    seen = seen + rng.normal(0, 0.011, (HEIGHT // 2, WIDTH // 2, 1)).repeat(2, 0).repeat(2, 1)
    return np.asarray(np.clip(seen, 0, 1) * 255, dtype=np.uint8)


def sound() -> NDArray[np.float32]:
    """[1, samples]: water against stone, a rope, two gulls; peaks near 0.3."""
    rng = np.random.default_rng(11)
    t = np.arange(SECONDS * RATE) / RATE
    noise = rng.normal(0, 1, t.size)
    wash = np.convolve(noise, np.hanning(64) / 32, "same") * (0.55 + 0.45 * np.sin(t * 2 * np.pi * 0.31) ** 2)
    deep = np.convolve(noise, np.hanning(900) / 450, "same") * 2.2
    out = 0.09 * wash + 0.10 * deep
    for start, tone in ((0.9, 1650.0), (1.35, 1500.0), (4.1, 1720.0), (4.5, 1580.0), (4.9, 1480.0)):
        since = t - start
        cry = (since > 0) * (since < 0.32) * np.sin(np.pi * np.clip(since / 0.32, 0, 1)) ** 1.5
        bend = tone * since + 420 * since**2 * np.sign(0.16 - since)
        out += 0.07 * cry * (np.sin(2 * np.pi * bend) + 0.4 * np.sin(4 * np.pi * bend))
    creak = np.exp(-((t % 2.7 - 1.9) ** 2) / 0.006) * np.sin(2 * np.pi * 190 * t + 6 * np.sin(2 * np.pi * 7 * t))
    fade = np.clip(np.minimum(t, SECONDS - t) / 0.05, 0, 1)
    return ((out + 0.03 * creak) * fade).astype(np.float32)[None, :]


def write_film(path: Path) -> None:
    """Encode the picture and the sound."""
    rng = np.random.default_rng(5)
    with av.open(str(path), "w", options={"movflags": "+faststart"}) as container:
        video = container.add_stream("libx264", rate=FPS, options={"crf": "27", "preset": "slow", "threads": "1"})
        video.width, video.height, video.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        video.time_base = Fraction(1, FPS)
        audio = container.add_stream("aac", rate=RATE, layout="mono")
        audio.bit_rate = 64_000
        for number in range(FPS * SECONDS):
            t = number / FPS
            frame = av.VideoFrame.from_ndarray(photographed(sky_and_water(t), things(t), t, rng), format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, FPS)
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        samples = sound()
        for start in range(0, samples.shape[1], 1024):
            piece = av.AudioFrame.from_ndarray(samples[:, start : start + 1024], format="fltp", layout="mono")
            piece.sample_rate, piece.pts, piece.time_base = RATE, start, Fraction(1, RATE)
            container.mux(audio.encode(piece))
        container.mux(audio.encode(None))


def main() -> None:
    (HERE / "footage").mkdir(exist_ok=True)
    (HERE / "stills").mkdir(exist_ok=True)
    write_film(HERE / "footage" / "quay.mp4")
    still = photographed(sky_and_water(1.2), ferry(), 0.4, np.random.default_rng(8))
    Image.fromarray(still).save(HERE / "stills" / "ferry.jpg", quality=88)


if __name__ == "__main__":
    main()
