"""Whether a converted file, or a graph, is what its original was."""

from muggle_convert.verifying.verdicts import FAILURES, LEFT_OUT, Fared, Verdict, Verification
from muggle_convert.verifying.verify import verify

__all__ = ["FAILURES", "LEFT_OUT", "Fared", "Verdict", "Verification", "verify"]
