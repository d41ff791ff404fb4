"""Who is drawn and how they hold themselves: the house presenter, and random people to train on."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from appliance.face.training.colour import Colour, dark, mix

SKINS: tuple[Colour, ...] = (
    (242, 200, 174),
    (237, 190, 162),
    (228, 178, 146),
    (214, 160, 124),
    (194, 138, 102),
    (164, 110, 78),
    (128, 84, 60),
    (98, 64, 48),
)
HAIRS: tuple[Colour, ...] = (
    (58, 39, 30),
    (34, 26, 24),
    (92, 60, 38),
    (140, 96, 52),
    (196, 156, 96),
    (150, 76, 40),
    (120, 118, 118),
    (188, 186, 184),
)
STYLES = ("quiff", "short", "long", "bob", "bun", "bald", "crop", "curls", "scarf")
OUTFITS = ("suit", "tie", "scrubs", "cardigan")
CLOTHES: tuple[Colour, ...] = ((40, 56, 86), (46, 100, 96), (60, 64, 74), (112, 58, 66), (80, 84, 120), (168, 132, 70))


@dataclass(frozen=True, slots=True)
class Look:
    """One person."""

    skin: Colour = (239, 193, 165)
    """Skin in even light."""
    hair: Colour = (70, 47, 35)
    """Hair in even light."""
    style: str = "quiff"
    """One of STYLES."""
    scarf: Colour = (88, 108, 128)
    """Headscarf, where the style is one."""
    iris: Colour = (112, 78, 46)
    """Iris colour."""
    lips: Colour = (192, 118, 104)
    """Lips, in the middle of the lower one."""
    clothes: str = "suit"
    """One of OUTFITS."""
    cloth: Colour = (42, 58, 88)
    """Jacket, tunic or cardigan."""
    accent: Colour = (150, 60, 66)
    """Tie, top, or a pen."""
    wall: Colour = (226, 214, 198)
    """Background, where it is plain."""
    lobby: bool = True
    """Draw a lobby behind rather than a plain wall."""
    age: float = 0.0
    """0 young, 1 about seventy: lines of the forehead, the eyes and the mouth."""
    beard: float = 0.2
    """0 none, 0.3 a shadow, 1 a full short beard."""
    glasses: int = 0
    """0 none, 1 round, 2 square."""
    width: float = 1.0
    """Breadth of the head, about 0.92 to 1.08."""
    jaw: float = 1.04
    """Breadth of the lower jaw, about 0.9 to 1.1."""
    mouth: float = 1.0
    """Breadth of the mouth, about 0.88 to 1.14."""
    fullness: float = 1.0
    """Thickness of the lips, about 0.7 to 1.4."""
    nose: float = 1.08
    """Breadth of the nose, about 0.85 to 1.25."""
    eyes: float = 1.0
    """Size of the eyes, about 0.88 to 1.12."""
    brows: float = 1.35
    """Thickness of the brows, about 0.5 to 1.3."""
    lashes: float = 0.0
    """Length of the lashes, 0 to 1."""
    smile: float = 1.15
    """How far the resting mouth's corners go up, -0.3 to 1.4."""
    mouth_y: float = 50.5
    """Height of the mouth line under the eyes' middle, pixels at 512."""
    seed: int = 1
    """For strands of hair and the like."""


@dataclass(frozen=True, slots=True)
class Pose:
    """How the head is held and where the eyes look; all zero is straight ahead."""

    dx: float = 0.0
    """Shift to the right, pixels at 512."""
    dy: float = 0.0
    """Shift down, pixels."""
    roll: float = 0.0
    """Tilt, degrees clockwise."""
    yaw: float = 0.0
    """Turn to the right, -1 to 1 (about 12 degrees)."""
    pitch: float = 0.0
    """Nod down, -1 to 1."""
    scale: float = 1.0
    """Size."""
    blink: float = 0.0
    """0 open, 1 closed."""
    gaze: tuple[float, float] = field(default=(0.0, 0.0))
    """Where the irises point, -1 to 1 each."""
    brow: float = 0.0
    """Brows raised, -1 to 1."""
    breath: float = 0.0
    """Chest raised, 0 to 1."""
    smile: float = 0.0
    """More smile than at rest, -0.5 to 0.6."""
    squint: float = 0.0
    """How far the eyes smile: lower lids and cheeks raised, 0 to 1."""
    concern: float = 0.0
    """The brows' inner ends raised, 0 to 1."""


HOUSE = Look()


def random_look(seed: int) -> Look:
    """Draw up a person that nobody has seen."""
    pick = random.Random(seed)
    skin = mix(pick.choice(SKINS), pick.choice(SKINS), pick.uniform(0, 0.35))
    redness = pick.uniform(0.25, 0.8)
    lips = mix(mix(dark(skin, 0.16), (196, 92, 92), redness), dark(skin, 0.3), pick.uniform(0, 0.3))
    grey = pick.choice([(190, 200, 210), (205, 190, 175), (120, 140, 120), (90, 110, 150), (225, 225, 222)])
    return Look(
        skin=skin,
        hair=mix(pick.choice(HAIRS), pick.choice(HAIRS), pick.uniform(0, 0.3)),
        style=pick.choice(STYLES),
        iris=pick.choice([(112, 78, 46), (74, 50, 34), (92, 120, 148), (96, 118, 86), (60, 44, 36)]),
        lips=lips,
        clothes=pick.choice(OUTFITS),
        cloth=pick.choice(CLOTHES),
        accent=mix(pick.choice(CLOTHES), (232, 226, 216), pick.uniform(0, 0.9)),
        scarf=mix(pick.choice(CLOTHES), (190, 190, 190), pick.uniform(0.1, 0.7)),
        wall=mix(grey, (pick.uniform(40, 255), pick.uniform(40, 255), pick.uniform(40, 255)), pick.uniform(0, 0.7)),
        lobby=pick.random() < 0.3,
        age=max(0.0, pick.uniform(-0.6, 1.0)),
        beard=pick.choice([0, 0, 0, 0, 0.25, 0.4, 0.7, 1.0]),
        glasses=pick.choice([0, 0, 0, 1, 2]),
        width=pick.uniform(0.92, 1.08),
        jaw=pick.uniform(0.9, 1.08),
        mouth=pick.uniform(0.88, 1.14),
        fullness=pick.uniform(0.7, 1.4),
        nose=pick.uniform(0.85, 1.25),
        eyes=pick.uniform(0.88, 1.12),
        brows=pick.uniform(0.5, 1.3),
        lashes=pick.choice([0.0, 0.2, 0.6, 1.0]),
        smile=pick.uniform(-0.2, 1.3),
        mouth_y=pick.uniform(47.5, 54),
        seed=seed,
    )


def random_pose(pick: random.Random) -> Pose:
    """Hold a head somehow, as a loop of idle frames or a loosely cut face might."""
    return Pose(
        dx=pick.gauss(0, 3.5),
        dy=pick.gauss(0, 3),
        roll=pick.gauss(0, 1.8),
        yaw=max(-1, min(1, pick.gauss(0, 0.45))),
        pitch=max(-1, min(1, pick.gauss(0, 0.4))),
        scale=pick.gauss(1, 0.025),
        blink=1.0 if pick.random() < 0.05 else pick.uniform(0, 0.15),
        gaze=(pick.gauss(0, 0.4), pick.gauss(0, 0.3)),
        brow=pick.gauss(0, 0.3),
        smile=pick.uniform(-0.2, 0.4),
    )
