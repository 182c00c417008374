"""The places: the river, the town and the hills around Tarrow Ferry, each a function that paints one picture."""

from __future__ import annotations

from demo.pictures import figures
from demo.pictures.canvas import HEIGHT, WIDTH, Canvas, mix, rgb


def river_dawn() -> Canvas:
    c = Canvas("river-dawn", ["#33507a", "#6d83a6", "#e8b79a", "#f8dcae", "#f8dcae"])
    c.glow(0.62, 0.5, 0.42, "#fff0c4")
    c.disc(0.62, 0.49, 0.026, "#fff7dc")
    c.ridge(0.46, 0.06, "#8e94ac", fade="#e0bfae")
    figures.spruces(c, c.ridge(0.52, 0.05, "#5c6987", fade="#b9a3a4"), "#55617f", count=60, height=0.06)
    figures.spruces(c, c.ridge(0.57, 0.03, "#34425f"), "#2c3854", count=110, height=0.08)
    c.water(0.6, "#9fb0c8", 0.22)
    c.mist(0.6, 0.16, "#fbe6cf", 0.85)
    figures.boat(c, 0.24, 0.78, 0.08, "#2c3347", mast=False)
    return c


def river_bend() -> Canvas:
    c = Canvas("river-bend", ["#7fa7b8", "#b9d2cf", "#f2e7c9", "#f2e7c9"])
    c.clouds("#ffffff", bottom=0.42, cover=0.5)
    c.ridge(0.4, 0.07, "#8fa9a3", fade="#c3cfb9")
    c.ridge(0.5, 0.04, "#6d8f77", fade="#98ac80")
    pen = c.pen()
    bend = [
        (0.44, 0.52),
        (0.5, 0.55),
        (0.36, 0.6),
        (0.4, 0.68),
        (0.72, 0.78),
        (0.98, 1.0),
        (0.2, 1.0),
        (0.24, 0.84),
        (0.14, 0.7),
        (0.26, 0.58),
        (0.43, 0.54),
    ]
    pen.polygon([(x * WIDTH, y * HEIGHT) for x, y in bend], fill=rgb("#cfe0dc"))
    inner = [(0.4, 0.59), (0.3, 0.63), (0.36, 0.74), (0.62, 0.83), (0.78, 1.0), (0.4, 1.0), (0.3, 0.84), (0.2, 0.7)]
    pen.polygon([(x * WIDTH, y * HEIGHT) for x, y in inner], fill=rgb("#b4cfd0"))
    for x, y, size in ((0.1, 0.72, 0.17), (0.05, 0.9, 0.26), (0.6, 0.68, 0.12), (0.72, 0.72, 0.14), (0.86, 0.82, 0.24), (0.95, 0.94, 0.3)):
        figures.round_tree(c, x, y, size, mix("#3f6b4f", "#86904e", c.dice.random() * 0.7))
    return c


def river_boats() -> Canvas:
    c = Canvas("river-boats", ["#c4d7dd", "#dfe7e2", "#f5ead6", "#f5ead6"])
    c.ridge(0.42, 0.07, "#a6bac3", fade="#d5dad4")
    figures.spruces(c, c.ridge(0.5, 0.04, "#6f8c93", fade="#a9b9b4"), "#64828a", count=70, height=0.05)
    c.water(0.55, "#b9d0d3", 0.3, ripple=24)
    for x, y, size, colour in (
        (0.16, 0.66, 0.07, "#b5483a"),
        (0.36, 0.62, 0.05, "#f3efe4"),
        (0.55, 0.72, 0.1, "#27506b"),
        (0.79, 0.64, 0.06, "#d9a441"),
        (0.87, 0.84, 0.14, "#3a3f45"),
    ):
        figures.boat(c, x, y, size, colour)
    return c


def ferry_night() -> Canvas:
    c = Canvas("ferry-night", ["#070d1f", "#101c3a", "#24365c", "#4a5878"])
    c.stars(240, 0.5)
    c.glow(0.8, 0.16, 0.14, "#dfe8ff", 0.5)
    c.disc(0.8, 0.16, 0.02, "#f3f2e6")
    figures.roofs(c, 0.57, ["#131b33", "#182242", "#10172c"], lit="#ffcf7a", height=0.07)
    figures.steeple(c, 0.3, 0.57, 0.2, "#10172c")
    c.water(0.6, "#0d1730", 0.45)
    c.glow(0.48, 0.7, 0.26, "#ffca70", 0.35)
    figures.ferry(c, 0.48, 0.74, 0.34, "#0a1122", "#ffd98c")
    return c


