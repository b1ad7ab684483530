"""Films: a frame of a drive, what is drawn in it, and the file that holds it."""
