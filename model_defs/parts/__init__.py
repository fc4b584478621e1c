"""The parts that most networks share, in the order in which an image passes through them."""
