"""Portraits and interiors in flat shapes. Nobody is meant: the faces are ovals."""

from __future__ import annotations

from demo.pictures.canvas import HEIGHT, WIDTH, Canvas, Colour, mix, rgb


def _bust(c: Canvas, x: float, *, skin: Colour, hair: Colour, coat: Colour, scale: float = 1.0) -> None:
    """Shoulders, neck, head and hair, lit from the left."""
    pen = c.pen()
    cx, s = x * WIDTH, scale
    pen.ellipse((cx - 330 * s, 640, cx + 330 * s, 1500), fill=rgb(coat))
    pen.polygon([(cx - 70 * s, 690), (cx, 800), (cx + 70 * s, 690)], fill=mix(coat, "#ffffff", 0.75))
    pen.rectangle((cx - 58 * s, 560, cx + 58 * s, 720), fill=mix(skin, "#000000", 0.16))
    pen.ellipse((cx - 150 * s, 240, cx + 150 * s, 640), fill=rgb(skin))
    pen.pieslice((cx - 150 * s, 240, cx + 150 * s, 640), -80, 88, fill=mix(skin, "#000000", 0.13))
    pen.chord((cx - 166 * s, 200, cx + 166 * s, 560), 176, 364, fill=rgb(hair))


def _brow(c: Canvas, x: float, ink: Colour, scale: float = 1.0) -> None:
    """The few lines that make an oval a face."""
    pen, cx = c.pen(), x * WIDTH
    for side in (-1, 1):
        ex = cx + side * 58 * scale
        pen.arc((ex - 34, 410, ex + 34, 450), 200, 340, fill=rgb(ink), width=6)
        pen.ellipse((ex - 8, 438, ex + 8, 454), fill=rgb(ink))
    pen.line((cx + 4, 450, cx + 16, 514, cx - 4, 522), fill=rgb(ink), width=5)
    pen.arc((cx - 46, 530, cx + 46, 580), 24, 156, fill=rgb(ink), width=6)


def portrait_keeper() -> Canvas:
    c = Canvas("portrait-keeper", ["#7c98a3", "#a9bdbd", "#d8d3bd", "#c9b992"])
    c.clouds("#e6e6da", bottom=0.5, cover=0.5)
    c.ridge(0.62, 0.04, "#6f8582", fade="#93998a")
    pen = c.pen()
    pen.rectangle((1130, 0, 1160, 330), fill=rgb("#4d3b2c"))
    pen.polygon([(1060, 560), (1085, 380), (1110, 330), (1180, 330), (1205, 380), (1230, 560)], fill=rgb("#a8823d"))
    pen.rectangle((1046, 556, 1244, 584), fill=rgb("#86652c"))
    pen.ellipse((1122, 572, 1168, 620), fill=rgb("#5d451f"))
    pen.polygon([(1095, 540), (1106, 390), (1122, 345), (1136, 345), (1124, 400), (1116, 540)], fill=rgb("#d4b268"))
    _bust(c, 0.4, skin="#c99a78", hair="#33475b", coat="#2b3d52")
    pen = c.pen()
    pen.rectangle((420, 372, 780, 402), fill=rgb("#22303f"))
    pen.chord((456, 460, 744, 690), 8, 172, fill=rgb("#e9e6df"))
    _brow(c, 0.4, "#4a3428")
    return c


def portrait_editor() -> Canvas:
    c = Canvas("portrait-editor", ["#d9a35f", "#e6bd7c", "#efd6a0", "#e3b878"])
    pen = c.pen()
    for index in range(26):
        left = 30 + index * 58
        tall = c.dice.uniform(120, 210)
        for shelf in (300, 620):
            pen.rectangle(
                (left, shelf - tall, left + c.dice.uniform(30, 54), shelf),
                fill=rgb(c.dice.choice(("#8b3f35", "#35586b", "#6f7d4a", "#b9803f", "#4a3f5c"))),
            )
    for shelf in (300, 620):
        pen.rectangle((0, shelf, WIDTH, shelf + 20), fill=rgb("#6f4a2d"))
    c.glow(0.5, 0.5, 0.5, "#f4d9a4", 0.75)
    _bust(c, 0.54, skin="#8a5a41", hair="#241a18", coat="#7d2f3a")
    pen = c.pen()
    for side in (-1, 1):
        ex = 810 + side * 58
        pen.ellipse((ex - 46, 404, ex + 46, 484), outline=rgb("#1d1614"), width=6)
    pen.line((798, 440, 822, 440), fill=rgb("#1d1614"), width=6)
    _brow(c, 0.54, "#2d1a14")
    pen.line((470, 960, 690, 700), fill=rgb("#e2b33c"), width=16)
    return c


