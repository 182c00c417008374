"""Brushes: sky, light, ridges, water, mist, weather. Every stroke comes from the scene's own seeded dice."""

from __future__ import annotations

import math
from itertools import pairwise
from random import Random

from PIL import Image, ImageChops, ImageDraw, ImageFilter

# Painted a quarter larger than the largest picture kept: scaling down smooths the edges of polygons.
WIDTH, HEIGHT = 1500, 1000

Colour = str | tuple[int, int, int]


def rgb(colour: Colour) -> tuple[int, int, int]:
    """(red, green, blue), 0-255, from that or from "#rrggbb"."""
    if isinstance(colour, tuple):
        return colour
    return (int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16))


def mix(a: Colour, b: Colour, share: float) -> tuple[int, int, int]:
    """Between two colours; share 0 is a, 1 is b."""
    one, two = rgb(a), rgb(b)
    red, green, blue = (round(x + (y - x) * share) for x, y in zip(one, two, strict=True))
    return (red, green, blue)


def gradient(stops: list[Colour], width: int = WIDTH, height: int = HEIGHT) -> Image.Image:
    """A vertical wash through the stops, top to bottom."""
    strip = Image.new("RGB", (1, len(stops)))
    for row, colour in enumerate(stops):
        strip.putpixel((0, row), rgb(colour))
    # Bicubic over a few pixels blends the stops; the strip is stretched, not painted row by row.
    return strip.resize((width, height), Image.Resampling.BICUBIC)