def flood_meadow() -> Canvas:
    c = Canvas("flood-meadow", ["#8d9aa3", "#b8bfbd", "#dcd6c3", "#e7dfc8"])
    c.clouds("#eef0ec", bottom=0.5, cover=0.55)
    c.ridge(0.5, 0.04, "#98a29e", fade="#c9c8b8")
    c.ridge(0.56, 0.015, "#6a6f5f")
    for x in (0.08, 0.2, 0.29, 0.45, 0.58, 0.67, 0.83, 0.94):
        figures.bare_tree(c, x, 0.6, c.dice.uniform(0.3, 0.5), "#3b3a36")
    c.water(0.6, "#a9b1ab", 0.3)
    pen = c.pen()
    for index in range(15):
        x = 40 + index * 100
        pen.line((x, 640 + index % 3 * 4, x, 700), fill=rgb("#4a463d"), width=7)
    pen.line((40, 664, 1440, 668), fill=rgb("#4a463d"), width=3)
    return c


def main_street() -> Canvas:
    c = Canvas("main-street", ["#1f2b52", "#4b4a78", "#b9728a", "#f2b28a", "#f2b28a"])
    figures.roofs(c, 0.62, ["#3a3357", "#2f2b4d", "#443a5e"], height=0.26, lit="#f7c77d")
    pen = c.pen()
    pen.rectangle((0, 620, WIDTH, HEIGHT), fill=rgb("#2a2745"))
    for index, colour in enumerate(("#b8503f", "#3d7a74", "#d19a3d", "#5b5ba0", "#a84a6b", "#4d7d49")):
        left = index * 250 + 14
        pen.rectangle((left, 500, left + 222, 720), fill=rgb("#221f38"))
        pen.rectangle((left + 14, 560, left + 150, 700), fill=rgb("#ffdf9e"))
        pen.rectangle((left + 166, 560, left + 210, 720), fill=mix("#ffdf9e", "#221f38", 0.35))
        for stripe in range(8):
            pen.polygon(
                [(left + stripe * 28, 500), (left + stripe * 28 + 28, 500), (left + stripe * 28 + 34, 548), (left + stripe * 28 + 2, 548)],
                fill=rgb(colour) if stripe % 2 else rgb("#f1e6d2"),
            )
    c.water(0.74, "#231f3a", 0.5, ripple=30)
    return c


def town_snow() -> Canvas:
    c = Canvas("town-snow", ["#a9b6c6", "#c8d0da", "#e4e6ea", "#eceef0"])
    c.ridge(0.4, 0.06, "#b9c3cf", fade="#dde1e6")
    figures.steeple(c, 0.66, 0.56, 0.36, "#6d7686")
    figures.roofs(c, 0.58, ["#8a8f9c", "#9a8f8c", "#7d8796"], height=0.09, snow=True)
    figures.roofs(c, 0.74, ["#a5604f", "#6f7c8c", "#8b6f5c", "#57657a"], height=0.13, snow=True, lit="#ffd27f")
    c.ridge(0.84, 0.02, "#f2f4f7")
    for x in (0.12, 0.88):
        figures.bare_tree(c, x, 0.95, 0.5, "#4b4d55")
    c.snow()
    return c


def hills_storm() -> Canvas:
    c = Canvas("hills-storm", ["#2c3340", "#4a5361", "#8a8b80", "#e0c987", "#e0c987"])
    c.clouds("#1f2530", bottom=0.42, cover=0.68)
    c.glow(0.3, 0.5, 0.3, "#f6dc94", 0.6)
    c.ridge(0.5, 0.07, "#6d7472", fade="#a59f7e")
    c.ridge(0.6, 0.06, "#4f5a54", fade="#6f7558")
    figures.spruces(c, c.ridge(0.72, 0.05, "#343f3b", fade="#3c4636"), "#2b3532", count=60, height=0.09)
    c.ridge(0.88, 0.04, "#222a28")
    c.rain("#dfe3e0", count=300)
    return c


def hills_summer() -> Canvas:
    c = Canvas("hills-summer", ["#3f86bf", "#86b9d9", "#d7e8e6", "#eaf0df"])
    c.clouds("#ffffff", top=0.05, bottom=0.38, cover=0.45, strength=1)
    c.ridge(0.46, 0.07, "#7da6b5", fade="#b4cdc3")
    c.ridge(0.56, 0.06, "#5f9a7c", fade="#93b983")
    c.ridge(0.68, 0.05, "#7fae57", fade="#a9c265")
    c.ridge(0.82, 0.05, "#d8bf57", fade="#c9a83f")
    for x, y, size in ((0.2, 0.72, 0.07), (0.26, 0.73, 0.09), (0.7, 0.69, 0.08), (0.76, 0.7, 0.06), (0.88, 0.86, 0.2)):
        figures.round_tree(c, x, y, size, "#3d7040")
    return c


