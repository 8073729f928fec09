"""Ready 3-D models with a clear licence, read from a folder that the user names; see CARD.md for attributions."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import bpy
import numpy as np

from .dice import Dice
from .stage import Stage

MAX_FACES = 40_000


@dataclass(frozen=True)
class Source:
    """``size`` is the height for people and carts, the length for everything else; ``roll`` quarter turns about x set it upright, ``turn`` about z let it face +x."""

    label: str
    path: str
    size: float
    turn: int = 0
    roll: int = 0


# Shapes that training may use.
CLEAN = (
    Source("ebike", "clean/moped/electric_scooter_rzyas.glb", 1.7),
    Source("ebike", "clean/moped/lowpoly_scooter_qbo/scene.gltf", 1.65),
    Source("ebike", "clean/moped/vespa_px125/scene.gltf", 1.7),
    Source("ebike", "clean/motorcycle/touring.glb", 1.9),
    Source("ebike", "clean/motorcycle/ninja_h2.glb", 1.85),
    Source("kick_scooter", "clean/kickscooter/cyberpunk_escooter.glb", 1.1),
    Source("kick_scooter", "clean/kickscooter/tier.glb", 1.15),
    Source("wheelchair", "clean/wheelchair/wheelchair_old.glb", 1.0),
    Source("trolley", "clean/cart/cart_toy.glb", 0.95),
    Source("trolley", "clean/cart/hospital_bed.glb", 0.95),
    Source("person", "clean/human/hunav_stand.glb", 1.7),
    Source("person", "clean/human/hunav_walk.glb", 1.7),
)
# Shapes that are only ever judged on.
UNSEEN = (
    Source("ebike", "unclear/moped/echopper_trike.glb", 1.6, turn=2),
    Source("ebike", "unclear/moped/scooter_fiqri.glb", 1.65, turn=2),
    Source("ebike", "unclear/moped/vespa_casette.glb", 1.7),
    Source("ebike", "unclear/motorcycle/ebike_untextured.glb", 1.75, turn=2, roll=3),  # lies on its side
    Source("bicycle", "unclear/bicycle/bicycle_blue.glb", 1.7),
    Source("bicycle", "unclear/bicycle/racer_red/model.gltf", 1.7),
    Source("kick_scooter", "unclear/kickscooter/trottinette.glb", 1.1),
    Source("wheelchair", "unclear/wheelchair/wheelchair_green.glb", 1.0),
    Source("person", "unclear/human/gz_female_1.glb", 1.65),
    Source("person", "unclear/human/suit_man.glb", 1.75),
    Source("person", "unclear/human/man_lowpoly.glb", 1.7),
)


@dataclass(frozen=True)
class Ready:
    """A loaded model, scaled and standing on the origin; ``outline`` samples its vertices."""

    source: Source
    data: bpy.types.Mesh
    outline: np.ndarray


def load(folder: Path, sources: tuple[Source, ...], stage: Stage) -> list[Ready]:
    """Loads what is there; a missing or broken file is reported and left out."""
    out = []
    for s in sources:
        path = folder / s.path
        if not path.exists():
            print(f"asset missing: {s.path}", flush=True)
            continue
        try:
            out.append(_load(path, s, stage))
        except (RuntimeError, ValueError, IndexError) as e:
            print(f"asset unusable: {s.path}: {e}", flush=True)
    stage.keep()
    return out


def _load(path: Path, source: Source, stage: Stage) -> Ready:
    before = set(bpy.data.objects)
    bpy.ops.import_scene.gltf(filepath=str(path))
    new = [o for o in bpy.data.objects if o not in before]
    bpy.context.view_layer.update()
    graph = bpy.context.evaluated_depsgraph_get()
    parts = []
    for o in new:
        if o.type != "MESH" or o.hide_render or "Icosphere" in o.name:  # the importer's bone shapes
            continue
        data = bpy.data.meshes.new_from_object(o.evaluated_get(graph), preserve_all_data_layers=True, depsgraph=graph)
        if not data.vertices:
            continue
        data.transform(o.matrix_world)
        if not len(data.materials):
            data.materials.append(bpy.data.materials.new("plain"))
        if data.uv_layers:
            data.uv_layers[0].name = "UVMap"
        part = bpy.data.objects.new("part", data)
        stage.scene.collection.objects.link(part)
        parts.append(part)
    for o in new:
        bpy.data.objects.remove(o)
    if not parts:
        raise ValueError("no mesh in it")
    if len(parts) > 1:
        with bpy.context.temp_override(active_object=parts[0], object=parts[0], selected_objects=parts, selected_editable_objects=parts):
            bpy.ops.object.join()
    o = parts[0]
    data = o.data
    if len(data.polygons) > MAX_FACES * 1.5:
        modifier = o.modifiers.new("fewer", "DECIMATE")
        modifier.ratio = MAX_FACES / len(data.polygons)
        bpy.context.view_layer.update()
        data = bpy.data.meshes.new_from_object(o.evaluated_get(bpy.context.evaluated_depsgraph_get()))
    bpy.data.objects.remove(o)
    v = np.empty(len(data.vertices) * 3, np.float32)
    data.vertices.foreach_get("co", v)
    v = v.reshape(-1, 3)
    for _ in range(source.roll):
        v = np.stack([v[:, 0], -v[:, 2], v[:, 1]], 1)
    low, high = (v.min(0), v.max(0)) if source.label == "person" else np.percentile(v, [0.2, 99.8], axis=0)
    span = high - low
    tall = source.label in ("person", "trolley")
    v = (v - [(low[0] + high[0]) / 2, (low[1] + high[1]) / 2, low[2]]) * (source.size / (span[2] if tall else max(span[:2])))
    if source.label != "person" and span[1] > span[0]:
        v = np.stack([v[:, 1], -v[:, 0], v[:, 2]], 1)
    for _ in range(source.turn):
        v = np.stack([v[:, 1], -v[:, 0], v[:, 2]], 1)
    data.vertices.foreach_set("co", v.astype(np.float32).ravel())
    data.update()
    return Ready(source, data, v[:: max(1, len(v) // 400)])


def recoloured(ready: Ready, d: Dice, stage: Stage) -> bpy.types.Mesh:
    """A copy in other colours: textures are shifted in hue, plain materials are repainted."""
    data = ready.data.copy()
    for i, m in enumerate(data.materials):
        shader = next((n for n in m.node_tree.nodes if n.type == "BSDF_PRINCIPLED"), None) if m and m.use_nodes else None
        if shader is None:
            from .paint import body

            data.materials[i] = stage.material(body(d))
            continue
        m = m.copy()
        shader = next(n for n in m.node_tree.nodes if n.type == "BSDF_PRINCIPLED")
        slot = shader.inputs["Base Color"]
        if slot.is_linked:
            source = slot.links[0].from_socket
            shift = m.node_tree.nodes.new("ShaderNodeHueSaturation")
            m.node_tree.links.new(source, shift.inputs["Color"])
            m.node_tree.links.new(shift.outputs[0], slot)
            shift.inputs["Hue"].default_value = d.u(0, 1) if d.chance(0.6) else 0.5
            shift.inputs["Saturation"].default_value = d.u(0.3, 1.3)
            shift.inputs["Value"].default_value = d.u(0.5, 1.5)
        elif max(slot.default_value[:3]) > 0.08:
            slot.default_value = (*d.colour(), 1)
            shader.inputs["Metallic"].default_value = min(shader.inputs["Metallic"].default_value, 0.5)
        data.materials[i] = m
    return data
