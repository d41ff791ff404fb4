"""Names of phonemes as flite and pocketsphinx write them in, IPA out."""

from __future__ import annotations

from appliance.phoneme import SILENCE

_NAMES = """
aa=ɑ ae=æ ah=ʌ ao=ɔ aw=aʊ ax=ə axr=ɚ ay=aɪ eh=ɛ er=ɚ ey=eɪ ih=ɪ iy=i ow=oʊ oy=ɔɪ uh=ʊ uw=u
b=b ch=tʃ d=d dh=ð dx=ɾ el=əl em=əm en=ən f=f g=ɡ hh=h hv=h jh=dʒ k=k l=l m=m n=n ng=ŋ nx=n
p=p r=ɹ s=s sh=ʃ t=t th=θ v=v w=w y=j z=z zh=ʒ
"""
_IPA = dict(pair.split("=") for pair in _NAMES.split())


def ipa(name: str) -> str:
    """Give the symbol of an ARPAbet name, in either case; what is no phoneme (sil, pau, +spn+) is a pause."""
    return _IPA.get(name.lower(), SILENCE)
