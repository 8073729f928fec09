"""Blender, and nothing else: puts meshes on a stage, renders a picture and an exact index mask.

The mask is a second render whose every surface glows with its object's index and reflects nothing, so
a mirror image never enlarges a box, and an e-bike seen only in a mirror has none.
"""

from __future__ import annotations

import math
import os
import tempfile
from pathlib import Path

os.environ["OPENCV_IO_ENABLE_OPENEXR"] = "1"

import bpy
import cv2
import numpy as np
from mathutils import Matrix, Quaternion, Vector

from .cameras import Camera
from .paint import Paint
from .shapes import Mesh


class Stage:
    """One Blender scene that is emptied and filled again."""

    def __init__(self, threads: int = 2) -> None:
        bpy.ops.wm.read_factory_settings(use_empty=True)
        self.scene = bpy.context.scene
        self._kept_materials: set = set()
        self._kept_meshes: set = set()
        self._kept_images: set = set()
        self._materials: dict[int, tuple[Paint, object]] = {}
        self._mask = self._mask_material()
        self._scratch = Path(tempfile.mkdtemp(prefix="stage-"))
        render = self.scene.render
        render.engine = "CYCLES"
        render.threads_mode, render.threads = "FIXED", threads
        self.scene.world = bpy.data.worlds.new("world")
        self.scene.world.use_nodes = True
        self.keep()

    def keep(self) -> None:
        """What is there now (materials, meshes, images: the library) survives ``clear``."""
        self._kept_materials, self._kept_meshes = set(bpy.data.materials), set(bpy.data.meshes)
        self._kept_images = set(bpy.data.images)
        for block in (*self._kept_materials, *self._kept_meshes, *self._kept_images):
            block.use_fake_user = True

    def clear(self) -> None:
        for o in list(bpy.data.objects):
            bpy.data.objects.remove(o)
        for collection, kept in (
            (bpy.data.meshes, self._kept_meshes),
            (bpy.data.materials, self._kept_materials),
            (bpy.data.images, self._kept_images),
            (bpy.data.cameras, set()),
        ):
            for block in list(collection):
                if block not in kept and block.name != "Render Result":
                    collection.remove(block)
        self._materials.clear()

    # -- things ---------------------------------------------------------------------------------

    def add(self, mesh: Mesh, index: int = 0) -> bpy.types.Object:
        """Puts a mesh on the stage; ``index`` 0 is background in the mask."""
        data = bpy.data.meshes.new("m")
        data.from_pydata(mesh.vertices.tolist(), [], mesh.faces)
        for paint in mesh.paints:
            data.materials.append(self.material(paint))
        data.polygons.foreach_set("material_index", mesh.paint_of_face)
        data.polygons.foreach_set("use_smooth", mesh.smooth)
        if mesh.uvs:
            layer = data.uv_layers.new()
            for face, uv in mesh.uvs.items():
                for k, loop in enumerate(data.polygons[face].loop_indices):
                    layer.data[loop].uv = uv[k]
        data.update()
        return self.add_data(data, index)

    def add_data(self, data: bpy.types.Mesh, index: int) -> bpy.types.Object:
        o = bpy.data.objects.new("o", data)
        self.scene.collection.objects.link(o)
        o.pass_index = index
        return o

    @staticmethod
    def place(o: bpy.types.Object, x: float, y: float, yaw: float, lean: float = 0.0, z: float = 0.0) -> None:
        """``lean`` tips it sideways about its own long axis."""
        o.matrix_world = Matrix.Translation((x, y, z)) @ Matrix.Rotation(yaw, 4, "Z") @ Matrix.Rotation(lean, 4, "X")

    def camera(self, c: Camera) -> None:
        data = bpy.data.cameras.new("camera")
        o = bpy.data.objects.new("camera", data)
        self.scene.collection.objects.link(o)
        self.scene.camera = o
        look = (Vector(c.target) - Vector(c.place)).to_track_quat("-Z", "Y") @ Quaternion((0, 0, 1), c.roll)
        o.matrix_world = Matrix.Translation(c.place) @ look.to_matrix().to_4x4()
        data.clip_start, data.sensor_fit, data.sensor_width = 0.01, "HORIZONTAL", 36
        if c.fisheye:
            data.type, data.panorama_type = "PANO", "FISHEYE_EQUISOLID"
            data.fisheye_fov = math.pi * 1.15
            data.fisheye_lens = 18 / (2 * math.sin(math.radians(c.fov_deg) / 4))
        else:
            data.lens = 18 / math.tan(math.radians(c.fov_deg) / 2)
        self.scene.render.resolution_x, self.scene.render.resolution_y = c.width, c.height
        self.scene.render.resolution_percentage = 100

    def sky(self, strength: float, panorama: Path | None = None, turn: float = 0.0) -> None:
        """Even light, or a panorama's light and picture turned about the vertical."""
        tree = self.scene.world.node_tree
        node = tree.nodes["Background"]
        for n in [n for n in tree.nodes if n.type in ("TEX_ENVIRONMENT", "MAPPING", "TEX_COORD")]:
            tree.nodes.remove(n)
        if panorama is None:
            node.inputs[0].default_value, node.inputs[1].default_value = (strength, strength, strength, 1), 1.0
            return
        picture, mapping, where = (tree.nodes.new(f"ShaderNode{n}") for n in ("TexEnvironment", "Mapping", "TexCoord"))
        picture.image = bpy.data.images.load(str(panorama), check_existing=True)
        mapping.inputs["Rotation"].default_value[2] = turn
        tree.links.new(where.outputs["Generated"], mapping.inputs["Vector"])
        tree.links.new(mapping.outputs["Vector"], picture.inputs["Vector"])
        tree.links.new(picture.outputs["Color"], node.inputs[0])
        node.inputs[1].default_value = strength

    # -- pictures -------------------------------------------------------------------------------

    def render(self, seed: int, samples: int = 4) -> np.ndarray:
        """Light as linear [h, w, 3] BGR floats; see ``sensor.develop``."""
        c, s = self.scene.cycles, self.scene
        c.samples, c.seed, c.use_adaptive_sampling = samples, seed, False
        c.use_denoising, c.denoiser = True, "OPENIMAGEDENOISE"
        c.denoising_quality = "FAST"
        c.max_bounces, c.diffuse_bounces, c.glossy_bounces = 4, 2, 3
        c.transmission_bounces, c.transparent_max_bounces = 1, 4
        c.caustics_reflective = c.caustics_refractive = False
        c.sample_clamp_indirect = 3
        c.use_light_tree = False  # few lamps, all near: choosing among them by a tree takes a quarter of the time and shows no less noise
        s.render.filter_size = 1.5
        s.view_layers[0].material_override = None
        image = s.render.image_settings
        image.file_format, image.color_mode, image.color_depth = "OPEN_EXR", "RGB", "16"
        return self._shoot("light.exr", cv2.IMREAD_UNCHANGED)

    def mask(self) -> np.ndarray:
        """Object indices as [h, w] bytes."""
        c, s = self.scene.cycles, self.scene
        node = s.world.node_tree.nodes["Background"]
        sky = node.inputs[1].default_value
        node.inputs[1].default_value = 0.0
        c.samples, c.use_denoising, c.max_bounces = 1, False, 0
        s.view_settings.view_transform = "Raw"
        s.view_settings.exposure, s.view_settings.gamma = 0, 1
        s.render.filter_size, s.render.dither_intensity = 0.01, 0
        image = s.render.image_settings
        image.file_format, image.color_mode, image.color_depth = "PNG", "BW", "8"
        s.view_layers[0].material_override = self._mask
        out = self._shoot("index.png", cv2.IMREAD_GRAYSCALE)
        s.view_layers[0].material_override = None
        node.inputs[1].default_value = sky
        return out

    def _shoot(self, name: str, how: int) -> np.ndarray:
        path = str(self._scratch / name)
        self.scene.render.filepath = path
        bpy.ops.render.render(write_still=True)
        picture = cv2.imread(path, how)
        if picture is None:
            raise RuntimeError(f"no picture was written to {path}")
        return picture

    # -- materials ------------------------------------------------------------------------------

    def material(self, p: Paint) -> bpy.types.Material:
        """Paints are shared by identity within one scene."""
        known = self._materials.get(id(p))
        if known:
            return known[1]
        m = bpy.data.materials.new("m")
        m.use_nodes = True
        tree = m.node_tree
        shader = tree.nodes.get("Principled BSDF")
        slots = shader.inputs
        slots["Base Color"].default_value = (*p.colour, 1)
        slots["Metallic"].default_value = p.metallic
        slots["Roughness"].default_value = p.roughness
        if p.see_through:
            slots["Alpha"].default_value = 1 - p.see_through
        if p.glow:
            slots["Emission Color"].default_value = (*p.colour, 1)
            slots["Emission Strength"].default_value = p.glow
        if p.pattern:
            self._pattern(tree, p, slots["Base Color"])
        if p.smudge:
            noise, ramp = tree.nodes.new("ShaderNodeTexNoise"), tree.nodes.new("ShaderNodeMapRange")
            noise.inputs["Scale"].default_value = 3.0
            ramp.inputs["To Min"].default_value = max(0.03, p.roughness - p.smudge)
            ramp.inputs["To Max"].default_value = min(1.0, p.roughness + p.smudge)
            tree.links.new(noise.outputs[0], ramp.inputs["Value"])
            tree.links.new(ramp.outputs[0], slots["Roughness"])
        if p.picture is not None:
            node = tree.nodes.new("ShaderNodeTexImage")
            node.image = self._image(p.picture)
            tree.links.new(node.outputs[0], slots["Base Color"])
            if p.glow:
                tree.links.new(node.outputs[0], slots["Emission Color"])
        self._materials[id(p)] = (p, m)  # holding p keeps its id from being used again
        return m

    @staticmethod
    def _pattern(tree: bpy.types.NodeTree, p: Paint, slot: bpy.types.NodeSocket) -> None:
        kind, output = {
            "noise": ("ShaderNodeTexNoise", 0),
            "voronoi": ("ShaderNodeTexVoronoi", 0),
            "wave": ("ShaderNodeTexWave", 1),
            "checker": ("ShaderNodeTexChecker", 1),
            "brick": ("ShaderNodeTexBrick", 1),
        }[p.pattern]
        where, texture, ramp = (tree.nodes.new(n) for n in ("ShaderNodeTexCoord", kind, "ShaderNodeValToRGB"))
        texture.inputs["Scale"].default_value = p.scale
        tree.links.new(where.outputs["Object"], texture.inputs["Vector"])
        tree.links.new(texture.outputs[output], ramp.inputs[0])
        tree.links.new(ramp.outputs[0], slot)
        ramp.color_ramp.elements[0].color, ramp.color_ramp.elements[1].color = (*p.colour, 1), (*p.second, 1)
        ramp.color_ramp.elements[0].position, ramp.color_ramp.elements[1].position = 0.4, 0.6

    @staticmethod
    def _image(picture: np.ndarray) -> bpy.types.Image:
        h, w = picture.shape[:2]
        image = bpy.data.images.new("picture", w, h)
        rgba = np.ones((h, w, 4), np.float32)
        rgba[..., :3] = picture[::-1]
        image.pixels.foreach_set(rgba.ravel())
        image.update()
        return image

    @staticmethod
    def _mask_material() -> bpy.types.Material:
        m = bpy.data.materials.new("index")
        m.use_nodes = True
        tree = m.node_tree
        tree.nodes.clear()
        info, divide, glow, out = (
            tree.nodes.new(n) for n in ("ShaderNodeObjectInfo", "ShaderNodeMath", "ShaderNodeEmission", "ShaderNodeOutputMaterial")
        )
        divide.operation = "DIVIDE"
        divide.inputs[1].default_value = 255
        tree.links.new(info.outputs["Object Index"], divide.inputs[0])
        tree.links.new(divide.outputs[0], glow.inputs["Color"])
        tree.links.new(glow.outputs[0], out.inputs["Surface"])
        return m
