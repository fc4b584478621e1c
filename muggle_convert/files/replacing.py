"""The former home of `replacing`, kept until every caller imports it from `muggle_convert.files.atomic`."""

from __future__ import annotations

from muggle_convert.files.atomic import replacing as replacing
