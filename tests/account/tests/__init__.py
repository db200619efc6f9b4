"""Tests of the stand-in account itself: `python -m unittest discover -s account/tests -t .` in the folder `tests`."""
