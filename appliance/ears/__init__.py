"""Ears: speech in, words out."""
