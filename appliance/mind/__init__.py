"""Words to a reply: knowledge first, then the language model, guarded."""

import os

# llama.cpp's threads are OpenMP's, which wait by spinning. Beside a busy neighbour, and ears, voice and face are such,
# a spinning thread takes the core from the one it waits for: thirty tokens took 13 s instead of 1.5 s on two cores.
# OpenMP reads this once, when llama_cpp is imported; no module of this package is imported before this line.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
