"""Shapes and scenes, without Blender."""

import numpy as np
import pytest

from scenes.cameras import camera
from scenes.cars import leaves, room
from scenes.clips import Track
from scenes.compose import compose
from scenes.cycles import bicycle
from scenes.dice import Dice
from scenes.ebikes import KINDS, ebike
from scenes.fittings import Vehicle
from scenes.people import Body, Pose
from scenes.prams import pram
from scenes.rivals import RIVALS, clutter, rival
from scenes.sensor import develop, exposure
from scenes.special_chairs import KINDS as CHAIRS
from scenes.special_chairs import special_chair
from scenes.trolleys import KINDS as TROLLEYS
from scenes.trolleys import trolley
from scenes.yards import bench, planks, steps, van, yard


@pytest.mark.parametrize("kind", list(KINDS))
def test_ebikes_stand_on_the_floor_and_have_their_size(kind: str) -> None:
    for seed in range(6):
        v = ebike(Dice(f"{kind}{seed}"), kind).mesh.vertices
        low, high = v.min(0), v.max(0)
        assert -0.06 < low[2] < 0.05
        assert 1.0 < high[0] - low[0] < 2.6
        assert high[2] < 2.0


@pytest.mark.parametrize("label", list(RIVALS))
def test_rivals_are_valid_meshes(label: str) -> None:
    for seed in range(6):
        v = rival(Dice(seed), label)
        assert v.label == label
        assert np.isfinite(v.mesh.vertices).all()
        assert max(i for f in v.mesh.faces for i in f) < len(v.mesh.vertices)
        assert len(v.mesh.faces) == len(v.mesh.paint_of_face) == len(v.mesh.smooth)


def check_fine(v: Vehicle, least: int, length: tuple[float, float], high: tuple[float, float]) -> None:
    """Stands on the floor, has its size, and is neither coarse nor heavy."""
    assert np.isfinite(v.mesh.vertices).all()
    assert least < len(v.mesh.faces) < 25_000
    low, top = v.mesh.vertices.min(0), v.mesh.vertices.max(0)
    assert -0.06 < low[2] < 0.05
    assert length[0] < top[0] - low[0] < length[1]
    assert high[0] < top[2] < high[1]


@pytest.mark.parametrize("kind", list(TROLLEYS))
def test_trolleys_are_finely_made_and_have_their_size(kind: str) -> None:
    length, high = {
        "flatbed": ((0.6, 1.6), (0.15, 2.0)),
        "shopping": ((0.7, 1.3), (0.8, 2.0)),
        "hand": ((0.3, 1.0), (0.9, 2.0)),
        "shopper": ((0.3, 0.7), (0.8, 1.3)),
        "cage": ((0.5, 1.5), (1.0, 2.3)),
        "bed": ((1.8, 2.4), (0.5, 2.0)),
    }[kind]
    for seed in range(8):
        check_fine(trolley(Dice(f"{kind}{seed}"), kind), 1000, length, high)


@pytest.mark.parametrize("kind", ("adult", "step", "folding", "child"))
def test_bicycles_are_finely_made_and_have_their_size(kind: str) -> None:
    for seed in range(8):
        check_fine(bicycle(Dice(f"{kind}{seed}"), kind), 2000, (0.8, 2.0), (0.6, 1.9))


def test_prams_are_finely_made_and_have_their_size() -> None:
    for seed in range(12):
        check_fine(pram(Dice(seed)), 2000, (0.8, 1.4), (0.9, 1.4))


@pytest.mark.parametrize("kind", list(CHAIRS))
def test_special_chairs_are_finely_made_and_have_their_size(kind: str) -> None:
    length = (1.2, 2.0) if kind in ("racing", "handcycle") else (0.6, 1.5)
    high = (0.6, 1.1) if kind in ("racing", "handcycle", "sports") else (1.0, 1.7)
    for seed in range(8):
        v = special_chair(Dice(f"{kind}{seed}"), kind)
        assert (v.label, v.kind) == ("wheelchair", kind)
        check_fine(v, 1000, length, high)


def test_the_edge_of_stairs_is_where_it_is_asked_for() -> None:
    for slope in (0.3, 0.53):
        v = steps(Dice(1), slope, 0.3).vertices
        assert v[abs(v[:, 0]) < 1e-9, 2].max() == pytest.approx(0.3)
        assert v[:, 2].min() >= 0


def test_vans_show_their_inside_only_with_the_gate_up() -> None:
    shut, wide = van(Dice(2), open_gate=False), van(Dice(2), open_gate=True)
    assert wide.vertices[:, 0].min() < shut.vertices[:, 0].min() - 0.3
    assert min(m.vertices[:, 2].min() for m in (shut, wide)) > -0.06


def test_what_stands_out_of_doors_is_on_the_ground() -> None:
    for seed in range(20):
        assert np.isfinite(yard(Dice(seed)).mesh.vertices).all()
        assert planks(Dice(seed), 0.8, 0.6).vertices[:, 2].min() > -0.05
        assert bench(Dice(seed)).vertices[:, 2].min() > -0.03


def test_a_chair_that_climbs_stands_nowhere_else() -> None:
    climbed = 0
    for seed in range(60):
        things = compose(f"climb{seed}", [], story="rival", only="wheelchair", setting="open").things
        chairs = [(t.x, t.y) for t in things if t.label == "wheelchair"]
        assert len(set(chairs)) == len(chairs)
        climbed += any(t.kind in ("ramp", "steps") for t in things)
    assert climbed > 5


def test_the_same_seed_gives_the_same_shape() -> None:
    a, b, c = (ebike(Dice(s)).mesh.vertices for s in ("x", "x", "y"))
    assert np.array_equal(a, b)
    assert a.shape != c.shape or not np.array_equal(a, c)


def test_a_body_keeps_its_height_in_any_step() -> None:
    body = Body(Dice(3), helmet=False)
    for phase in (0.0, 0.25, 0.5, 0.75):
        top = body.mesh(Pose("walk", phase)).vertices[:, 2].max()
        assert abs(top - body.height) < 0.15


def test_door_leaves_move_apart() -> None:
    r = room(Dice(5), sizes=(0.8, 0.9, 2.3))
    shut, wide = (leaves(r, o)[1].vertices[:, 0].min() for o in (0.0, 1.0))
    assert shut == pytest.approx(0.0, abs=0.01)
    assert wide > r.door * 0.9


def test_cameras_hang_inside() -> None:
    for seed in range(40):
        d = Dice(seed)
        r = room(d.fork(), hall=seed % 4 == 0)
        c = camera(d, r)
        assert abs(c.place[0]) <= r.x
        assert abs(c.place[1]) <= r.y
        assert 0.5 < c.place[2] < r.z


def test_clutter_never_fails() -> None:
    assert all(len(clutter(Dice(s)).mesh.vertices) for s in range(40))


def test_a_track_counts_steps_backwards() -> None:
    t = Track([(0, 0, -2, np.pi / 2), (2, 0, 0, np.pi / 2), (4, 0, -2, np.pi / 2)])
    assert t.at(2)[1] == pytest.approx(0)
    assert t.walked(2) == pytest.approx(2, abs=0.05)
    assert t.walked(4) == pytest.approx(0, abs=0.05)
    assert t.moving(1)
    assert not t.moving(5)


def test_development_keeps_order_and_range() -> None:
    light = np.tile(np.linspace(0, 4, 64, dtype=np.float32)[None, :, None], (64, 1, 3))
    out = develop(light, exposure(light, 0.5))
    assert out.dtype == np.uint8
    assert (np.diff(out[0, :, 0].astype(int)) >= 0).all()
