"""Invented people. First and family names are combined at random; addresses end in .example, which nobody can own."""

from __future__ import annotations

from random import Random

FIRST = (
    "Ada Agnes Alma Amara Anders Anouk Ansel Arlo Asa Astrid August Beatrix Benno Birdie Bram Brigid Calla Carys Cato Cecily "
    "Clement Cora Corin Dagny Darius Delphine Dorrit Edda Edwin Eira Elio Ellis Elsbeth Emrys Enid Esme Ezra Fenna Fergus Flora "
    "Florian Freya Gideon Greta Gwen Hale Hanne Hester Hollis Ida Idris Ilse Imogen Ines Ingrid Isolde Ivo Jasper Jem Jessamy Joan "
    "Jonas Juno Kaspar Katya Keziah Laszlo Leda Leif Lenore Linus Liv Lorcan Lotte Lucian Lydia Mabel Malachi Maren Margit Marius "
    "Maud Merle Mila Miriam Moira Nadia Nell Nico Nils Noor Oona Orla Oscar Osric Otis Ottilie Pascal Pearl Perrin Petra Phoebe "
    "Quill Ravi Remy Rhoda Roald Romy Rosalind Rufus Runa Ruth Sabine Samir Saskia Selma Seren Signe Silas Simeon Soren Stellan "
    "Sunniva Tamsin Tavish Teodor Thea Tilda Tobias Tova Ursula Valentin Vera Verity Viggo Wanda Wilhelmina Willa Wren Yara Yusuf Zelda Zora"
).split()
FAMILY_A = (
    "Alder Amber Apple Ash Barrow Beck Birch Black Bram Brand Bridge Bright Brook Burn Cald Car Clay Cole Crane Dal Dane Dray Dun "
    "East Elder Fair Falk Fen Fern Field Fog Frost Gale Garth Glen Gold Gran Green Grey Hal Hart Hathe Hazel Heath Hol Holm Horn "
    "Ivers Kel Kings Lark Lin Lock Long Mar Mead Mere Mill Moor Moss Nether North Oak Old Orchard Over Pem Pine Quarry Rain Raven "
    "Red Ridge River Rose Rowan Sal Sedge Shel Silver Stan Stone Storm Sum Swan Thorn Tide Trent Under Vale Wain War Water West Whit Wick Wil Winter Wood Wyn Yarrow"
).split()
FAMILY_B = "acre bank berg bourne by cliff combe cott croft dale den er field ford gate grave ham haven hill holm house hurst land ley lock lund man mere more ness quist ridge shaw side son stead stone strand stream thorpe ton tree wall ward water way well wick wood worth".split()

MESSAGES = (
    "For the lead pipes. Keep digging.",
    "My street is on the list because of you.",
    "In memory of my mother, who read you aloud.",
    "I moved away ten years ago and still want to know who won.",
    "For the night ferry story. I am the one with the lunch pail.",
    "You spelled my name right. It is a start.",
    "Thank you for going to the meetings so that I need not.",
    "For the gauge readers.",
    "Not much this month, but here.",
    "From the Thursday crew.",
    "The soup worked.",
    "Please never put in a pop-up.",
    "My class read the bus story. They have bought stopwatches.",
    "For whoever sits through the zoning board.",
)

DOMAINS = ("ansel.example", "wendle.example", "post.example", "letters.example", "tarrow.example", "riverbank.example")


def person(dice: Random, number: int) -> tuple[str, str]:
    """(name, address); the number keeps addresses apart when names meet."""
    first = dice.choice(FIRST)
    family = dice.choice(FAMILY_A) + dice.choice(FAMILY_B)
    return f"{first} {family}", f"{first}.{family}{number}@{dice.choice(DOMAINS)}".lower()
