"""Voice: words in, speech and the times of its phonemes out."""
