"""Many pictures on many machines: where they are read from, where predictions go, and Ray in between. Nothing of it is loaded by local runs."""
