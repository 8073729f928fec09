"""Rendered lift scenes: procedural cars, e-bikes, rivals and people, all from a seed.

Reading order: ``dice`` and ``shapes`` (pure), ``paint`` (pure), the things themselves (``ebikes``,
``rivals`` with ``cycles``, ``wheelchairs``, ``prams``, ``trolleys``, ``beds`` and what lies on them in
``loads``, ``people``: pure), ``cars`` and ``cameras`` (pure plans), ``stage`` (the only module that
knows Blender, with ``assets``), ``compose`` (one random picture), and the two programs ``dataset`` and
``clips``.

Conventions: metres, z up, the floor at z = 0. A vehicle looks along +x and stands centred on the
origin. The car's door is in the wall at -y.
"""
