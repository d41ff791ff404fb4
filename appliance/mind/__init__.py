"""Words to a reply: knowledge first, then the language model, guarded."""

import os

# llama.cpp's threads are OpenMP's, which wait by spinning. Beside a busy neighbour, and ears, voice and face are such,
# a spinning thread takes the core from the one it waits for: thirty tokens took 13 s instead of 1.5 s on two cores.
# Not to spin at all is no answer either: a decode has hundreds of barriers, and to be woken at each doubles the time of
# a token. A few microseconds of it serve both: on two quiet cores 9 ms a token instead of 21, beside two faces being
# drawn 11 to 16 instead of 18 to 26. OpenMP reads this once, when llama_cpp is imported; no module of this package is
# imported before these lines.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
os.environ.setdefault("GOMP_SPINCOUNT", "300")
