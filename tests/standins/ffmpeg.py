"""A stand-in for ffmpeg and ffprobe that speaks only the command lines of `predict/video.py`, so that its tests run where neither is installed.

Its videos are a line of JSON and the raw frames. Whatever it is not asked for in exactly these words, it refuses.
"""

import json
import re
import sys
from pathlib import Path

PROBE = r"-v error -select_streams v:0 -show_entries stream=avg_frame_rate,duration:format=duration -of json file:(?P<source>.+)"
DECODE = r"-v error -nostdin -i file:(?P<source>.+) -vf fps=(?P<rate>[\d/]+) -f image2pipe -c:v ppm -"
ENCODE = (
    r"-v error -nostdin -y -f rawvideo -pix_fmt rgb24 -s (?P<width>\d+)x(?P<height>\d+) -r (?P<rate>[\d/]+) -i - "
    r"-c:v libx264 -crf 18 -pix_fmt yuv420p -movflags \+faststart -f mp4 file:(?P<target>.+)"
)


def probe(source: str) -> None:
    about, _ = read(source)
    seconds = about["frames"] / number(about["rate"])
    rate = about["rate"] if "/" in about["rate"] else f"{about['rate']}/1"
    print(json.dumps({"streams": [{"avg_frame_rate": rate, "duration": str(seconds)}], "format": {}}))


def decode(source: str, rate: str) -> None:
    about, data = read(source)
    width, height = about["size"]
    size = width * height * 3
    for count in range(round(about["frames"] / number(about["rate"]) * number(rate))):
        start = int(count / number(rate) * number(about["rate"])) * size
        if start + size > len(data):
            print("[stand-in @ 0x7f00] File ended prematurely", file=sys.stderr)
            return
        sys.stdout.buffer.write(b"P6\n%d %d\n255\n" % (width, height) + data[start : start + size])


def encode(width: str, height: str, rate: str, target: str) -> None:
    with open(target, "wb") as file:  # which fails before anything is read, as ffmpeg does
        data = sys.stdin.buffer.read()
        about = {"rate": rate, "size": [int(width), int(height)], "frames": len(data) // (int(width) * int(height) * 3)}
        file.write(json.dumps(about).encode() + b"\n" + data)


def read(source: str) -> tuple:
    header, _, data = Path(source).read_bytes().partition(b"\n")
    return json.loads(header), data


def number(rate: str) -> float:
    whole, _, parts = rate.partition("/")
    return int(whole) / int(parts or 1)


if __name__ == "__main__":
    line = " ".join(sys.argv[1:])
    for program, pattern, action in (("ffprobe", PROBE, probe), ("ffmpeg", DECODE, decode), ("ffmpeg", ENCODE, encode)):
        if Path(sys.argv[0]).name == program and (found := re.fullmatch(pattern, line)):
            try:
                action(**found.groupdict())
            except (OSError, ValueError) as problem:
                sys.exit(f"[stand-in @ 0x7f00] {problem}")
            sys.exit(0)
    sys.exit(f"Unrecognized command line: {line}")
