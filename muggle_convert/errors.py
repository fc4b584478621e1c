"""The exceptions that reach a user."""


class Refusal(Exception):
    """One sentence that says what was found, what was expected and what to do."""


class Contradiction(Refusal):
    """A checkpoint that cannot be what its names look like, whatever flags say."""
