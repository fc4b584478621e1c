"""Many pictures at once: which ones, through a network without a pause, and what became of each."""
