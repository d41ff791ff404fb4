"""Measuring each engine by itself, beside the library that it is made from, in ordinary use."""
