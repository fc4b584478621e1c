"""Converts what it is told to, one file after the other, in one process without torch: what escapes as anything but a refusal is a finding."""

from __future__ import annotations

import json
import re
import sys
import time
import traceback
from pathlib import Path

from muggle_convert.conversion import Options, convert
from muggle_convert.errors import Refusal

OPTIONS = Options(family="depth_anything_v1", force=True, sync=False)

if __name__ == "__main__":
    for line in sys.stdin:
        source, target = map(Path, json.loads(line))
        start = time.perf_counter()
        try:
            convert(source, target, OPTIONS)
            outcome, message = "converted", ""
        except Refusal as refusal:
            outcome, message = "refused", str(refusal)
        except BaseException:
            outcome, message = "crashed", traceback.format_exc()
        peak = int(re.search(r"VmHWM:\s*(\d+) kB", Path("/proc/self/status").read_text())[1]) / 1024  # type: ignore[index]
        print(json.dumps([outcome, message, time.perf_counter() - start, peak]), flush=True)
