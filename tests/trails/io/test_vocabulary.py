import pytest

from napari_uai.errors import BadValueError
from napari_uai.trails.io.table_options import TableOptions
from napari_uai.trails.io.vocabulary import VOCABULARY, meaning_of, roles_of


@pytest.mark.parametrize("role", VOCABULARY)
def test_every_spelling_of_a_name_means_the_same(role):
    for name in VOCABULARY[role]:
        words = name.split()
        known = meaning_of(name).role
        spelt = ("_".join(words), "-".join(words), ".".join(words), "".join(words),
                 name.upper(), name.title(), f" {name} ", "_".join(words).upper())  # fmt: skip
        assert {meaning_of(one).role for one in spelt} == {known}
        camel = words[0] + "".join(word.title() for word in words[1:])
        if all(len(word) > 1 for word in words):
            assert meaning_of(camel).role == known


@pytest.mark.parametrize(
    ("name", "role"),
    [
        ("bbox_left", "left"), ("BBox-Top", "top"), ("box.x1", "left"), ("bb_width", "width"),
        ("bbox_x", "left"), ("bbox_cx", "x"), ("bounding_box_height", "height"),
        ("object_type", "class"), ("agentType", "class"), ("det_conf", "confidence"),
        ("Position X (µm)", "x"), ("x/m", "x"), ("Y [px]", "y"), ("timestamp_ms", "time"),
        ("Track n°", "trail"), ("Frame #", "frame"), ("x_min", "left"), ("v_Class", "class"),
        ("TrackObjects_Label_50", "trail"), ("location-long", "x"),
    ],
)  # fmt: skip
def test_prefixes_and_units_make_no_difference(name, role):
    assert meaning_of(name).role == role


@pytest.mark.parametrize(
    "name",
    ["xVelocity", "psi_rad", "Parent ID", "spot_id", "detection_id", "lineage id", "area", "note",
     "length", "parent_track_id"],
)  # fmt: skip
def test_other_names_mean_nothing(name):
    assert meaning_of(name).role == ""


def test_units_of_time_are_in_the_name():
    factors = {"time_ms": 1e-3, "t [us]": 1e-6, "TimestampNs": 1e-9, "Time (s)": 1, "t_s": 1}
    for name, factor in factors.items():
        assert meaning_of(name)[::3] == ("time", factor)


def test_the_id_of_a_track_precedes_other_ids():
    for ids in (["ID", "Tracklet ID"], ["id", "track_id"], ["ID", "TRACK_ID"]):
        assert roles_of(ids).candidates["trail"][0] == ids[1]


def test_options_of_a_table_are_read_from_text_or_mappings():
    assert TableOptions("x=cx, y=cy").by_meaning == TableOptions({"x": "cx", "y": "cy"}).by_meaning
    assert TableOptions(["frame", "trail", "x", "y"]).in_order == ["frame", "trail", "x", "y"]
    assert TableOptions(where={"camera": 3}).conditions == {"camera": "3"}
    assert TableOptions(where="camera=A,class=car").conditions == {"camera": "A", "class": "car"}
    assert TableOptions().record == {}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"columns": "x=cx,why=cy"}, "did you mean 'y'"),
        ({"columns": "x=cx,cy"}, "NAME=VALUE"),
        ({"where": "camera"}, "camera=A"),
        ({"time_format": "minutes"}, "time_format must be"),
        ({"box_point": "middle"}, "box_point must be one of centre"),
    ],
)
def test_options_that_are_not_understood_say_what_is(options, message):
    with pytest.raises(BadValueError, match=message):
        TableOptions(**options)


def test_a_name_of_any_length_is_looked_at_in_no_time():
    """Damaged tables have cells of megabytes; a search in all of it would take hours."""
    assert meaning_of("a (" * 500_000).role == ""
    assert meaning_of("x" + " " * 500_000).role == "x"
