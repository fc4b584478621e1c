"""The version of the program, as it goes into every file it writes."""

VERSION = "0.1.0"