class Canvas:
    """One picture in the making."""

    def __init__(self, seed: str, sky: list[Colour]) -> None:
        self.dice = Random(f"picture:{seed}")
        self.image = gradient(sky)

    def pen(self) -> ImageDraw.ImageDraw:
        return ImageDraw.Draw(self.image)

    def wash(self, mask: Image.Image, colour: Colour) -> None:
        """Lay a colour over the picture where the mask is light."""
        self.image.paste(Image.new("RGB", self.image.size, rgb(colour)), (0, 0), mask)

    def glow(self, x: float, y: float, radius: float, colour: Colour, strength: float = 0.8) -> None:
        """A soft light around a point given as shares of the width and height."""
        size = int(radius * WIDTH * 2)
        spot = ImageChops.invert(Image.radial_gradient("L")).resize((size, size))
        # Pillow's gradient still has 74 left where it meets the middle of each edge: take that as dark.
        spot = spot.point([round((max(0, level - 74) / 181) ** 1.6 * 255 * strength) for level in range(256)])
        corner = (int(x * WIDTH - size / 2), int(y * HEIGHT - size / 2))
        self.image.paste(Image.new("RGB", (size, size), rgb(colour)), corner, spot)

    def disc(self, x: float, y: float, radius: float, colour: Colour) -> None:
        """Sun, moon or lamp."""
        cx, cy, r = x * WIDTH, y * HEIGHT, radius * WIDTH
        self.pen().ellipse((cx - r, cy - r, cx + r, cy + r), fill=rgb(colour))

    def clouds(self, colour: Colour, *, top: float = 0.0, bottom: float = 0.6, cover: float = 0.5, strength: float = 0.8) -> None:
        """Long drifts of cloud between two heights; cover is roughly the share of sky they take."""
        mask = Image.new("L", (WIDTH, HEIGHT), 0)
        height = int((bottom - top) * HEIGHT)
        field = self.noise(9, 14, 3).resize((WIDTH, height), Image.Resampling.BICUBIC)
        edge = (1 - cover) * 255
        field = field.point([max(0, min(255, round((level - edge) * 3.2 * strength))) for level in range(256)])
        mask.paste(field, (0, int(top * HEIGHT)))
        self.wash(mask.filter(ImageFilter.GaussianBlur(5)), colour)

    def noise(self, across: int, down: int, octaves: int) -> Image.Image:
        """Smooth grey noise: coarse dice, and finer dice on top of them at half the weight."""
        total: Image.Image | None = None
        for octave in range(octaves):
            size = (across * 2**octave, down * 2**octave)
            grid = Image.frombytes("L", size, self.dice.randbytes(size[0] * size[1]))
            layer = grid.resize((300, 200), Image.Resampling.BICUBIC)
            total = layer if total is None else Image.blend(total, layer, 0.5 ** (octave + 0.6))
        assert total is not None
        return total

    def ridge(
        self, height: float, rough: float, colour: Colour, *, fade: Colour | None = None, seed_points: int = 4
    ) -> list[tuple[float, float]]:
        """A range of hills whose mean line lies at `height`; fades towards `fade` at its foot. Returns the line."""
        line = self.skyline(height, rough, seed_points)
        mask = Image.new("L", (WIDTH, HEIGHT), 0)
        ImageDraw.Draw(mask).polygon([(0, HEIGHT), *line, (WIDTH, HEIGHT)], fill=255)
        if fade is None:
            self.wash(mask, colour)
        else:
            top = int(min(y for _, y in line))
            shade = Image.new("RGB", (WIDTH, HEIGHT), rgb(fade))
            shade.paste(gradient([colour, mix(colour, fade, 0.5), fade], WIDTH, max(2, int(HEIGHT * 0.34))), (0, top))
            self.image.paste(shade, (0, 0), mask)
        return line

    def skyline(self, height: float, rough: float, seed_points: int) -> list[tuple[float, float]]:
        """Midpoint displacement: halve each span and shift its middle by less and less."""
        levels = [self.dice.uniform(-1, 1) * rough for _ in range(seed_points + 1)]
        shift = rough * 0.55
        for _ in range(6):
            finer = []
            for left, right in pairwise(levels):
                finer += [left, (left + right) / 2 + self.dice.uniform(-shift, shift)]
            levels = [*finer, levels[-1]]
            shift *= 0.48
        step = WIDTH / (len(levels) - 1)
        return [(index * step, (height + level) * HEIGHT) for index, level in enumerate(levels)]

    def water(self, surface: float, tint: Colour, strength: float = 0.35, *, ripple: int = 16) -> None:
        """Everything below `surface` becomes a mirror of what stands above it, drawn out sideways and tinted."""
        top = int(surface * HEIGHT)
        depth = HEIGHT - top
        above = self.image.crop((0, max(0, top - depth), WIDTH, top)).transpose(Image.Transpose.FLIP_TOP_BOTTOM)
        above = above.resize((WIDTH // ripple, depth // 3)).resize((WIDTH, depth), Image.Resampling.BILINEAR)
        mirror = Image.blend(above, Image.new("RGB", above.size, rgb(tint)), strength)
        self.image.paste(mirror, (0, top))
        pen = ImageDraw.Draw(self.image, "RGBA")
        for _ in range(130):
            y = top + depth * self.dice.random() ** 1.7
            reach = 12 + (y - top) / depth * self.dice.uniform(30, 190)
            x = self.dice.uniform(-50, WIDTH)
            light = self.dice.random() < 0.6
            pen.line((x, y, x + reach, y), fill=(255, 255, 255, 30) if light else (0, 0, 0, 26), width=2)

    def mist(self, y: float, thickness: float, colour: Colour, strength: float = 0.7) -> None:
        """A band of mist, thicker in the middle and torn at the edges."""
        band = Image.new("L", (1, 9))
        for row in range(9):
            band.putpixel((0, row), round(255 * strength * math.sin(math.pi * row / 8) ** 2))
        height = int(thickness * HEIGHT)
        veil = band.resize((WIDTH, height), Image.Resampling.BICUBIC)
        torn = self.noise(6, 3, 2).resize((WIDTH, height)).point([min(255, 90 + level) for level in range(256)])
        mask = Image.new("L", (WIDTH, HEIGHT), 0)
        mask.paste(ImageChops.multiply(veil, torn), (0, int(y * HEIGHT - height / 2)))
        self.wash(mask, colour)

    def stars(self, count: int, below: float) -> None:
        """Small lights in the upper part of the sky."""
        pen = ImageDraw.Draw(self.image, "RGBA")
        for _ in range(count):
            x, y = self.dice.uniform(0, WIDTH), self.dice.uniform(0, below * HEIGHT)
            r = self.dice.choice((1, 1, 1.5, 2.2))
            pen.ellipse((x - r, y - r, x + r, y + r), fill=(255, 250, 235, self.dice.randint(70, 220)))

    def rain(self, colour: Colour, *, count: int = 420, slant: float = 0.22, alpha: int = 46) -> None:
        """Slanting strokes."""
        pen = ImageDraw.Draw(self.image, "RGBA")
        for _ in range(count):
            x, y, reach = self.dice.uniform(-200, WIDTH), self.dice.uniform(-60, HEIGHT), self.dice.uniform(25, 85)
            pen.line((x, y, x + reach * slant, y + reach), fill=(*rgb(colour), alpha), width=2)

    def snow(self, count: int = 420) -> None:
        """Flakes, a few of them close and soft."""
        pen = ImageDraw.Draw(self.image, "RGBA")
        for _ in range(count):
            x, y, r = self.dice.uniform(0, WIDTH), self.dice.uniform(0, HEIGHT), self.dice.choice((2, 2, 3, 3, 4, 6))
            pen.ellipse((x - r, y - r, x + r, y + r), fill=(255, 255, 255, 210 - r * 20))

    def grain(self, strength: float = 0.13) -> None:
        """The tooth of the paper; kept light, since noise is what makes a picture heavy to send."""
        paper = Image.effect_noise((WIDTH // 3, HEIGHT // 3), 46).resize((WIDTH, HEIGHT), Image.Resampling.BILINEAR)
        self.image = Image.blend(self.image, ImageChops.overlay(self.image, paper.convert("RGB")), strength)
