"""How Sphinx builds the site: `make docs`."""

from __future__ import annotations

import sys
from importlib.metadata import version as version_of
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "_extensions"))

project = "napari-uai"
author = "The napari-uai developers"
project_copyright = author
version = release = version_of("napari-uai")

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
    "docstrings",
    "pages_from_code",
]
# Lists of other projects' pages are fetched from the network: `make docs SPHINX="-t online"`.
if tags.has("online"):  # type: ignore[name-defined] # noqa: F821 # given by Sphinx
    extensions.append("sphinx.ext.intersphinx")
    intersphinx_mapping = {
        "python": ("https://docs.python.org/3", None),
        "numpy": ("https://numpy.org/doc/stable", None),
        "dask": ("https://docs.dask.org/en/stable", None),
        "pandas": ("https://pandas.pydata.org/docs", None),
    }

exclude_patterns = ["_build", "examples", "reference/formats.md"]  # the last is included
templates_path = ["_templates"]
source_suffix = {".md": "markdown", ".rst": "restructuredtext"}

# Text
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

# Python
autosummary_generate = True
autodoc_preserve_defaults = True
autodoc_typehints = "none"  # docstrings.py writes types and limits beside the parameters
autodoc_member_order = "bysource"
autodoc_class_signature = "mixed"
numpydoc_show_class_members = False
nitpick_ignore_regex = [
    (r"py:.*", r"(numpy|np|dask|pandas|pd|matplotlib|skimage|scipy|trackpy|napari|torch)\b.*"),
    (r"py:.*", r"(collections|concurrent|contextlib|pathlib|typing|builtins)\b.*"),
]

# Examples
sphinx_gallery_conf = {
    "examples_dirs": "examples",
    "gallery_dirs": "gallery",
    "filename_pattern": r"\.py$",
    "doc_module": ("napari_uai",),
    "backreferences_dir": "gallery/of",
    "subsection_order": ["examples/landings", "examples/trails", "examples/extend"],
    "within_subsection_order": "examples_in_order.ExampleOrder",
    "reset_modules": ("matplotlib", "examples_in_order.figure_style"),
    "image_srcset": ["2x"],
    "thumbnail_size": (360, 252),
    "remove_config_comments": True,
    "min_reported_time": 3600,
    "show_memory": False,
    "show_signature": False,
    "nested_sections": True,
    "abort_on_example_error": True,
    "write_computation_times": False,
}

# Pages
html_theme = "pydata_sphinx_theme"
html_title = "napari-uai"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sourcelink = False
html_copy_source = False
html_sidebars = {"index": [], "changelog": [], "first-five-minutes": []}
html_theme_options: dict[str, Any] = {
    "header_links_before_dropdown": 7,
    "navigation_with_keys": False,
    "show_nav_level": 1,
    "show_toc_level": 2,
    "navbar_align": "left",
    "footer_start": ["copyright"],
    "footer_end": ["sphinx-version", "theme-version"],
    "secondary_sidebar_items": ["page-toc"],
    "pygments_light_style": "a11y-light",
    "pygments_dark_style": "a11y-dark",
}
