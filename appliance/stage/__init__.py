"""Speech and frames in; published tracks, captions and state out."""
