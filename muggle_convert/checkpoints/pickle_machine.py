"""A pickle machine that runs nothing.

It knows the opcodes that Python writes for protocols 2 to 5 and refuses every other one. It asks a `Globals` about each
name outside the pickle, which knows a handful of them; all others become inert objects.
"""

from __future__ import annotations

from muggle_convert.checkpoints.pickle_opcodes import FORBIDDEN, OPERATIONS
from muggle_convert.checkpoints.pickle_state import PickleState, Truncated
from muggle_convert.checkpoints.pickle_values import Value
from muggle_convert.errors import Refusal

PROTO, STOP = 0x80, 0x2E


class PickleMachine(PickleState):
    """Reads one pickle from `data`, starting at `position`, which afterwards is the first byte behind it."""

    def run(self) -> Value:
        start = self.position
        data, operations = self.data, OPERATIONS  # this loop is where the time goes
        try:
            self._start()
            for _ in range(self.limits.pickle_steps):
                code = data[self.position]
                self.position += 1
                operation = operations.get(code)
                if operation is None:
                    if code == STOP:
                        return self._result()
                    raise Refusal(
                        f"its pickle uses {FORBIDDEN.get(code, f'the unknown opcode 0x{code:02x}')} at byte {self.position - 1}, which "
                        "torch.save never writes"
                    )
                operation(self)
        except IndexError:
            if self.position >= len(self.data):
                raise Truncated(f"its pickle is cut off after {len(self.data) - start:,} bytes") from None
            raise Refusal(f"its pickle is broken at byte {self.position - 1}: it takes a value that is missing") from None
        raise Refusal(f"its pickle has more than {self.limits.pickle_steps:,} instructions, too many for a checkpoint")

    def _start(self) -> None:
        if self.data[self.position] != PROTO or not 2 <= self.data[self.position + 1] <= 5:
            raise Refusal("its pickle is not of protocol 2 to 5; load it where you trust it and save it again with torch.save")
        self.position += 2

    def _result(self) -> Value:
        if len(self.stack) != 1 or self.marked:
            raise Refusal(f"its pickle is broken: it stops with {len(self.stack)} values and {len(self.marked)} marks left over")
        return self.stack[0]
