"""What each format is made of, and what cannot be asked for."""

import pytest

from pipeline.errors import SettingError
from pipeline.export.choices import FORMATS, SOURCES, STREAM
from pipeline.export.formats import LAYOUTS, Order, plan_export
from pipeline.export.links import NAMES
from pipeline.run import Run
from pipeline.storage import Folder


def planned(run, **order):
    return plan_export(Run(run.recipe, Folder(str(run.root))), Order(**order))


@pytest.mark.parametrize("form", NAMES)
def test_the_stream_is_nothing_for_readers_of_token_shards(form):
    with pytest.raises(SettingError, match=f"--format {form} reads token shards as they lie: export it --of sources"):
        Order(form=form, of=STREAM)


def test_positions_are_of_the_stream():
    with pytest.raises(SettingError, match="--positions are of the stream: leave them out, or export --of stream"):
        Order(form="mds", of=SOURCES, positions=(0, 5))


@pytest.mark.parametrize("form", FORMATS)
def test_every_format_can_be_made_of_the_sources(finished_token_run, form):
    plan, _ = planned(finished_token_run, form=form, of=SOURCES)
    assert {piece.split for piece in plan.pieces} == {"c4", "books", "wikipedia"}
    kept = sum(piece.tokens for piece in plan.pieces)
    tokens = sum(size for shards in finished_token_run.plan.shards.values() for _, size in shards)
    assert kept + sum(plan.left_out.values()) == tokens


@pytest.mark.parametrize("form", [*LAYOUTS, "parquet"])
def test_the_others_can_be_made_of_the_stream(finished_token_run, form):
    plan, _ = planned(finished_token_run, form=form, of=STREAM, split="val", positions=(10, 20))
    assert {piece.split for piece in plan.pieces} == {"val"}
    assert sum(piece.tokens for piece in plan.pieces) == 160


@pytest.mark.parametrize("change", [{"form": "litdata"}, {"positions": (0, 5)}, {"file_bytes": 8000}, {"of": SOURCES}])
def test_the_key_follows_from_what_is_asked_for(finished_token_run, change):
    order = {"form": "mds", "of": STREAM, "file_bytes": 4000}
    _, key = planned(finished_token_run, **order)
    assert planned(finished_token_run, **order)[1] == key
    assert planned(finished_token_run, **order | change)[1] != key


@pytest.mark.parametrize("order, name", [({"of": STREAM, "split": "val"}, "mds-val"), ({"of": SOURCES}, "mds-sources")])
def test_exports_in_one_folder_have_names_of_their_own(order, name):
    assert Order(form="mds", **order).name == name
