"""The demo's photographs: landscapes and portraits drawn by the program, in the manner of screen prints.

`canvas` has the brushes, `places` and `people` the scenes, `album` writes them as WebP in two widths.
"""