def road_dawn() -> Canvas:
    c = Canvas("road-dawn", ["#141c3a", "#37406a", "#a9677a", "#f0a36b", "#f6c98b"])
    c.stars(70, 0.25)
    c.ridge(0.5, 0.05, "#4d4468", fade="#7a5870")
    c.ridge(0.58, 0.03, "#241f3a")
    pen = c.pen()
    pen.rectangle((0, 590, WIDTH, HEIGHT), fill=rgb("#1a1830"))
    pen.polygon([(735, 585), (765, 585), (1280, HEIGHT), (220, HEIGHT)], fill=rgb("#2c2944"))
    for index in range(7):
        y = 600 + index**2 * 9
        pen.polygon(
            [
                (748 - index * 0.8, y),
                (752 + index * 0.8, y),
                (754 + index * 1.4, y + 8 + index * 5),
                (746 - index * 1.4, y + 8 + index * 5),
            ],
            fill=rgb("#e9d8a6"),
        )
    for index in range(7):
        x, tall = 830 + index**2 * 17, 60 + index * 62
        pen.line((x, 600 + index * 14, x, 600 + index * 14 - tall), fill=rgb("#120f22"), width=3 + index)
        pen.line((x - tall * 0.14, 612 + index * 14 - tall, x + tall * 0.14, 612 + index * 14 - tall), fill=rgb("#120f22"), width=2 + index)
    for x in (738, 757):
        c.glow(x / WIDTH, 0.588, 0.035, "#fff3cf", 0.9)
    return c


def crossroads() -> Canvas:
    c = Canvas("crossroads", ["#9cc4cf", "#d3e3da", "#f3ead2", "#f3ead2"])
    c.ridge(0.36, 0.05, "#93b3a4", fade="#bccba8")
    pen = c.pen()
    pen.rectangle((0, 420, WIDTH, HEIGHT), fill=rgb("#9fb36b"))
    road = rgb("#8b8a8c")
    pen.polygon([(690, 400), (790, 400), (980, HEIGHT), (480, HEIGHT)], fill=road)
    pen.polygon([(0, 640), (WIDTH, 600), (WIDTH, 790), (0, 810)], fill=road)
    for grow, colour in ((360, "#8b8a8c"), (186, "#efe7d3"), (172, "#b9c47a"), (110, "#a8b566")):
        pen.ellipse((740 - grow, 705 - grow * 0.5, 740 + grow, 705 + grow * 0.5), fill=rgb(colour))
    figures.round_tree(c, 0.493, 0.71, 0.1, "#7d3f4a")
    for x, y, colour in ((0.3, 0.7, "#b5483a"), (0.64, 0.79, "#2f5d7c")):
        pen.rounded_rectangle((x * WIDTH - 48, y * HEIGHT - 36, x * WIDTH + 48, y * HEIGHT + 8), radius=14, fill=rgb(colour))
        pen.rounded_rectangle(
            (x * WIDTH - 28, y * HEIGHT - 62, x * WIDTH + 24, y * HEIGHT - 24), radius=12, fill=mix(colour, "#dfeef2", 0.6)
        )
        for wheel in (-28, 28):
            pen.ellipse((x * WIDTH + wheel - 12, y * HEIGHT - 4, x * WIDTH + wheel + 12, y * HEIGHT + 20), fill=rgb("#2a2a2e"))
    return c


def kiln_towers() -> Canvas:
    c = Canvas("kiln-towers", ["#5b6f86", "#97a3a6", "#e3c9a3", "#f0dcb5"])
    c.clouds("#f4e5c8", bottom=0.5, cover=0.45)
    c.ridge(0.6, 0.04, "#8d8478", fade="#b59f83")
    figures.roofs(c, 0.72, ["#7c5848", "#6c4d42", "#8a6450"], height=0.06)
    figures.bottle_kiln(c, 0.62, 0.84, 0.66, "#7d4433")
    figures.bottle_kiln(c, 0.28, 0.88, 0.58, "#653628")
    c.ridge(0.87, 0.012, "#4a4231")
    pen = c.pen()
    for index in range(26):
        pen.line((index * 60 + 10, 850, index * 60 + 10, 930), fill=rgb("#2f2a22"), width=4)
    for y in (866, 900):
        pen.line((0, y, WIDTH, y), fill=rgb("#2f2a22"), width=2)
    return c


