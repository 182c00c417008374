"""Things that stand in a landscape: trees, roofs, towers, boats, poles. Positions are shares of the picture."""

from __future__ import annotations

import math

from demo.pictures.canvas import HEIGHT, WIDTH, Canvas, Colour, mix, rgb


def spruces(canvas: Canvas, line: list[tuple[float, float]], colour: Colour, *, count: int, height: float) -> None:
    """Conifers along a ridge."""
    pen = canvas.pen()
    for _ in range(count):
        x, y = canvas.dice.choice(line)
        x += canvas.dice.uniform(-14, 14)
        tall = canvas.dice.uniform(0.5, 1.0) * height * HEIGHT
        wide = tall * 0.2
        for tier in range(3):
            foot = y + 8 - tall * tier * 0.26
            half = wide * (1 - tier * 0.27)
            pen.polygon([(x - half, foot), (x, foot - tall * 0.5), (x + half, foot)], fill=rgb(colour))


def bare_tree(canvas: Canvas, x: float, y: float, height: float, colour: Colour) -> None:
    """A leafless tree: branches that fork until they are twigs."""
    pen, dice = canvas.pen(), canvas.dice

    def branch(px: float, py: float, angle: float, length: float, depth: int) -> None:
        ex, ey = px + math.cos(angle) * length, py - math.sin(angle) * length
        pen.line((px, py, ex, ey), fill=rgb(colour), width=max(1, depth * 2 - 1))
        if depth > 1:
            for turn in (-0.5, 0.42, 0.06):
                branch(ex, ey, angle + turn + dice.uniform(-0.2, 0.2), length * dice.uniform(0.6, 0.78), depth - 1)

    branch(x * WIDTH, y * HEIGHT, math.pi / 2 + dice.uniform(-0.06, 0.06), height * HEIGHT * 0.34, 5)


def round_tree(canvas: Canvas, x: float, y: float, size: float, colour: Colour) -> None:
    """A tree in leaf, as a cloud of discs."""
    pen = canvas.pen()
    cx, cy, r = x * WIDTH, y * HEIGHT, size * HEIGHT
    pen.rectangle((cx - r * 0.06, cy - r * 0.6, cx + r * 0.06, cy), fill=rgb(mix(colour, "#000000", 0.4)))
    for _ in range(26):
        turn, reach = canvas.dice.uniform(0, math.tau), r * 0.52 * math.sqrt(canvas.dice.random())
        bx, by, br = cx + math.cos(turn) * reach, cy - r * 0.95 + math.sin(turn) * reach * 0.9, r * canvas.dice.uniform(0.16, 0.32)
        pen.ellipse(
            (bx - br, by - br, bx + br, by + br), fill=mix(colour, "#ffffff" if by < cy - r else "#000000", canvas.dice.uniform(0, 0.14))
        )


def roofs(canvas: Canvas, y: float, colours: list[Colour], *, lit: Colour | None = None, height: float = 0.1, snow: bool = False) -> None:
    """A row of gabled houses across the picture, shoulder to shoulder."""
    pen, dice = canvas.pen(), canvas.dice
    x = -30.0
    while x < WIDTH:
        wide = dice.uniform(60, 130)
        wall = dice.uniform(0.5, 1.0) * height * HEIGHT
        foot, eave = y * HEIGHT, y * HEIGHT - wall
        peak = eave - wide * dice.uniform(0.3, 0.55)
        colour = rgb(dice.choice(colours))
        pen.rectangle((x, eave, x + wide, foot + 200), fill=colour)
        roof = "#f4f5f7" if snow else mix(colour, "#000000", 0.35)
        pen.polygon([(x - 6, eave), (x + wide / 2, peak), (x + wide + 6, eave)], fill=rgb(roof))
        if dice.random() < 0.6:
            pen.rectangle((x + wide * 0.68, peak - 4, x + wide * 0.8, eave - 8), fill=mix(colour, "#000000", 0.45))
        if lit is not None:
            windows(canvas, x, eave, wide, wall, lit)
        x += wide * dice.uniform(0.92, 1.05)


