"""Readable depth networks in plain torch: no files, no names of the originals, nothing of the converter."""