def portrait_reader() -> Canvas:
    c = Canvas("portrait-reader", ["#16233b", "#20344f", "#2f4763", "#1c2a40"])
    c.glow(0.3, 0.3, 0.5, "#ffd78f", 0.85)
    pen = c.pen()
    pen.polygon([(330, 200), (570, 200), (650, 330), (250, 330)], fill=rgb("#e9b659"))
    pen.line((450, 0, 450, 200), fill=rgb("#0e1626"), width=6)
    _bust(c, 0.6, skin="#d8a687", hair="#7a3b22", coat="#355f5b", scale=0.94)
    _brow(c, 0.6, "#4b2a1c", 0.94)
    pen = c.pen()
    for side, colour in ((-1, "#b5483a"), (1, "#9a3a30")):
        pen.polygon([(900, 780), (900 + side * 330, 730), (900 + side * 350, 990), (900, 1000)], fill=rgb(colour))
        pen.polygon([(900, 770), (900 + side * 306, 722), (900 + side * 316, 760), (900, 812)], fill=rgb("#f4ead4"))
    return c


def still_life() -> Canvas:
    c = Canvas("still-life", ["#2b2a33", "#3a3640", "#55483f", "#55483f"])
    c.glow(0.22, 0.3, 0.5, "#c79a5e", 0.6)
    pen = c.pen()
    pen.rectangle((0, 700, WIDTH, HEIGHT), fill=rgb("#7b5433"))
    pen.polygon([(0, 700), (WIDTH, 700), (WIDTH, 724), (0, 724)], fill=rgb("#99703f"))
    for x, tall, colour in ((300, 360, "#2f5d4a"), (410, 300, "#6b3a2a")):
        pen.rounded_rectangle((x - 46, 720 - tall * 0.62, x + 46, 760), radius=20, fill=rgb(colour))
        pen.rectangle((x - 16, 720 - tall, x + 16, 720 - tall * 0.55), fill=rgb(colour))
        pen.line((x - 28, 720 - tall * 0.5, x - 28, 730), fill=mix(colour, "#ffffff", 0.45), width=8)
    pen.chord((560, 560, 1100, 900), 0, 180, fill=rgb("#d9d2c0"))
    pen.chord((640, 560, 1100, 900), 0, 130, fill=rgb("#b9b09c"))
    pen.ellipse((560, 690, 1100, 772), fill=rgb("#8a5a2e"))
    for _ in range(9):
        x, y = c.dice.uniform(620, 1040), c.dice.uniform(712, 748)
        pen.ellipse((x - 34, y - 12, x + 34, y + 12), fill=mix("#e3bd6b", "#8a5a2e", c.dice.random() * 0.5))
    for x, y, r, colour in ((1220, 760, 74, "#b5483a"), (1340, 780, 66, "#d9a441"), (1280, 690, 60, "#8f9a3f"), (180, 800, 70, "#a8763f")):
        pen.ellipse((x - r, y - r, x + r, y + r), fill=rgb(colour))
        pen.ellipse((x - r * 0.6, y - r * 0.65, x - r * 0.1, y - r * 0.2), fill=mix(colour, "#ffffff", 0.35))
    for drift in range(3):
        c.mist(0.5 - drift * 0.12, 0.1, "#e8dcc8", 0.16)
    return c


def newsroom_window() -> Canvas:
    c = Canvas("newsroom-window", ["#35506b", "#7d96a6", "#e3c9a0", "#e8d3aa"])
    c.ridge(0.42, 0.05, "#6f8496", fade="#a3a69c")
    c.water(0.52, "#8fa7b0", 0.3)
    pen = c.pen()
    frame = rgb("#2b211c")
    for box in ((0, 0, 120, HEIGHT), (WIDTH - 120, 0, WIDTH, HEIGHT), (0, 0, WIDTH, 60), (0, 640, WIDTH, HEIGHT)):
        pen.rectangle(box, fill=frame)
    for x in (480, 1000):
        pen.rectangle((x, 0, x + 26, 640), fill=frame)
    pen.rectangle((0, 330, WIDTH, 348), fill=frame)
    pen.rectangle((0, 760, WIDTH, HEIGHT), fill=rgb("#6b4a33"))
    pen.rectangle((0, 760, WIDTH, 780), fill=rgb("#8b6345"))
    pen.rounded_rectangle((560, 560, 960, 790), radius=14, fill=rgb("#16181d"))
    pen.rectangle((580, 580, 940, 770), fill=rgb("#f3efe6"))
    for line in range(7):
        pen.rectangle(
            (600, 602 + line * 22, 600 + c.dice.uniform(200, 320), 610 + line * 22), fill=rgb("#8d8a84") if line else rgb("#7d2f3a")
        )
    pen.rectangle((1130, 670, 1230, 800), fill=rgb("#b5483a"))
    pen.arc((1205, 700, 1275, 770), 270, 90, fill=rgb("#b5483a"), width=12)
    for sheet in range(6):
        pen.polygon(
            [(200, 800 - sheet * 9), (430, 790 - sheet * 9), (440, 800 - sheet * 9), (206, 811 - sheet * 9)],
            fill=mix("#f3efe6", "#b9b09c", sheet % 2 * 0.4),
        )
    c.glow(0.5, 0.66, 0.3, "#fff2cf", 0.25)
    return c