def windows(canvas: Canvas, x: float, eave: float, wide: float, wall: float, lit: Colour) -> None:
    """Lamps in some of the windows of one house."""
    pen, dice = canvas.pen(), canvas.dice
    for row in range(int(wall // 34)):
        for column in range(int(wide // 30)):
            if dice.random() < 0.45:
                left, top = x + 10 + column * 28, eave + 12 + row * 34
                pen.rectangle((left, top, left + 11, top + 16), fill=mix(lit, "#ffffff", dice.uniform(0, 0.3)))


def steeple(canvas: Canvas, x: float, y: float, height: float, colour: Colour) -> None:
    """A church tower with its spire."""
    pen = canvas.pen()
    cx, foot, tall = x * WIDTH, y * HEIGHT, height * HEIGHT
    half = tall * 0.1
    pen.rectangle((cx - half, foot - tall * 0.6, cx + half, foot + 200), fill=rgb(colour))
    pen.polygon(
        [(cx - half * 1.2, foot - tall * 0.6), (cx, foot - tall), (cx + half * 1.2, foot - tall * 0.6)], fill=mix(colour, "#000000", 0.3)
    )


def bottle_kiln(canvas: Canvas, x: float, y: float, height: float, colour: Colour) -> None:
    """A pottery's bottle kiln: a wide belly and a narrow neck, with iron bands."""
    cx, foot, tall = x * WIDTH, y * HEIGHT, height * HEIGHT
    outline = [(share, 0.29 * (1 - share**1.7) + 0.085) for share in (0, 0.15, 0.3, 0.45, 0.6, 0.75, 0.9, 1.0)]
    left = [(cx - half * tall, foot - share * tall) for share, half in outline]
    right = [(cx + half * tall, foot - share * tall) for share, half in reversed(outline)]
    pen = canvas.pen()
    pen.polygon([(left[0][0], HEIGHT), *left, *right, (right[-1][0], HEIGHT)], fill=rgb(colour))
    lit = [(px + (cx - px) * 0.55, py) for px, py in right]
    pen.polygon([*lit, *reversed(right)], fill=mix(colour, "#ffd9a0", 0.16))
    for share, half in outline[1:-1:2]:
        pen.line((cx - half * tall, foot - share * tall, cx + half * tall, foot - share * tall), fill=mix(colour, "#000000", 0.4), width=5)
    door = tall * 0.09
    pen.rounded_rectangle((cx - door, foot - door * 2.4, cx + door, foot + 40), radius=door, fill=mix(colour, "#000000", 0.65))


def boat(canvas: Canvas, x: float, y: float, length: float, colour: Colour, *, mast: bool = True) -> None:
    """A moored boat with a short reflection."""
    pen = canvas.pen()
    cx, cy, half = x * WIDTH, y * HEIGHT, length * WIDTH / 2
    pen.polygon(
        [(cx - half, cy - half * 0.3), (cx + half * 1.1, cy - half * 0.36), (cx + half * 0.75, cy), (cx - half * 0.8, cy)], fill=rgb(colour)
    )
    pen.polygon(
        [(cx - half * 0.8, cy + 2), (cx + half * 0.75, cy + 2), (cx + half * 0.9, cy + half * 0.18), (cx - half * 0.9, cy + half * 0.18)],
        fill=mix(colour, "#20303a", 0.6),
    )
    if mast:
        pen.line((cx, cy - half * 0.3, cx, cy - half * 2.0), fill=mix(colour, "#000000", 0.35), width=4)
        pen.line((cx, cy - half * 1.9, cx + half, cy - half * 0.4), fill=mix(colour, "#000000", 0.2), width=1)


def ferry(canvas: Canvas, x: float, y: float, length: float, hull: Colour, lamp: Colour) -> None:
    """The Tarrow ferry from the side: a flat hull, a lit cabin, a wheelhouse."""
    pen = canvas.pen()
    cx, cy, half = x * WIDTH, y * HEIGHT, length * WIDTH / 2
    deck = half * 0.22
    pen.polygon([(cx - half, cy - deck), (cx + half, cy - deck), (cx + half * 0.9, cy), (cx - half * 0.9, cy)], fill=rgb(hull))
    pen.rectangle((cx - half * 0.7, cy - deck * 2.6, cx + half * 0.7, cy - deck), fill=mix(hull, "#ffffff", 0.12))
    pen.rectangle((cx - half * 0.16, cy - deck * 4.2, cx + half * 0.16, cy - deck * 2.6), fill=mix(hull, "#ffffff", 0.18))
    for index in range(9):
        left = cx - half * 0.63 + index * half * 0.145
        pen.rectangle((left, cy - deck * 2.2, left + half * 0.09, cy - deck * 1.5), fill=rgb(lamp))
        pen.line((left + 6, cy + 12, left + 6, cy + 12 + canvas.dice.uniform(40, 130)), fill=mix(lamp, hull, 0.45), width=5)
    pen.rectangle((cx - half * 0.1, cy - deck * 3.8, cx + half * 0.1, cy - deck * 3.1), fill=rgb(lamp))
