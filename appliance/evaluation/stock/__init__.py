"""The baseline: a plain livekit-agents session, its defaults, the same model files through the libraries' own calls."""
