"""How to use a model, on its card: in Python, on the command line, and in transformers where it reads its kind."""

from __future__ import annotations

from muggle_convert.identify.match import Match
from muggle_convert.outputs import kind_of

HOME = "https://github.com/muggle-convert/muggle-convert"


def usage(match: Match, repository: str) -> str:
    kind, head = kind_of(match.config.output), match.config.head.kind
    example, files, options = kind.example, "photo.jpg", ""
    if head == "prompted depth":
        example = (
            'depth = model.predict("photo.jpg", "lidar.png")  # with measured depth beside it: .npy in metres, 16-bit .png in millimetres'
        )
        options = " --prompt lidar.png"
    elif head == "film depth":
        example = "for depth in model.stream_video(frames):  # an array for each frame, steady over a film of any length\n    ..."
        files = "walk.mp4"
    if not kind.formats:
        files = "left.jpg right.jpg"
    out = "scene.ply" if not kind.formats else "out/" if head == "film depth" else f"depth.{kind.formats[0]}"
    text = f"""```
pip install git+{HOME}
```

```python
from muggle_convert import load_any_dpt

model = load_any_dpt("{repository}")
{example}
```

```
muggle-convert depth {files} -m {repository} -o {out}{options}
```
"""
    if match.family.transformers is None:
        return text
    return (
        text
        + f"\nFor transformers, `muggle-convert export {repository} --to transformers -o FOLDER` writes a folder that its classes load.\n"
    )
