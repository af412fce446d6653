"""Turns the bytes of container images, in any form, into one read-only view, and the view into proven relations.

Pure like the core: bytes come in as `Blob`s (`blob.py`), which `edge` makes out of files, registries and daemons.
Nothing is ever unpacked to disk. A form is one module that makes a `View` (`view.py`); all else works on views.
"""