def waterworks() -> Canvas:
    c = Canvas("waterworks", ["#4d7c8a", "#8fb3b0", "#dfe2c8", "#ebe3c6"])
    c.clouds("#f6f5e8", bottom=0.4, cover=0.45)
    c.ridge(0.52, 0.04, "#7b9b94", fade="#a9b99c")
    pen = c.pen()
    pen.rectangle((180, 380, 900, 720), fill=rgb("#a55a43"))
    pen.polygon([(150, 390), (540, 260), (930, 390)], fill=rgb("#5d3a33"))
    for index in range(6):
        left = 226 + index * 112
        pen.rounded_rectangle((left, 450, left + 66, 640), radius=33, fill=rgb("#f0d9a0"))
        pen.rectangle((left, 560, left + 66, 640), fill=rgb("#e5c98c"))
        pen.line((left + 33, 450, left + 33, 640), fill=rgb("#5d3a33"), width=4)
    pen.rectangle((1010, 170, 1080, 720), fill=rgb("#8a4736"))
    pen.rectangle((998, 160, 1092, 192), fill=rgb("#5d3a33"))
    for leg in (1190, 1270, 1350):
        pen.line((leg, 380, leg + (leg - 1270) * 0.3, 720), fill=rgb("#3b4a50"), width=10)
    pen.ellipse((1140, 210, 1400, 420), fill=rgb("#5f7f88"))
    pen.polygon([(1150, 290), (1270, 180), (1390, 290)], fill=rgb("#46626a"))
    c.water(0.72, "#6f9a9a", 0.35)
    return c


def stadium_lights() -> Canvas:
    c = Canvas("stadium-lights", ["#0b1424", "#16263f", "#294a58", "#3d6a5c"])
    c.ridge(0.6, 0.02, "#0e1a24")
    pen = c.pen()
    pen.rectangle((0, 660, WIDTH, HEIGHT), fill=rgb("#2f7a48"))
    for index in range(0, 9, 2):
        left = index * 190 - 100
        pen.polygon([(left + 200, 660), (left + 340, 660), (left + 300, HEIGHT), (left, HEIGHT)], fill=rgb("#3a8a53"))
    for _ in range(1500):
        x, y = c.dice.uniform(0, WIDTH), 560 + 96 * c.dice.random()
        pen.ellipse((x - 5, y - 5, x + 5, y + 5), fill=mix(c.dice.choice(("#b5483a", "#d9a441", "#5f7f88", "#e9dcc0")), "#0e1a24", 0.35))
    for x in (0.14, 0.38, 0.64, 0.88):
        pen.line((x * WIDTH, 200, x * WIDTH, 570), fill=rgb("#0a111c"), width=9)
        c.glow(x, 0.19, 0.2, "#eef6ff", 0.75)
        for lamp in range(6):
            c.disc(x - 0.025 + lamp % 3 * 0.025, 0.17 + lamp // 3 * 0.03, 0.008, "#ffffff")
    pen = c.pen()
    pen.line((560, 800, 560, 660, 940, 660, 940, 800), fill=rgb("#f4f6f4"), width=8)
    pen.line((0, 800, WIDTH, 800), fill=rgb("#dfece2"), width=4)
    c.disc(0.49, 0.86, 0.014, "#ffffff")
    return c


def market_stalls() -> Canvas:
    c = Canvas("market-stalls", ["#7d8b95", "#a9b4b5", "#d6d3c4", "#d6d3c4"])
    figures.roofs(c, 0.5, ["#7f7a78", "#8d8078", "#74757c"], height=0.2)
    pen = c.pen()
    pen.rectangle((0, 500, WIDTH, HEIGHT), fill=rgb("#7c7468"))
    for index, colour in enumerate(("#c8553d", "#e0a030", "#3f7d6e", "#41658a", "#a84a6b")):
        left, top = index * 305 - 20, 430 + index % 2 * 34
        pen.rectangle((left + 20, top + 90, left + 270, top + 320), fill=rgb("#4b4038"))
        for stripe in range(8):
            x = left + stripe * 36
            pen.polygon(
                [(x + 20, top), (x + 50, top), (x + 40, top + 110), (x, top + 110)], fill=rgb(colour) if stripe % 2 else rgb("#f0e8d8")
            )
        for _ in range(70):
            x, y = left + c.dice.uniform(32, 258), top + c.dice.uniform(200, 262)
            pen.ellipse(
                (x - 11, y - 11, x + 11, y + 11),
                fill=mix(c.dice.choice(("#c8553d", "#d9a441", "#7a9a4a", "#e8dcc0")), "#4b4038", c.dice.uniform(0, 0.25)),
            )
        pen.rectangle((left + 20, top + 262, left + 270, top + 330), fill=rgb("#8d6f4e"))
    c.water(0.8, "#6c665e", 0.4, ripple=30)
    c.rain("#ffffff", count=360, slant=0.12, alpha=60)
    return c
